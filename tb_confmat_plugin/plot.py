"""The matrix as a matplotlib picture, legible from 2 classes to thousands."""

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.textpath import TextPath

from tb_confmat_plugin.metrics import refuse_signed

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

Floats = npt.NDArray[np.float64]

TICK_POINTS = (6.0, 9.0)  # the smallest and largest size of a tick label
NUMBER_POINTS = (5.0, 11.0)  # and of a number in its cell
LINE = 1.25  # the height of a line of text, in sizes of its font
LINED_POINTS = 7.0  # cells of this size and more have lines between them
MOST_LETTERS = 24
UNSEEN = (0.88, 0.88, 0.88, 1.0)
HUNDRED = {  # what adds up to 100%, on the axis that it belongs to
    "true": ("", "\n(each row adds up to 100%)"),
    "pred": ("\n(each column adds up to 100%)", ""),
    "all": ("\n(all cells add up to 100%)", ""),
}


class Scale(NamedTuple):
    """The colors of one kind of cells: a bar of the legend."""

    label: str
    colors: ListedColormap
    low: float
    high: float

    def __call__(self, values: Floats) -> Floats:
        return np.asarray(self.colors((values - self.low) / (self.high - self.low)))


def plot_matrix(
    matrix: "ConfusionMatrix",
    ax: Any = None,
    normalize: str | None = None,
    *,
    title: str | None = None,
    numbers: bool | None = None,
    legend: bool = True,
) -> Any:
    """Draws a matrix: correct cells in blue and wrong ones in orange, each on a scale of its own; a signed difference in red and blue.

    Args:
      matrix: the matrix.
      ax: the Axes to draw into; a new pyplot figure if left out, which `writer.add_figure` takes as `ax.figure`, and closes.
      normalize: "true", "pred" or "all" for shares as in `ConfusionMatrix.normalize`; counts if left out.
      title: a title above.
      numbers: whether to write the values into the cells; if left out, where they fit, shortened (12k) if need be.
      legend: whether to draw the scales of the colors, to the right of the Axes.

    Cells of 0 are white and bear no number. A class that has no samples (or no predictions, with "pred") is grey.

    No class is dropped. Labels are thinned where they would overlap, and cells smaller than a pixel are pooled: a square is then colored by
    the largest of its correct cells, if it has any, or of the others. The axes say so. What fits is found out by laying out the figure,
    so that `ax` should have its final size.

    Returns:
      The Axes.
    """
    n = matrix.num_classes
    values = _values(matrix, normalize)
    if ax is None:
        import matplotlib.pyplot as plt

        longest = max(len(_name(matrix, index)) for index in range(min(n, 500)))
        inches = float(np.clip(0.45 * n + 0.07 * longest + 2.0, 4.0, 12.0))
        ax = plt.figure(figsize=(inches, inches), layout="constrained").add_subplot()
    ax.set_aspect("equal")
    across = 0.7 * min(ax.get_window_extent().size)  # pixels that labels may leave
    block = int(np.ceil(n / max(across, 1.0)))
    colors, scales = _paint(matrix, values, block, normalize)
    edge = colors.shape[0] * block - 0.5
    ax.imshow(colors, interpolation="nearest", aspect="equal", extent=(-0.5, edge, edge, -0.5))
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    ax.grid(visible=False)
    if title is not None:
        ax.set_title(title)
    if legend:
        for scale, (bottom, height) in zip(scales, ((0.525, 0.475), (0.0, 0.475)), strict=False):
            _draw_scale(ax, scale, (1.025, bottom, 0.03, height), normalize)
    _label(ax, matrix, block, normalize)
    cell = _cell_points(ax, n)
    if cell >= LINED_POINTS:
        ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
        ax.tick_params(which="minor", length=0)
        ax.grid(which="minor", color="0.85", linewidth=0.5)
    if numbers is not False and block == 1:
        _write_numbers(ax, matrix, values, colors, normalize, cell, force=numbers is True)
    return ax


