import io
import itertools
import pickle
import re
import sys
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.plot import MOST_LETTERS, NAME_POINTS, NUMBER_POINTS

mpl.use("Agg")

import matplotlib.pyplot as plt  # after the backend is chosen

COUNTS = [[11, 2, 5], [0, 13, 0], [1, 0, 300]]
NAMES = ["cat", "dog", "ant"]
MATRIX = ConfusionMatrix.from_dense(COUNTS, NAMES)


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    with mpl.rc_context():
        yield
    plt.close("all")


def confused(n: int, each: int = 40, names: list[str] | None = None) -> ConfusionMatrix:
    """A matrix in which every class is true and predicted, mostly right, and confused with those after it."""
    random = np.random.default_rng(n)
    target = np.repeat(np.arange(n), each)
    preds = np.where(random.random(target.size) < 0.7, target, (target + random.geometric(0.3, target.size)) % n)
    preds[::each] = target[::each]
    return ConfusionMatrix.from_predictions(preds, target, num_classes=n, class_names=names)


@dataclass(frozen=True)
class Drawn:
    """A text as it was drawn: what, where in pixels, its size in points and its color."""

    text: str
    box: Bbox
    points: float
    color: tuple[float, ...]


@dataclass(frozen=True)
class Picture:
    """What a figure looks like."""

    ax: Axes
    pixels: np.ndarray
    texts: list[Drawn]

    @classmethod
    def of(cls, ax: Axes, dpi: float | None = None) -> "Picture":
        figure = ax.figure.canvas.figure
        if dpi is not None:
            figure.set_dpi(dpi)
        texts: list[Drawn] = []
        drawing: list[Text] = []
        draw, draw_text = Text.draw, RendererAgg.draw_text

        def noted_draw(text, renderer):
            drawing.append(text)
            draw(text, renderer)
            drawing.pop()

        def noted_draw_text(renderer, gc, x, y, line, prop, angle, ismath=False, mtext=None):
            assert not ismath, f"{line} was taken for a formula"
            box = drawing[-1].get_window_extent(renderer)
            texts.append(Drawn(line, Bbox(box.get_points()), prop.get_size_in_points(), gc.get_rgb()))
            draw_text(renderer, gc, x, y, line, prop, angle, ismath, mtext)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Text, "draw", noted_draw)
            patch.setattr(RendererAgg, "draw_text", noted_draw_text)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
        return cls(ax, np.asarray(canvas.buffer_rgba())[..., :3], texts)

    def cell(self, row: int, column: int) -> Bbox:
        """The pixels of a cell."""
        return Bbox(self.ax.transData.transform([(column - 0.5, row + 0.5), (column + 0.5, row - 0.5)]))

    def color(self, row: int, column: int, right: float = 0.5, down: float = 0.5) -> list[int]:
        """The color of a cell at a place in it."""
        box = self.cell(row, column)
        x, y = box.x0 + right * box.width, box.y1 - down * box.height
        return self.pixels[int(len(self.pixels) - y), int(x)].tolist()

    def numbers(self) -> dict[tuple[int, int], Drawn]:
        """What is written in the cells, by row and column."""
        inside = self.ax.get_window_extent()
        found = {}
        for drawn in self.texts:
            x, y = (drawn.box.p0 + drawn.box.p1) / 2
            if inside.x0 < x < inside.x1 and inside.y0 < y < inside.y1:
                column, row = np.round(self.ax.transData.inverted().transform((x, y))).astype(int).tolist()
                assert (row, column) not in found
                found[row, column] = drawn
        return found


def text_of(picture: Picture) -> dict[tuple[int, int], str]:
    return {cell: drawn.text for cell, drawn in picture.numbers().items()}


def is_blue(color: list[int]) -> bool:
    return color[2] > color[0] + 10


def is_orange(color: list[int]) -> bool:
    return color[0] > color[2] + 10


