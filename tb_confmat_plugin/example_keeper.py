"""Examples kept batch by batch in bounded memory, merged, and exchanged between processes."""

import json
import math
import struct
import warnings
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tb_confmat_plugin.example_choice import Floats, Labels, Tallies, choose
from tb_confmat_plugin.examples import MOST_ID, MOST_TEXT, Example, Examples, Settings, shortened
from tb_confmat_plugin.predictions import as_numpy, on_device, over_threshold
from tb_confmat_plugin.scores import NAN, largest
from tb_confmat_plugin.thumbnails import ImageProblem, check_images, hold, thumbnail

_SPARE = 1.5  # while samples come in, so many times the examples are held: a class that is not the worst yet may become it


class ExampleKeeper:
    """Keeps examples batch by batch: only the thumbnails, texts and ids of those that may be chosen in the end.

    An image takes at most 48 KB, or what a thumbnail takes if that is more.
    Half as many again are held as are kept in the end. Which ones, is decided by what has been seen so far, so that in an epoch with more
    wrong samples than that, the order of the samples matters a little.
    """

    def __init__(self, num_classes: int, settings: Settings) -> None:
        self.settings = settings
        self._num_classes = num_classes
        self._most_held = int(_SPARE * settings.most)
        self._warned = False
        self.reset()

    def reset(self) -> None:
        """Forgets all samples; the same samples in the same order will then get the same random numbers."""
        self._random = np.random.default_rng(self.settings.seed)
        self._tallies = Tallies()
        self._cells: Labels = np.zeros(0, np.int64)
        self._ranks: Floats = np.zeros(0)
        self._held: list[Example] = []

    def add(self, preds: Any, target: Any, threshold: float | None, ignore_index: int | None, images: Any, texts: Any, ids: Any) -> None:
        """Looks at a batch that `check_batch` has seen. Labels that are wrong are left out: the matrix reports them."""
        n, choice = self._num_classes, self.settings.choice
        true = as_numpy(target).astype(np.int64)
        ids = as_numpy(ids) if hasattr(ids, "detach") else ids
        predicted, scores = _predicted(preds, threshold)
        samples = np.flatnonzero(
            (true >= 0) & (true < n) & (predicted >= 0) & (predicted < n) & (true != (NAN if ignore_index is None else ignore_index))
        )
        ranks = self._random.random(len(true))[samples]
        true, predicted = true[samples], predicted[samples]
        cells = true * n + predicted
        self._tallies.add(cells, n)
        wrong = np.flatnonzero(true != predicted)
        probable = scores is not None and _are_probabilities(scores)
        if scores is not None and choice == "most confident":
            ranks[wrong] = np.nan_to_num(_confidence(scores, probable, samples[wrong], predicted[wrong]))
        held = len(self._cells)
        chosen = self._choose(np.concatenate([self._cells, cells]), np.concatenate([self._ranks, ranks]), self._most_held)
        new = chosen[chosen >= held] - held
        confidence = true_confidence = np.full(len(new), np.nan)
        if scores is not None:
            confidence, true_confidence = (_confidence(scores, probable, samples[new], of[new]) for of in (predicted, true))
        added = {
            held + int(at): self._example(
                int(true[at]), int(predicted[at]), int(samples[at]), images, texts, ids, float(confidence[i]), float(true_confidence[i])
            )
            for i, at in enumerate(new)
        }
        self._held = [self._held[at] if at < held else added[at] for at in chosen.tolist()]
        self._cells, self._ranks = np.concatenate([self._cells, cells])[chosen], np.concatenate([self._ranks, ranks])[chosen]
        self._warn([example.no_image for example in added.values()])

    def examples(self) -> Examples:
        """The examples of all samples so far."""
        chosen = self._choose(self._cells, self._ranks, self.settings.most)
        chosen = chosen[np.lexsort((-self._ranks[chosen], self._cells[chosen]))]
        self._warn(self._make_thumbnails(chosen.tolist()))
        seen = {divmod(cell, self._num_classes): self._tallies.cells[cell] for cell in self._cells[chosen].tolist()}
        return Examples(tuple(self._held[at] for at in chosen.tolist()), seen)

    def merge(self, other: "ExampleKeeper") -> None:
        """Adds what another keeper of the same classes has seen and holds."""
        cells, counts = (np.array(list(part), np.int64) for part in (other._tallies.cells.keys(), other._tallies.cells.values()))
        self._tallies.add(cells, self._num_classes, counts)
        cells, ranks = np.concatenate([self._cells, other._cells]), np.concatenate([self._ranks, other._ranks])
        chosen = self._choose(cells, ranks, self._most_held)
        held = [*self._held, *other._held]
        self._cells, self._ranks, self._held = cells[chosen], ranks[chosen], [held[at] for at in chosen.tolist()]

    def sync(self, group: Any) -> None:
        """Merges the keepers of all processes; every process sends only the images that are chosen of all.

        Raises:
          ValueError: on every process, when the settings of two differ.
        """
        from tb_confmat_plugin.distributed import gather_bytes, rank_of

        self._warn(self._make_thumbnails(range(len(self._held))))
        told = [ExampleKeeper.from_bytes(one) for one in gather_bytes(self.to_bytes(images=False), group)]
        for rank, one in enumerate(told):
            if replace(one.settings, seed=0) != replace(told[0].settings, seed=0):
                raise ValueError(
                    f"expected the same settings for examples on every process, got {told[0].settings} on process 0 and {one.settings} "
                    f"on process {rank} of the group"
                )
        whole = ExampleKeeper(self._num_classes, self.settings)
        for rank, one in enumerate(told):
            one._held = [replace(example, image=(rank, position)) for position, example in enumerate(one._held)]
            whole.merge(one)
        chosen = whole._choose(whole._cells, whole._ranks, self.settings.most)
        whole._cells, whole._ranks, whole._held = whole._cells[chosen], whole._ranks[chosen], [whole._held[at] for at in chosen.tolist()]
        places = [example.image for example in whole._held]
        mine = [self._held[position].image for rank, position in places if rank == rank_of(group)]
        images = [iter(_unpack_images(one)) for one in gather_bytes(_pack_images(mine), group)]
        whole._held = [replace(example, image=next(images[example.image[0]])) for example in whole._held]
        self._tallies, self._cells, self._ranks, self._held = whole._tallies, whole._cells, whole._ranks, whole._held

    def to_bytes(self, images: bool = True) -> bytes:
        """All that `from_bytes` needs to go on elsewhere; without images, their places stay empty."""
        if images:
            self._warn(self._make_thumbnails(range(len(self._held))))
        state = {
            "num_classes": self._num_classes,
            "settings": vars(self.settings),
            "seen": [list(self._tallies.cells.keys()), list(self._tallies.cells.values())],
            "cells": self._cells.tolist(),
            "ranks": self._ranks.tolist(),
            "held": [{**vars(example), "image": None} for example in self._held],
            "random": self._random.bit_generator.state,
        }
        text = json.dumps(state).encode("ascii")
        return zlib.compress(struct.pack("<Q", len(text)) + text + (_pack_images([one.image for one in self._held]) if images else b""), 1)

    @classmethod
    def from_bytes(cls, state: bytes, settings: Settings | None = None) -> "ExampleKeeper":
        """A keeper that goes on as the one that gave these bytes would have, or from there on by other settings."""
        body = zlib.decompress(state)
        (length,) = struct.unpack_from("<Q", body)
        told = json.loads(body[8 : 8 + length])
        keeper = cls(told["num_classes"], settings or Settings(**told["settings"]))
        cells, counts = (np.array(part, np.int64) for part in told["seen"])
        keeper._tallies.add(cells, keeper._num_classes, counts)
        keeper._cells, keeper._ranks = np.array(told["cells"], np.int64), np.array(told["ranks"], np.float64)
        keeper._held = [Example(**one) for one in told["held"]]
        if "random" in told:  # bytes of an earlier version have none
            keeper._random.bit_generator.state = told["random"]
        if len(body) > 8 + length:
            images = _unpack_images(body[8 + length :])
            keeper._held = [replace(example, image=image) for example, image in zip(keeper._held, images, strict=True)]
        return keeper

    def _make_thumbnails(self, positions: Iterable[int]) -> list[str | None]:
        """Of the examples at these positions, where that has not been done yet; what went wrong."""
        problems: list[str | None] = []
        for at in positions:
            example = self._held[at]
            if isinstance(example.image, np.ndarray):
                try:
                    self._held[at] = replace(example, image=thumbnail(example.image, self.settings.side))
                except ImageProblem as error:
                    self._held[at] = replace(example, image=None, no_image=str(error))
                    problems.append(str(error))
        return problems

    def _warn(self, problems: Iterable[str | None]) -> None:
        """Once, of the first problem, at the user's line: the user called the accumulator, that a method here, and that this."""
        problem = next(filter(None, problems), None)
        if problem and not self._warned:
            self._warned = True
            message = f"an example is kept without its image: {problem}; further ones are not reported"
            warnings.warn(message, UserWarning, stacklevel=4)

    def _choose(self, cells: Labels, ranks: Floats, most: int) -> Labels:
        return choose(cells, ranks, self._tallies, self._num_classes, self.settings.per_cell, most)

    def _example(
        self, true: int, predicted: int, sample: int, images: Any, texts: Any, ids: Any, confidence: float, true_confidence: float
    ) -> Example:
        picture, problem = None, None
        if images is not None:
            try:
                picture = hold(images[sample], self.settings.side)
            except ImageProblem as error:
                problem = str(error)
        return Example(
            true,
            predicted,
            picture,
            None if texts is None else shortened(texts[sample], MOST_TEXT),
            None if ids is None else shortened(ids[sample], MOST_ID),
            confidence if math.isfinite(confidence) else None,
            true_confidence if math.isfinite(true_confidence) else None,
            problem,
        )