def _values(matrix: "ConfusionMatrix", normalize: str | None) -> Floats:
    """[nnz]: what the cells are colored by and say."""
    if normalize is None:
        return matrix.values.astype(np.float64)
    of = {"true": lambda: matrix.support[matrix.rows], "pred": lambda: matrix.predicted[matrix.cols], "all": lambda: matrix.total}
    if normalize not in of:
        raise ValueError(f"expected 'true', 'pred' or 'all' to normalize over, got {normalize!r}")
    refuse_signed(matrix)
    return matrix.values / np.asarray(of[normalize](), np.float64)


def _paint(matrix: "ConfusionMatrix", values: Floats, block: int, normalize: str | None) -> tuple[Floats, list[Scale]]:
    """The colors of all squares, [C / block, C / block, 4], and the scales that they are on."""
    side = -(-matrix.num_classes // block)
    colors = np.ones((side, side, 4))
    rows, cols = matrix.rows // block, matrix.cols // block
    seen = np.bincount(rows, minlength=side) > 0
    colors[~seen] = UNSEEN
    if normalize == "pred":
        colors[:, np.bincount(cols, minlength=side) == 0] = UNSEEN
    correct = matrix.rows == matrix.cols
    if values.min(initial=0) < 0:
        high = float(np.abs(values).max())
        scale = Scale("difference", _part_of("RdBu", 0.0), -high, high)
        order = np.argsort(np.abs(values), kind="stable")  # of those in one square the last stays
        colors[rows[order], cols[order]] = scale(values[order])
        return colors, [scale]
    scales = []
    for part, label, name in ((~correct, "wrong", "Oranges"), (correct, "correct", "Blues")):
        high = float(values[part].max(initial=0.0))
        if high > 0:
            scales.insert(0, Scale(label, _part_of(name, 0.15), 0.0, high))
            order = np.flatnonzero(part)[np.argsort(values[part], kind="stable")]
            colors[rows[order], cols[order]] = scales[0](values[order])
    return colors, scales


@functools.cache
def _part_of(name: str, start: float) -> ListedColormap:
    return ListedColormap(mpl.colormaps[name](np.linspace(start, 1.0, 256)))


def _draw_scale(ax: Any, scale: Scale, place: tuple[float, float, float, float], normalize: str | None) -> None:
    colors = mpl.cm.ScalarMappable(Normalize(scale.low, scale.high), scale.colors)
    bar = ax.figure.colorbar(colors, cax=ax.inset_axes(place), label=scale.label)
    ticks = sorted({scale.low, 0.0, scale.high})
    bar.set_ticks(ticks, labels=[_text(tick, normalize, signed=scale.low < 0) for tick in ticks])
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=8, length=2)


def _label(ax: Any, matrix: "ConfusionMatrix", block: int, normalize: str | None) -> None:
    """Names and titles of both axes, as many names as fit."""
    n = matrix.num_classes
    squares = f"\n(each square stands for {block} x {block} cells)" if block > 1 else ""
    for_x, for_y = HUNDRED.get(normalize or "", ("", ""))
    stride = _stride(_cell_points(ax, n))
    for _ in range(2):  # labels take room from the cells, so that a second look may find fewer
        thinned = f"\n(1 of every {stride} of {n:,} classes is labelled)" if stride > 1 else ""
        ax.set_xlabel(f"Predicted{for_x}{thinned}{squares}")
        ax.set_ylabel(f"True{for_y}{thinned}{squares}")
        _set_ticks(ax, matrix, stride, rotation=90)
        _lay_out(ax)
        stride, before = _stride(_cell_points(ax, n)), stride
        if stride <= before:
            break
    widths = [label.get_window_extent().height for label in ax.get_xticklabels()]  # they stand upright
    if max(widths) / ax.figure.canvas.figure.dpi * 72 < 0.9 * _cell_points(ax, n) * before:
        _set_ticks(ax, matrix, before, rotation=0)
    _lay_out(ax)