def names_on(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


# What is where.


def test_rows_are_true_and_columns_predicted() -> None:
    picture = Picture.of(MATRIX.plot())
    ax = picture.ax
    assert isinstance(ax, Axes)
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("True", "Predicted")
    assert names_on(ax.xaxis) == names_on(ax.yaxis) == NAMES
    assert text_of(picture) == {(0, 0): "11", (0, 1): "2", (0, 2): "5", (1, 1): "13", (2, 0): "1", (2, 2): "300"}, "zeros are blank"
    boxes = {name: [drawn.box for drawn in picture.texts if drawn.text == name] for name in NAMES}
    for first, second in itertools.pairwise(NAMES):
        assert boxes[first][1].y0 > boxes[second][1].y0, "true classes go down"
        assert boxes[first][0].x0 < boxes[second][0].x0, "predicted ones to the right"


def test_correct_cells_are_blue_and_wrong_ones_orange_and_the_larger_the_darker() -> None:
    picture = Picture.of(MATRIX.plot(numbers=False))
    assert all(is_blue(picture.color(index, index)) for index in range(3))
    assert all(is_orange(picture.color(*cell)) for cell in [(0, 1), (0, 2), (2, 0)])
    assert picture.color(1, 0) == picture.color(1, 2) == picture.color(2, 1) == [255, 255, 255]
    assert sum(picture.color(2, 2)) < sum(picture.color(1, 1)) <= sum(picture.color(0, 0)) < 3 * 255 - 20
    assert sum(picture.color(0, 2)) < sum(picture.color(0, 1)) < sum(picture.color(2, 0)) < 3 * 255 - 20


@pytest.mark.parametrize(
    ("normalize", "labels", "expected"),
    [
        (
            "true",
            ("True\n(% of row)", "Predicted"),
            {(0, 0): "61%", (0, 1): "11%", (0, 2): "28%", (1, 1): "100%", (2, 0): "0.3%", (2, 2): "99.7%"},
        ),
        (
            "pred",
            ("True", "Predicted\n(% of column)"),
            {(0, 0): "92%", (0, 1): "13%", (0, 2): "1.6%", (1, 1): "87%", (2, 0): "8.3%", (2, 2): "98%"},
        ),
        (
            "all",
            ("True", "Predicted\n(% of all)"),
            {(0, 0): "3.3%", (0, 1): "0.6%", (0, 2): "1.5%", (1, 1): "3.9%", (2, 0): "0.3%", (2, 2): "90%"},
        ),
    ],
)
def test_shares(normalize: str, labels: tuple[str, str], expected: dict[tuple[int, int], str]) -> None:
    picture = Picture.of(MATRIX.plot(normalize=normalize))
    assert text_of(picture) == expected
    assert (picture.ax.get_ylabel(), picture.ax.get_xlabel()) == labels
    shares = MATRIX.normalize(normalize)
    assert {cell: f"{100 * shares[cell]:.0f}" for cell in expected} == {cell: f"{float(text[:-1]):.0f}" for cell, text in expected.items()}


def test_shares_that_are_hardly_any_and_nearly_all_say_so() -> None:
    matrix = ConfusionMatrix.from_dense([[99_999, 1], [3, 997]])
    assert text_of(Picture.of(matrix.plot(normalize="true"))) == {(0, 0): ">99.9%", (0, 1): "<0.1%", (1, 0): "0.3%", (1, 1): "99.7%"}
    ax = matrix.plot(plt.figure(figsize=(0.9, 0.9)).add_axes((0.3, 0.3, 0.6, 0.6)), "true", legend=False)
    assert text_of(Picture.of(ax)) == {(0, 0): ">99%", (0, 1): "<1%", (1, 0): "<1%", (1, 1): ">99%"}


def test_weights() -> None:
    picture = Picture.of(ConfusionMatrix.from_dense([[0.1 + 0.2, 12.345], [1e-9, 12345.678]]).plot())
    assert text_of(picture) == {(0, 0): "0.3", (0, 1): "12.3", (1, 0): "1e-09", (1, 1): "12,346"}


def test_a_class_without_samples_or_predictions_is_grey() -> None:
    matrix = ConfusionMatrix.from_dense([[5, 0, 1], [0, 0, 0], [2, 0, 7]])
    grey = [225, 225, 225]
    picture = Picture.of(matrix.plot(numbers=False))
    assert [picture.color(1, column) for column in range(3)] == [grey] * 3
    assert [picture.color(row, 1) for row in (0, 2)] == [[255, 255, 255]] * 2, "predicted as it never: a zero"
    picture = Picture.of(matrix.plot(normalize="pred", numbers=False))
    assert [picture.color(row, 1) for row in range(3)] == [grey] * 3


def test_a_signed_difference_is_red_and_blue() -> None:
    difference = ConfusionMatrix.from_dense([[5, 1, 0], [0, 1200, 4], [2, 0, 0]]) - ConfusionMatrix.from_dense(
        [[9, 0, 0], [0, 0, 0], [0, 0, 900]]
    )
    picture = Picture.of(difference.plot())
    assert text_of(picture) == {(0, 0): "-4", (0, 1): "+1", (1, 1): "+1,200", (1, 2): "+4", (2, 0): "+2", (2, 2): "-900"}
    picture = Picture.of(difference.plot(numbers=False))
    assert is_blue(picture.color(1, 1))
    assert is_orange(picture.color(2, 2))
    assert picture.color(0, 2) == [255, 255, 255]
    assert {"difference", "-1,200", "0", "+1,200"} <= {drawn.text for drawn in picture.texts}
    negative = ConfusionMatrix.from_dense([[0]]) - ConfusionMatrix.from_dense([[2]])
    assert text_of(Picture.of(negative.plot())) == {(0, 0): "-2"}


def test_the_legend_tells_both_scales() -> None:
    texts = [drawn.text for drawn in Picture.of(MATRIX.plot(numbers=False)).texts]
    assert sorted(set(texts) - {*NAMES, "True", "Predicted"}) == ["0", "300", "5", "correct", "wrong"]
    texts = [drawn.text for drawn in Picture.of(MATRIX.plot(normalize="all", numbers=False)).texts]
    assert {"90%", "1.5%", "0%"} <= set(texts)
    texts = [drawn.text for drawn in Picture.of(MATRIX.plot(numbers=False, legend=False, title="Epoch 3")).texts]
    assert sorted(texts) == sorted([*NAMES, *NAMES, "True", "Predicted", "Epoch 3"])


@pytest.mark.parametrize(
    ("counts", "numbers"), [([[0, 0], [0, 0]], {}), ([[0]], {}), ([[5]], {(0, 0): "5"}), ([[0, 3], [0, 0]], {(0, 1): "3"})]
)
@pytest.mark.parametrize("normalize", [None, "all"])
def test_little_or_nothing_counted(counts, numbers, normalize) -> None:
    found = text_of(Picture.of(ConfusionMatrix.from_dense(counts).plot(normalize=normalize)))
    assert found == ({cell: "100%" for cell in numbers} if normalize else numbers)


# What fits.


def assert_legible(picture: Picture) -> None:
    """No text leaves the figure or its cell, and none runs into another."""
    figure = picture.ax.figure.canvas.figure.bbox
    for drawn in picture.texts:
        assert figure.x0 <= drawn.box.x0, drawn
        assert drawn.box.x1 <= figure.x1, drawn
        assert figure.y0 <= drawn.box.y0, drawn
        assert drawn.box.y1 <= figure.y1, drawn
    for (row, column), drawn in picture.numbers().items():
        cell = picture.cell(row, column)
        assert cell.x0 <= drawn.box.x0 < drawn.box.x1 <= cell.x1, drawn
        assert cell.y0 <= drawn.box.y0 < drawn.box.y1 <= cell.y1, drawn
        assert drawn.points >= NUMBER_POINTS[0]
    for axis, low, high in ((picture.ax.xaxis, "x0", "x1"), (picture.ax.yaxis, "y0", "y1")):
        labels = [label for label in axis.get_ticklabels() if label.get_text()]
        assert all(label.get_size() >= NAME_POINTS[0] for label in labels)
        boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: getattr(box, low))
        assert all(getattr(one, high) <= getattr(two, low) + 0.5 for one, two in itertools.pairwise(boxes))


