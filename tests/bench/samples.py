"""Predictions with the confusions of a real classifier: most errors go to a few look-alikes of each class, some anywhere."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LOOK_ALIKES = 8  # as many as a class has; the nearer one is, the more often it is predicted
STRAY = 0.3  # the part of the errors that goes to any class; of a ResNet-50's errors on ImageNet 0.3 miss the five likeliest classes


class Samples(NamedTuple):
    """True and predicted labels [N], and the names of the classes."""

    target: npt.NDArray[np.int64]
    preds: npt.NDArray[np.int64]
    class_names: list[str]


def make_samples(num_classes: int, count: int, seed: int = 0, accuracy: float = 0.76) -> Samples:
    """Labels of a validation set of `count` samples; the same names and look-alikes for every seed.

    0.76 is the accuracy of a ResNet-50 on the 1,000 classes of ImageNet.
    """
    fixed, random = np.random.default_rng(num_classes), np.random.default_rng([num_classes, seed])
    look_alikes = fixed.integers(num_classes, size=(num_classes, LOOK_ALIKES))
    target = np.arange(count) % num_classes  # as in a balanced validation set
    rank = np.minimum(random.geometric(0.35, count) - 1, LOOK_ALIKES - 1)
    confused = np.where(random.random(count) < STRAY, random.integers(num_classes, size=count), look_alikes[target, rank])
    preds = np.where(random.random(count) < accuracy, target, confused)
    return Samples(target, preds, make_names(num_classes))


def make_names(num_classes: int) -> list[str]:
    """Distinct names as long as those of real data sets, and as hard to compress."""
    random = np.random.default_rng(1)
    syllables = [consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou"]
    words = ["".join(random.choice(syllables, 3)) for _ in range(2 * num_classes)]
    names = [f"{first} {second}" for first, second in zip(words[::2], words[1::2], strict=True)]
    assert len(set(names)) == num_classes
    return names
