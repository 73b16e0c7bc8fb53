"""The examples behind the cells: what one is, those of an epoch, and how many there may be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tb_confmat_plugin.thumbnails import LARGEST_SIDE

Choice = Literal["most confident", "random"]

MOST_EXAMPLES = 1000  # a step
MOST_TEXT, MOST_ID = 500, 300  # characters


@dataclass(frozen=True)
class Example:
    """One sample behind a cell.

    Attributes:
      true: the true class, its index or its name.
      predicted: the predicted class, likewise.
      image: a PIL image; or a tensor or an array, [C, H, W], [H, W, C] or [H, W], of uint8 or of floats in [0, 1].
      text: a text, shown as it is.
      id: what the sample is called at every step and in every run, such as a file path.
      confidence: the probability that the model gave the predicted class.
      true_confidence: that of the true class.
      no_image: why there is no image, though there should be one.
    """

    true: int | str
    predicted: int | str
    image: Any = None
    text: str | None = None
    id: str | None = None
    confidence: float | None = None
    true_confidence: float | None = None
    no_image: str | None = None


@dataclass(frozen=True)
class Examples:
    """The examples kept of one epoch, cell by cell, in each the most telling first.

    Attributes:
      kept: the examples; their images are PIL images, already small.
      seen: how many samples each cell (true, predicted) with examples has had.
    """

    kept: tuple[Example, ...] = ()
    seen: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[Example]:
        return iter(self.kept)

    def __getitem__(self, index: int) -> Example:
        return self.kept[index]


@dataclass(frozen=True)
class Settings:
    """What `ConfusionMatrixAccumulator` was told about examples; its docstring says what each means."""

    per_cell: int = 8
    most: int = 200
    choice: Choice = "most confident"
    seed: int = 0
    side: int = 96

    def __post_init__(self) -> None:
        for name, value, bound in (
            ("examples_per_cell", self.per_cell, MOST_EXAMPLES),
            ("max_examples", self.most, MOST_EXAMPLES),
            ("thumbnail_size", self.side, LARGEST_SIDE),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= bound:
                raise ValueError(f"expected {name} as an integer from 1 to {bound}, got {value!r}")
        if self.choice not in ("most confident", "random"):
            raise ValueError(f"expected example_choice as 'most confident' or 'random', got {self.choice!r}")


def shortened(text: Any, most: int) -> str | None:
    """A text of at most `most` characters, None for None."""
    if text is None:
        return None
    whole = str(text)
    return whole if len(whole) <= most else whole[: most - 1] + "\u2026"