def _set_ticks(ax: Any, matrix: "ConfusionMatrix", stride: int, rotation: float) -> None:
    places = range(0, matrix.num_classes, stride)
    names = [_name(matrix, index) for index in places]
    size = float(np.clip(_cell_points(ax, matrix.num_classes) * stride / LINE, *TICK_POINTS))
    # Otherwise matplotlib reads a dollar sign as the beginning of a formula.
    ax.set_xticks(places, names, rotation=rotation, fontsize=size, parse_math=False)
    ax.set_yticks(places, names, fontsize=size, parse_math=False)
    ax.tick_params(length=2)


def _stride(cell: float) -> int:
    """Every how many classes a label fits: 1, 2, 5, 10, 20, 50 and so on."""
    least = TICK_POINTS[0] * LINE / cell
    return next(step * 10**power for power in range(9) for step in (1, 2, 5) if step * 10**power >= least)


def _write_numbers(
    ax: Any, matrix: "ConfusionMatrix", values: Floats, colors: Floats, normalize: str | None, cell: float, *, force: bool
) -> None:
    highest = min(NUMBER_POINTS[1], 0.5 * cell)
    if highest < NUMBER_POINTS[0] and not force:
        return
    signed = bool(values.min(initial=0) < 0)
    for short in (False, True):
        texts = [_text(value, normalize, signed=signed, short=short) for value in values.tolist()]
        widths = {letter: _width(letter) for letter in set("".join(texts))}
        size = min(highest, 0.86 * cell / max((sum(widths[letter] for letter in text) for text in set(texts)), default=1.0))
        if size >= NUMBER_POINTS[0]:
            break
    if size < NUMBER_POINTS[0] and not force:
        return
    # Relative luminance as WCAG has it, and the ink of more contrast.
    linear = colors[matrix.rows, matrix.cols, :3] ** 2.2
    inks = np.where(linear @ np.array([0.2126, 0.7152, 0.0722]) < 0.18, "white", "black")
    for row, column, text, ink in zip(matrix.rows.tolist(), matrix.cols.tolist(), texts, inks.tolist(), strict=True):
        ax.text(column, row, text, ha="center", va="center_baseline", fontsize=max(size, 1.0), color=ink, clip_on=True)


def _lay_out(ax: Any) -> None:
    ax.figure.canvas.figure.draw_without_rendering()


def _cell_points(ax: Any, n: int) -> float:
    figure = ax.figure.canvas.figure
    return float(max(min(ax.get_window_extent().size), 1.0) / figure.dpi * 72 / n)


def _width(letter: str) -> float:
    """The width of a letter of size 1, with the room around it."""
    wide, narrow = (float(TextPath((0, 0), text, size=100).get_extents().width) for text in (f"0{letter}0", "00"))
    return (wide - narrow) / 100


def _text(value: float, normalize: str | None, *, signed: bool = False, short: bool = False) -> str:
    if normalize is not None:
        percent = 100 * value
        return "<1%" if 0 < percent < 0.5 else ">99%" if 99.5 <= percent < 100 else f"{percent:.0f}%"
    size = abs(value)
    sign = ("+" if value > 0 else "−" if value < 0 else "") if signed else ""
    if short:
        for unit, power in (("T", 12), ("G", 9), ("M", 6), ("k", 3)):
            if size >= 0.9995 * 10**power:
                units = size / 10**power
                return f"{sign}{units:.1f}{unit}" if units < 9.95 else f"{sign}{units:.0f}{unit}"
    return sign + (f"{size:,.0f}" if size == int(size) or size >= 100 else f"{size:.3g}")


def _name(matrix: "ConfusionMatrix", index: int) -> str:
    name = " ".join(matrix.classes[index].split())
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS // 2]}…{name[-MOST_LETTERS // 2 + 1 :]}"
