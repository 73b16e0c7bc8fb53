"""Trains two small CNNs on scikit-learn's handwritten digits and logs what they mix up, epoch by epoch and with pictures, for TensorBoard.

python demo/train_digits.py --logdir runs/digits && tensorboard --logdir runs/digits
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tb_confmat_plugin import ConfusionMatrixAccumulator, SummaryWriter

CLASS_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LEARNING_RATES = [0.003, 0.03]
EPOCHS = 20
BATCH = 64


def load_data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, list[str]]:
    """Images [N, 1, 8, 8] in 0..1 and labels [N], for training and, held out, for validation; and what these are called."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(
        images.reshape(-1, 1, 8, 8) / 16, labels, np.arange(len(labels)), test_size=0.4, stratify=labels, random_state=0
    )
    train_x, val_x, train_y, val_y, _, val_numbers = (torch.from_numpy(part) for part in parts)
    return train_x.float(), train_y, val_x.float(), val_y, [f"digit {number}" for number in val_numbers.tolist()]


def build_model() -> nn.Module:
    """Two convolutions and a linear layer: images [N, 1, 8, 8] to logits [N, 10]."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(32 * 2 * 2, len(CLASS_NAMES)),
    )


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor) -> float:
    """One pass over the training set in a random order; the mean loss."""
    model.train()
    total = 0.0
    for batch in torch.randperm(len(images)).split(BATCH):
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(images)


@torch.no_grad()
def validate(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, ids: list[str], accumulator: ConfusionMatrixAccumulator
) -> float:
    """Counts what the model makes of every image, batch by batch; the mean loss."""
    model.eval()
    accumulator.reset()
    total = 0.0
    for start in range(0, len(images), BATCH):
        batch = slice(start, start + BATCH)
        logits = model(images[batch])
        accumulator.update(logits, labels[batch], images=images[batch], ids=ids[batch])
        total += nn.functional.cross_entropy(logits, labels[batch], reduction="sum").item()
    return total / len(images)


def train(logdir: Path, learning_rate: float) -> None:
    """One run of TensorBoard: the loss, the accuracy, the confusion matrix and examples of every epoch."""
    torch.manual_seed(0)
    train_x, train_y, val_x, val_y, val_ids = load_data()
    model = build_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    accumulator = ConfusionMatrixAccumulator(len(CLASS_NAMES), CLASS_NAMES)
    with SummaryWriter(logdir / f"lr={learning_rate}") as writer:
        for epoch in range(1, EPOCHS + 1):
            train_loss = train_epoch(model, optimizer, train_x, train_y)
            val_loss = validate(model, val_x, val_y, val_ids, accumulator)
            matrix = accumulator.compute()
            accuracy = matrix.true_positives.sum() / matrix.total
            writer.add_scalar("loss/train", train_loss, epoch)
            writer.add_scalar("loss/val", val_loss, epoch)
            writer.add_scalar("accuracy/val", accuracy, epoch)
            writer.add_confusion_matrix("val", matrix, epoch, examples=accumulator.examples())
            print(f"lr={learning_rate}  epoch {epoch:2}  loss {train_loss:.3f}  accuracy {accuracy:.3f}", flush=True)


def main() -> None:
    """Trains once with each learning rate."""
    parser = argparse.ArgumentParser(description="Train two small CNNs on handwritten digits and log their confusion matrices.")
    parser.add_argument("--logdir", type=Path, default=Path("runs/digits"), help="where to write the logs (default: runs/digits)")
    args = parser.parse_args()
    for learning_rate in LEARNING_RATES:
        train(args.logdir, learning_rate)


if __name__ == "__main__":
    main()
