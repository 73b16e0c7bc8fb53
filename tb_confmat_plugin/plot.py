"""The matrix as a matplotlib picture, legible from 2 classes to thousands.

What fits depends on the size in which the picture is drawn, which nobody knows before: axes shrink when others get labels, and people zoom.
So the squares, the names and the numbers are artists that look at their axes each time they are drawn.
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FuncFormatter, Locator

from tb_confmat_plugin.metrics import refuse_signed
from tb_confmat_plugin.terminal import printable

if TYPE_CHECKING:
    from tb_confmat_plugin.matrix import ConfusionMatrix

Floats = npt.NDArray[np.float64]

NAME_POINTS = (6.5, 9.0)  # the smallest and largest size of a class name
NUMBER_POINTS = (5.0, 11.0)  # and of a number in its cell
LINE = 1.2  # the height of a line of text, in sizes of its font
FEW = 60  # up to so many classes there are lines between the cells
MOST_LETTERS = 24
STRIDES: list[int] = [step * 10**power for power in range(12) for step in (1, 2, 5)]
UNSEEN = (225, 225, 225, 255)
SHARES = {"true": ("", "\n(% of row)"), "pred": ("\n(% of column)", ""), "all": ("\n(% of all)", "")}  # on which axis it is said


class Scale(NamedTuple):
    """The colors of one kind of cells: a bar of the legend."""

    label: str
    colors: ListedColormap
    low: float
    high: float


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
      ax: the Axes to draw into; those of a new pyplot figure if left out, which `writer.add_figure` takes as `ax.figure`, and closes.
        Make the figure of your own Axes with `layout="constrained"`, which gives the class names the room that they need.
      normalize: "true", "pred" or "all" for shares as in `ConfusionMatrix.normalize`; counts if left out.
      title: a title above.
      numbers: whether to write the values into the cells; if left out, where they fit, shortened (12k) if need be.
      legend: whether to draw the scales of the colors, to the right of the Axes.

    Cells of 0 are white and bear no number. A class without samples (or, with "pred", without predictions) is grey.

    No class is dropped: names are thinned where they would overlap, and cells of less than a pixel are pooled into squares, which show
    the largest of their correct cells, or of the others if they have none. The axes say so.

    Returns:
      The Axes.
    """
    values = _values(matrix, normalize)
    names = [_shortened(matrix.classes[index]) for index in range(matrix.num_classes)]
    is_new = ax is None
    if is_new:
        ax = _new_axes(names)
    if not isinstance(ax, Axes):
        raise TypeError(f"expected ax as matplotlib Axes, got {type(ax).__name__}; of a figure pass figure.add_subplot()")
    ax.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), aspect="equal")
    ax.grid(visible=False)
    ax.spines[:].set(zorder=-1, linewidth=1.2)  # below the cells, so that it hides nothing of those at the edge
    squares = _Squares(ax, matrix, values, by_column=normalize == "pred")
    ax.add_image(squares)
    if title is not None:
        ax.set_title(title)
    if legend:
        for scale, bottom in zip(squares.scales, (0.525, 0.0), strict=False):
            _draw_scale(ax, scale, (1.025, bottom, 0.03, 0.475), normalize)
    _name_classes(ax, names, SHARES[normalize] if normalize else ("", ""))
    if len(names) <= FEW:
        between = np.arange(1, len(names)) - 0.5
        for draw_lines in (ax.hlines, ax.vlines):
            draw_lines(between, -0.5, len(names) - 0.5, color="0.85", linewidth=0.5)
    if numbers is not False:
        ax.add_artist(_Numbers(matrix, values, squares.colors_of_cells(), normalize, always=numbers is True))
    if is_new:
        _fit_figure(ax)
    return ax


def _values(matrix: "ConfusionMatrix", normalize: str | None) -> Floats:
    """[nnz]: what the cells are colored by and say."""
    if normalize not in (None, *SHARES):
        raise ValueError(f"expected 'true', 'pred' or 'all' to normalize over, got {normalize!r}")
    if normalize is None:
        return matrix.values.astype(np.float64)
    refuse_signed(matrix)
    if normalize == "all":
        return matrix.values / float(matrix.total)
    return matrix.values / (matrix.support[matrix.rows] if normalize == "true" else matrix.predicted[matrix.cols]).astype(np.float64)


def _new_axes(names: list[str]) -> Any:
    """Axes of a fitting size, alone in a new figure."""
    import matplotlib.pyplot as plt

    side = float(np.clip(0.5 * len(names), 2.5, 9.5))
    # Few classes get cells in which their names fit side by side, rather than one above the other.
    level = len(names) * NAME_POINTS[1] * max(map(_width, names[:FEW])) / (72 * 0.89)
    side = level if side < level < 4.5 else side
    return plt.figure(figsize=(side, side)).add_axes((0, 0, 1, 1))