@pytest.mark.parametrize(("n", "stride", "normalize"), [(2, 1, None), (10, 1, "pred"), (50, 1, None), (50, 1, "true"), (200, 5, None)])
def test_legible_from_2_to_200_classes(n: int, stride: int, normalize: str | None) -> None:
    names = [f"class number {index}" for index in range(n)]
    matrix = confused(n, names=names)
    picture = Picture.of(matrix.plot(normalize=normalize))
    assert_legible(picture)
    for axis, label in ((picture.ax.xaxis, picture.ax.get_xlabel()), (picture.ax.yaxis, picture.ax.get_ylabel())):
        assert names_on(axis) == names[::stride]
        assert label.endswith(f"\n(1 name in {stride})") == (stride > 1), "what is left out is said"
    written = picture.numbers()
    assert set(written) == (set(zip(matrix.rows.tolist(), matrix.cols.tolist(), strict=True)) if n < 200 else set())
    assert all(is_blue(picture.color(index, index, right=0.15, down=0.15)) for index in range(n)), "no class is dropped"
    dense = matrix.to_dense()
    for row, column in np.argwhere((dense > 0) & ~np.eye(n, dtype=bool)).tolist():
        assert is_orange(picture.color(row, column, right=0.15, down=0.15))


@pytest.mark.parametrize("dpi", [40, 100, 300])
def test_legible_at_any_resolution(dpi: int) -> None:
    picture = Picture.of(confused(30).plot(), dpi)
    assert_legible(picture)
    assert picture.numbers()