def check_batch(target: Any, images: Any, texts: Any, ids: Any) -> None:
    """Refuses what can't be images, texts and ids of the samples of `target`.

    Raises:
      TypeError, ValueError: something of another kind, shape or length.
    """
    shape = tuple(target.shape) if hasattr(target, "shape") else np.shape(target)
    if len(shape) != 1:
        raise ValueError(f"expected one true label a sample beside images, texts or ids, target of shape [N], got shape {list(shape)}")
    if images is not None:
        check_images(images, shape[0])
    for name, values in (("texts", texts), ("ids", ids)):
        if values is None:
            continue
        if isinstance(values, (str, bytes)) or not hasattr(values, "__len__") or not hasattr(values, "__getitem__"):
            raise TypeError(f"expected {name} as a list, got {type(values).__name__}")
        if len(values) != shape[0]:
            raise ValueError(f"expected one of {name} a sample, {shape[0]}, got {len(values)}")
    for position, text in enumerate(texts if texts is not None else ()):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"expected texts as strings, got {text!r} at position {position}")


def _predicted(preds: Any, threshold: float | None) -> tuple[Labels, Any]:
    """Predicted labels, NAN where scores are no numbers, and the scores if there are any. Called after the matrix has taken the batch."""
    if on_device(preds) and preds.ndim == 2:  # only labels leave the device
        values, labels = preds.detach().max(1)
        return np.where(as_numpy(values.isnan()), NAN, as_numpy(labels)), preds.detach()
    scores = as_numpy(preds)
    if scores.ndim == 2:
        return largest(scores), scores
    if threshold is not None and scores.dtype.kind == "f":
        return over_threshold(scores, threshold), scores
    return scores.astype(np.int64), None