def _fit_figure(ax: Any) -> None:
    """Gives the figure the size that the Axes need with all their labels, and leaves theirs as it is."""
    figure = ax.figure
    around = ax.get_tightbbox().padded(0.08 * figure.dpi)
    box = ax.get_window_extent()
    left, bottom = (box.min - around.min) / around.size
    width, height = box.size / around.size
    figure.set_size_inches(around.size / figure.dpi)
    ax.set_position((left, bottom, width, height))


def _cell_points(ax: Any) -> float:
    """The side of a cell in points, 72 an inch, in the size and zoom in which the Axes are drawn."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    width, height = ax.get_window_extent().size
    pixels = min(width / abs(right - left), height / abs(top - bottom))
    return float(max(pixels, 1e-6) * 72 / ax.figure.canvas.figure.dpi)


def _pooled(ax: Any) -> int:
    """How many cells there are on the side of a square of at least a pixel."""
    pixel = 72.0 / float(ax.figure.canvas.figure.dpi)
    return math.ceil(0.999 * pixel / _cell_points(ax))


class _Squares(AxesImage):
    """The colors of all cells, of which those that are smaller than a pixel are pooled."""

    def __init__(self, ax: Any, matrix: "ConfusionMatrix", values: Floats, *, by_column: bool) -> None:
        super().__init__(ax, interpolation="nearest")
        self._matrix = matrix
        self._by_column = by_column
        correct = matrix.rows == matrix.cols
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        parts: list[tuple[npt.NDArray[np.bool_], Scale]]
        if low < 0:
            high = max(high, -low)
            parts = [(values != 0, Scale("difference", _part_of("RdBu", 0.0, 1.0), -high, high))]
        else:
            parts = [
                (correct, Scale("correct", _part_of("Blues", 0.15, 0.95), 0.0, float(values[correct].max(initial=0)))),
                (~correct, Scale("wrong", _part_of("Oranges", 0.12, 0.8), 0.0, float(values[~correct].max(initial=0)))),
            ]
        parts = [(part, scale) for part, scale in parts if part.any()]
        self.scales = [scale for _, scale in parts]
        self._colors = np.ones((len(values), 4))
        for part, scale in parts:
            self._colors[part] = scale.colors((values[part] - scale.low) / (scale.high - scale.low))
        self._order = np.lexsort((np.abs(values), correct))  # of the cells in one square the last one shows
        self._block = 0
        self._pool(_pooled(ax))

    def colors_of_cells(self) -> Floats:
        """[nnz, 4]: the color of each cell that is not 0."""
        return self._colors

    def draw(self, renderer: Any) -> None:
        if _pooled(self.axes) != self._block:
            self._pool(_pooled(self.axes))
        super().draw(renderer)

    def _pool(self, block: int) -> None:
        self._block = block
        side = -(-self._matrix.num_classes // block)
        rows, cols = self._matrix.rows // block, self._matrix.cols // block
        colors = np.full((side, side, 4), 255, np.uint8)
        colors[np.bincount(rows, minlength=side) == 0] = UNSEEN
        if self._by_column:
            colors[:, np.bincount(cols, minlength=side) == 0] = UNSEEN
        colors[rows[self._order], cols[self._order]] = np.round(255 * self._colors[self._order])
        self.set_data(colors)
        self.set_extent((-0.5, side * block - 0.5, side * block - 0.5, -0.5))


def _part_of(name: str, start: float, end: float) -> ListedColormap:
    return ListedColormap(mpl.colormaps[name](np.linspace(start, end, 256)))


def _draw_scale(ax: Any, scale: Scale, place: tuple[float, float, float, float], normalize: str | None) -> None:
    bar = ax.figure.colorbar(ScalarMappable(Normalize(scale.low, scale.high), scale.colors), cax=ax.inset_axes(place))
    ticks = sorted({scale.low, 0.0, scale.high})
    bar.set_ticks(ticks, labels=[f"{100 * tick:.2g}%" if normalize else _text(tick, None, signed=scale.low < 0) for tick in ticks])
    bar.set_label(scale.label, fontsize=9)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=8, length=2)
    bar.ax.grid(visible=False)


def _name_classes(ax: Any, names: list[str], shares: tuple[str, str]) -> None:
    cell = _cell_points(ax)
    size = float(np.clip(cell * _stride(cell, LINE * NAME_POINTS[0]) / LINE, *NAME_POINTS))
    widest = size * max(_width(name) for name in sorted(names, key=len)[-FEW:])
    level = widest <= 0.9 * cell
    for axis, word, points in ((ax.xaxis, "Predicted", widest / 0.9 if level else LINE * size), (ax.yaxis, "True", LINE * size)):
        places = _Places(names, word + shares[axis is ax.yaxis], points)
        axis.set_major_locator(places)
        axis.set_major_formatter(FuncFormatter(places.name))
        axis.set_label_text(places.label)
        axis.set_tick_params(labelsize=size, length=2, rotation=90 if axis is ax.xaxis and not level else 0)
        axis.label.set_size(10)


def _stride(cell: float, points: float) -> int:
    """Every how many classes there is room for a name: 1, 2, 5, 10, 20, 50 and so on."""
    return next(stride for stride in STRIDES if stride * cell >= points)


class _Places(Locator):
    """Where on an axis the classes are named: at each, or where there is no room at every 2nd, 5th, 10th and so on.

    Attributes:
      label: the label of the axis, to which is added what is left out.
    """

    def __init__(self, names: list[str], label: str, points: float) -> None:
        self.label = label
        self._names = names
        self._points = points  # what a name takes
        self._written = label

    def __call__(self) -> Any:
        axis: Any = self.axis
        stride = min(_stride(_cell_points(axis.axes), self._points), len(self._names))
        block = _pooled(axis.axes)
        notes = [f"1 name in {stride}"] * (stride > 1) + [f"{block} x {block} pooled"] * (block > 1)
        label = self.label + (f"\n({', '.join(notes)})" if notes else "")
        if axis.label.get_text() == self._written != label:  # unless someone else has written there
            axis.label.set_text(label)
            self._written = label
        low, high = sorted(axis.get_view_interval())
        places = np.arange(0, len(self._names), stride)
        return places[(places >= low) & (places <= high)]

    def name(self, place: float, _position: Any = None) -> str:
        """The name of the class at a place of the axis."""
        index = round(place)
        # Otherwise matplotlib reads two dollar signs as a formula.
        return self._names[index].replace("$", r"\$") if 0 <= index < len(self._names) else ""


class _Numbers(Artist):
    """The values in their cells, if there is room for them."""

    def __init__(self, matrix: "ConfusionMatrix", values: Floats, colors: Floats, normalize: str | None, *, always: bool) -> None:
        super().__init__()
        self.set_in_layout(False)
        self.set_zorder(3)
        self._cells = list(zip(matrix.rows.tolist(), matrix.cols.tolist(), strict=True))
        signed = bool(values.min(initial=0) < 0)
        self._texts = [[_text(value, normalize, signed=signed, short=short) for value in values.tolist()] for short in (False, True)]
        # Relative luminance as WCAG has it, and the ink of more contrast to it.
        luminance = colors[:, :3] ** 2.2 @ np.array([0.2126, 0.7152, 0.0722])
        self._inks = np.where(luminance < 0.18, "white", "black").tolist()
        self._always = always
        self._widest = [max(map(_width, set(texts)), default=1.0) for texts in self._texts]

    def draw(self, renderer: Any) -> None:
        ax: Any = self.axes
        cell = _cell_points(ax)
        sizes = [min(NUMBER_POINTS[1], 0.5 * cell, 0.88 * cell / widest) for widest in self._widest]
        short = sizes[0] < NUMBER_POINTS[0]
        if sizes[short] < NUMBER_POINTS[0] and not self._always:
            return
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        template = Text(ha="center", va="center_baseline", fontsize=max(sizes[short], 1.0))
        template.set_figure(ax.figure)
        template.set_clip_path(ax.patch)
        template.axes = ax
        for (row, column), text, ink in zip(self._cells, self._texts[short], self._inks, strict=True):
            if left <= column <= right and top <= row <= bottom:
                template.set(x=column, y=row, text=text, color=ink, transform=ax.transData)
                template.draw(renderer)
        self.stale = False


def _width(text: str) -> float:
    """The width of a text of size 1."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=100), ismath=False)
    return width / 100


def _text(value: float, normalize: str | None, *, signed: bool = False, short: bool = False) -> str:
    if normalize is not None:
        percent = 100 * value
        if short:
            return "<1%" if 0 < percent < 0.5 else ">99%" if 99.5 <= percent < 100 else f"{percent:.0f}%"
        if 0 < percent < 0.05 or 99.95 <= percent < 100:
            return "<0.1%" if percent < 1 else ">99.9%"
        return f"{percent:.1f}%" if 0 < percent < 9.95 or 99 < percent < 100 else f"{percent:.0f}%"
    size = abs(value)
    sign = ("+" if value > 0 else "-" if value < 0 else "") if signed else ""
    if short:
        for unit, power in (("T", 12), ("G", 9), ("M", 6), ("k", 3)):
            if size >= 0.9995 * 10**power:
                units = size / 10**power
                return f"{sign}{units:.1f}{unit}" if units < 9.95 else f"{sign}{units:.0f}{unit}"
    return sign + (f"{size:,.0f}" if size == int(size) or size >= 100 else f"{size:.3g}")


def _shortened(name: str) -> str:
    name = printable(" ".join(name.split()))
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS // 2]}…{name[-MOST_LETTERS // 2 + 1 :]}"