def test_numbers_are_shortened_before_they_are_left_out() -> None:
    counts = [[1_234_567, 12_345], [999, 9_960]]
    texts = []
    for inches in (3.0, 0.62, 0.3):
        ax = plt.figure(figsize=(2 * inches, 2 * inches)).add_axes((0.5, 0.5, 0.45, 0.45))
        picture = Picture.of(ConfusionMatrix.from_dense(counts).plot(ax, legend=False))
        texts.append(list(text_of(picture).values()))
        assert all(drawn.points >= NUMBER_POINTS[0] for drawn in picture.numbers().values())
    assert texts == [["1,234,567", "12,345", "999", "9,960"], ["1.2M", "12k", "999", "10k"], []]


def test_numbers_can_be_demanded_and_declined() -> None:
    ax = plt.figure(figsize=(1, 1)).add_axes((0.5, 0.5, 0.2, 0.2))
    assert len(Picture.of(confused(10).plot(ax, numbers=True, legend=False)).numbers()) == len(confused(10).values)
    assert Picture.of(MATRIX.plot(numbers=False)).numbers() == {}


def test_numbers_stand_out_from_their_cells() -> None:
    def luminance(color):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    matrix = ConfusionMatrix.from_dense(np.arange(144).reshape(12, 12))
    for each in (matrix, matrix - ConfusionMatrix.from_dense(np.arange(144)[::-1].reshape(12, 12))):
        picture = Picture.of(each.plot())
        inks = set()
        for (row, column), drawn in picture.numbers().items():
            background = luminance(np.array(picture.color(row, column, right=0.1, down=0.1)) / 255)
            ink = luminance(drawn.color[:3])
            assert (max(ink, background) + 0.05) / (min(ink, background) + 0.05) >= 4.5, "WCAG AA"
            inks.add(drawn.color)
        assert len(inks) == 2


def test_cells_of_less_than_a_pixel_are_pooled_and_none_is_lost() -> None:
    n = 3000
    lone = [(2500, 17), (3, 2999), (1111, 1500)]
    rows, cols = zip(*lone, strict=True)
    matrix = ConfusionMatrix.from_coo([*range(n), *rows], [*range(n), *cols], [5] * n + [1] * 3, n)
    picture = Picture.of(matrix.plot())
    assert_legible(picture)
    assert re.search(r"^True\n\(1 name in 50, (\d+) x \1 pooled\)$", picture.ax.get_ylabel())
    assert re.search(r"^Predicted\n\(1 name in 50, (\d+) x \1 pooled\)$", picture.ax.get_xlabel())
    inside = picture.ax.get_window_extent()
    height = len(picture.pixels)
    box = picture.pixels[round(height - inside.y1) : round(height - inside.y0), round(inside.x0) : round(inside.x1)].astype(int)
    orange = np.argwhere(box[..., 0] > box[..., 2] + 10) / box.shape[:2] * n
    for row, column in lone:
        assert np.abs(orange - (row, column)).max(axis=1).min() < 12, "each lone confusion is seen in its place"
    blue = np.argwhere(box[..., 2] > box[..., 0] + 10)
    assert len(np.unique(blue[:, 0])) >= 0.99 * len(box), "and the diagonal is whole"


