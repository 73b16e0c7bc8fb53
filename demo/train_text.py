"""Trains a small model to predict the next character of Python's own standard library, and logs which characters it mixes up, and where.

python demo/train_text.py --logdir runs/text && tensorboard --logdir runs/text
"""

import argparse
import string
import sysconfig
import unicodedata
from pathlib import Path

import torch
from torch import nn

from tb_confmat_plugin import ConfusionMatrixAccumulator, SummaryWriter

CHARACTERS = "\n" + "".join(sorted(string.printable[:95]))  # all else is the last class
CONTEXT = 16  # characters that the model sees
SHOWN = 60  # characters that an example shows before the one to predict, and half as many after it
EPOCHS = 10
BATCHES, BATCH = 150, 512
VALIDATION = 10_000  # characters


def class_name(character: str) -> str:
    """A path, such as "letter/lower/a" or "punctuation/left parenthesis"."""
    if character == "\n":
        return "space/newline"
    if character.isalpha():
        return f"letter/{'lower' if character.islower() else 'upper'}/{character}"
    if character.isdigit():
        return f"digit/{character}"
    kind = {"P": "punctuation", "S": "symbol", "Z": "space"}[unicodedata.category(character)[0]]
    return f"{kind}/{unicodedata.name(character).lower()}"


CLASS_NAMES = [*map(class_name, CHARACTERS), "other"]


def read_sources() -> list[tuple[str, str]]:
    """Name and content of every module of the standard library that is long enough."""
    library = Path(sysconfig.get_path("stdlib"))
    sources = [(path.name, path.read_text("utf-8", errors="replace")) for path in sorted(library.glob("*.py"))]
    return [(name, text) for name, text in sources if len(text) > 2_000]


def encode(text: str) -> torch.Tensor:
    """The class of each character."""
    classes = {character: index for index, character in enumerate(CHARACTERS)}
    return torch.tensor([classes.get(character, len(CHARACTERS)) for character in text])


def excerpt(text: str, at: int) -> str:
    """What surrounds the character at a position, which stands in brackets; a newline stands there as an arrow, and follows."""
    character = "\u21b5" if text[at] == "\n" else text[at]
    rest = text[at if text[at] == "\n" else at + 1 :][: SHOWN // 2]
    return f"{text[max(0, at - SHOWN) : at]}\u27e6{character}\u27e7{rest}"


def load_data() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[str], list[str]]:
    """Characters to train on [N]; of others, contexts [M, CONTEXT] and the next one [M], what surrounds it, and where it is."""
    sources = read_sources()
    train = encode("".join(text for number, (_, text) in enumerate(sources) if number % 5))
    contexts, targets, texts, ids = [], [], [], []
    held_out = sources[::5]
    for name, text in held_out:
        characters = encode(text)
        for at in torch.linspace(CONTEXT, len(text) - 1, VALIDATION // len(held_out)).long().tolist():
            contexts.append(characters[at - CONTEXT : at])
            targets.append(characters[at])
            texts.append(excerpt(text, at))
            ids.append(f"{name}:{at}")
    return train, torch.stack(contexts), torch.stack(targets), texts, ids


def build_model() -> nn.Module:
    """Contexts [N, CONTEXT] to logits [N, 97]."""
    return nn.Sequential(
        nn.Embedding(len(CLASS_NAMES), 24), nn.Flatten(), nn.Linear(24 * CONTEXT, 192), nn.ReLU(), nn.Linear(192, len(CLASS_NAMES))
    )


def train_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, characters: torch.Tensor) -> float:
    """Batches from random places; the mean loss."""
    model.train()
    total = 0.0
    for _ in range(BATCHES):
        starts = torch.randint(len(characters) - CONTEXT, (BATCH, 1))
        windows = characters[starts + torch.arange(CONTEXT + 1)]
        loss = nn.functional.cross_entropy(model(windows[:, :-1]), windows[:, -1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / BATCHES


def main() -> None:
    """One run of TensorBoard: the loss, the accuracy, the confusion matrix and examples of every epoch."""
    parser = argparse.ArgumentParser(description="Train a small model of the next character and log its confusion matrices.")
    parser.add_argument("--logdir", type=Path, default=Path("runs/text"), help="where to write the log (default: runs/text)")
    args = parser.parse_args()
    torch.manual_seed(0)
    train, contexts, targets, texts, ids = load_data()
    model = build_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    accumulator = ConfusionMatrixAccumulator(len(CLASS_NAMES), CLASS_NAMES)
    with SummaryWriter(args.logdir / "next character") as writer:
        for epoch in range(1, EPOCHS + 1):
            loss = train_epoch(model, optimizer, train)
            model.eval()
            accumulator.reset()
            with torch.no_grad():
                for start in range(0, len(targets), BATCH):
                    batch = slice(start, start + BATCH)
                    accumulator.update(model(contexts[batch]), targets[batch], texts=texts[batch], ids=ids[batch])
            matrix = accumulator.compute()
            accuracy = matrix.true_positives.sum() / matrix.total
            writer.add_scalar("loss/train", loss, epoch)
            writer.add_scalar("accuracy/val", accuracy, epoch)
            writer.add_confusion_matrix("val", matrix, epoch, examples=accumulator.examples())
            print(f"next character  epoch {epoch:2}  loss {loss:.3f}  accuracy {accuracy:.3f}", flush=True)


if __name__ == "__main__":
    main()