def _are_probabilities(scores: Any) -> bool:
    """Whether all scores of a batch [N, C], or [N] of one class of two, are probabilities; else they are logits or logarithms."""
    if not len(scores) or not scores.min() >= 0:
        return False
    return bool((abs(scores.sum(1) - 1) < 1e-2).all()) if scores.ndim == 2 else bool(scores.max() <= 1)


def _confidence(scores: Any, probable: bool, samples: Labels, labels: Labels) -> Floats:
    """The probability that the scores of each of these samples give to a label."""
    chosen = as_numpy(scores[samples.tolist()] if on_device(scores) else scores[samples]).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        if chosen.ndim == 1:  # that of class 1
            shares = chosen if probable else 1 / (1 + np.exp(-chosen))
            return np.where(labels == 1, shares, 1 - shares).astype(np.float64)
        if not probable and len(chosen):
            chosen = np.exp(chosen - chosen.max(1, keepdims=True))
            chosen /= chosen.sum(1, keepdims=True)
        return chosen[np.arange(len(samples)), labels].astype(np.float64)


def _pack_images(images: Sequence[Any]) -> bytes:
    """Thumbnails as bytes: the length of a list in JSON, the list [mode, width, height] of each or null, and all pixels."""
    text = json.dumps([image and [image.mode, *image.size] for image in images]).encode("ascii")
    return b"".join([struct.pack("<Q", len(text)), text, *(image.tobytes() for image in images if image)])


def _unpack_images(packed: bytes) -> list[Any]:
    from PIL import Image

    (length,) = struct.unpack_from("<Q", packed)
    at, images = 8 + length, []
    for one in json.loads(packed[8:at]):
        size = Image.getmodebands(one[0]) * one[1] * one[2] if one else 0
        images.append(Image.frombytes(one[0], tuple(one[1:]), packed[at : at + size]) if one else None)
        at += size
    return images