def test_a_square_shows_the_largest_correct_cell_or_else_the_largest_wrong_one() -> None:
    n = 40
    counts = np.random.default_rng(1).integers(1, 1000, (n, n))
    counts[:4], counts[:, 8:12] = 0, 0  # never true, and never predicted
    matrix = ConfusionMatrix.from_dense(counts)
    single = matrix.plot().images[0].get_array()
    ax = matrix.plot(plt.figure(figsize=(1, 1), dpi=40).add_axes((0.5, 0.5, 0.25, 0.25)), normalize="all", legend=False)
    assert ax.get_xlabel() == "Predicted\n(% of all)"
    pooled = Picture.of(ax).ax.images[0].get_array()
    assert ax.get_xlabel() == "Predicted\n(% of all)\n(1 name in 20, 4 x 4 pooled)"
    assert pooled.shape == (10, 10, 4)
    for row, column in np.ndindex(10, 10):
        square = counts[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        shown = np.where(np.eye(4) == 1, square, 0) if row == column and np.trace(square) else square
        at = np.unravel_index(shown.argmax(), (4, 4))
        np.testing.assert_array_equal(pooled[row, column], single[4 * row + at[0], 4 * column + at[1]])


def test_zooming_in_shows_what_did_not_fit() -> None:
    ax = confused(3000, each=20).plot()
    assert Picture.of(ax).numbers() == {}
    ax.set(xlim=(999.5, 1019.5), ylim=(1019.5, 999.5))
    picture = Picture.of(ax)
    assert names_on(ax.xaxis) == [str(index) for index in range(1000, 1020)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted", "True")
    dense = confused(3000, each=20).to_dense()[1000:1020, 1000:1020]
    assert text_of(picture) == {(1000 + row, 1000 + column): str(dense[row, column]) for row, column in np.argwhere(dense).tolist()}
    for row, column in np.ndindex(20, 20):
        color = picture.color(1000 + row, 1000 + column, right=0.1, down=0.1)
        assert is_blue(color) if row == column else is_orange(color) if dense[row, column] else color == [255, 255, 255]


def test_ten_thousand_classes_take_no_more_than_their_pixels() -> None:
    ax = ConfusionMatrix.from_coo(range(10_000), range(10_000), [1] * 10_000, 10_000).plot()
    assert max(ax.images[0].get_array().shape) < 1000
    picture = Picture.of(ax)
    assert any(is_blue(picture.color(5_000, 5_000 + near)) for near in range(-10, 11))


# Names.


def test_names_are_shown_as_they_are() -> None:
    names = ["$5", "a$b$c", r"\alpha $x^2$", "größe Ω", "<b>&amp;", "two\nlines", "x" * 50]
    picture = Picture.of(ConfusionMatrix.from_dense(np.eye(7), names).plot())
    assert_legible(picture)
    shown = [drawn.text for drawn in picture.texts]
    long = "x" * 12 + "…" + "x" * 11
    assert len(long) == MOST_LETTERS
    for name in [*names[:5], "two lines", long]:
        assert shown.count(name) == 2, name


def test_long_names_are_upright_below_and_short_ones_level() -> None:
    def upright(names: list[str]) -> set[bool]:
        ax = ConfusionMatrix.from_dense(np.eye(len(names)), names).plot()
        assert_legible(Picture.of(ax))
        boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
        return {box.height > box.width for box in boxes}

    assert upright([f"class of a long name {letter}" for letter in "abcde"]) == {True}
    assert upright(["class of a long name", "another long name"]) == {False}, "two cells are made as wide as their names"
    assert upright(["dog", "cats", "cow"]) == {False}


# Figures.


def test_a_new_figure_or_the_axes_given() -> None:
    assert MATRIX.plot().figure.number in plt.get_fignums()
    figure, axes = plt.subplots(1, 2, figsize=(8, 4))
    axes[1].set_title("kept")
    before = figure.get_size_inches().tolist()
    assert MATRIX.plot(axes[1]) is axes[1]
    assert (figure.get_size_inches().tolist(), axes[1].get_title(), axes[0].images[:]) == (before, "kept", [])
    MATRIX.plot(axes[0], title="new")
    assert axes[0].get_title() == "new"


def test_axes_that_shrink_afterwards() -> None:
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for ax, n in zip(axes, (10, 2, 100), strict=True):
        confused(n, each=400, names=[f"a rather long name {index}" for index in range(n)]).plot(ax)
    for ax in axes:
        picture = Picture.of(ax)
        assert_legible(picture)
    assert axes[2].get_xlabel().startswith("Predicted\n(1 name in ")
    del figure


def test_figures_without_pyplot_and_figures_in_figures() -> None:
    assert text_of(Picture.of(MATRIX.plot(Figure().add_subplot()))) == text_of(Picture.of(MATRIX.plot()))
    part = Figure(figsize=(9, 4)).subfigures(1, 2)[1]
    assert text_of(Picture.of(MATRIX.plot(part.add_subplot()))) == text_of(Picture.of(MATRIX.plot()))


def test_what_someone_else_writes_on_an_axis_stays() -> None:
    ax = confused(200).plot()
    assert ax.get_xlabel() == "Predicted\n(1 name in 5)"
    ax.set_xlabel("Vorhergesagt")
    ax.set(xlim=(99.5, 109.5), ylim=(109.5, 99.5))
    Picture.of(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Vorhergesagt", "True")


def test_styles_draw_no_grid_over_the_cells() -> None:
    plain = Picture.of(MATRIX.plot())
    with mpl.rc_context({"axes.grid": True, "axes.grid.which": "both", "grid.color": "red"}):
        styled = Picture.of(MATRIX.plot())
    np.testing.assert_array_equal(styled.pixels, plain.pixels)


def test_it_can_be_saved_in_every_form_and_pickled() -> None:
    figure = confused(12).plot().figure
    for form in ("png", "svg", "pdf"):
        file = io.BytesIO()
        figure.savefig(file, format=form, bbox_inches="tight")
        assert file.getvalue()
    restored = pickle.loads(pickle.dumps(figure))
    assert text_of(Picture.of(restored.axes[0])) == text_of(Picture.of(figure.axes[0]))


def test_add_figure_draws_and_closes_it(tmp_path, read_log) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(tmp_path) as writer:
        ax = confused(10).plot()
        size = (ax.figure.get_size_inches() * ax.figure.dpi).astype(int)
        writer.add_figure("confusion", ax.figure, 3)
    assert plt.get_fignums() == []
    logged = [value for value in read_log(tmp_path) if value.tag == "confusion"]
    assert [(value.step, value.plugin) for value in logged] == [(3, "images")]
    del size


# What is refused.


def test_normalize_over_something_else() -> None:
    with pytest.raises(ValueError, match=says("expected 'true', 'pred' or 'all' to normalize over, got 'rows'")):
        MATRIX.plot(normalize="rows")
    assert plt.get_fignums() == [], "and no figure is begun"


def test_a_figure_in_place_of_axes() -> None:
    with pytest.raises(TypeError, match=says("expected ax as matplotlib Axes, got Figure; of a figure pass figure.add_subplot()")):
        MATRIX.plot(Figure())


def test_shares_of_a_difference() -> None:
    message = "expected counts, got a signed difference, of which there are no shares; subtract the shares of both instead"
    with pytest.raises(ValueError, match=says(message)):
        (MATRIX - MATRIX - MATRIX).plot(normalize="true")


def test_without_matplotlib(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "tb_confmat_plugin.plot")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=says("plot needs matplotlib: pip install matplotlib")):
        MATRIX.plot()
