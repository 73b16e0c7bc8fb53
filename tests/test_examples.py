import copy
import io
import json
import pickle
import re
import tracemalloc
import warnings
import zlib
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tb_confmat_plugin import ConfusionMatrix, ConfusionMatrixAccumulator, Example, accumulate, example_keeper
from tb_confmat_plugin.example_choice import EXEMPLARS, Tallies, choose
from tb_confmat_plugin.examples import MOST_ID, MOST_TEXT

modest = settings(deadline=None, derandomize=True, max_examples=60)


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


# Which samples are kept


def seats(samples, num_classes, per_cell, most):
    """Which of (cell, rank) are kept, seat by seat, as the docstring of `choose` says it."""
    in_cell = Counter(cell for cell, _ in samples)
    true, predicted = Counter(), Counter()
    for cell, _ in samples:
        if cell // num_classes != cell % num_classes:
            true[cell // num_classes] += 1
            predicted[cell % num_classes] += 1
    waiting = {}
    for cell, rank in sorted(samples, key=lambda sample: -sample[1]):
        limit = per_cell if cell // num_classes != cell % num_classes else min(EXEMPLARS, per_cell)
        if len(waiting.setdefault(cell, [])) < limit:
            waiting[cell].append((cell, rank))
    diagonal = {cell: waiting.pop(cell) for cell in list(waiting) if cell // num_classes == cell % num_classes}
    by_confusion = sorted(diagonal, key=lambda cell: (-true[cell // num_classes] - predicted[cell // num_classes], cell))
    exemplars = [diagonal[cell][place] for place in range(EXEMPLARS) for cell in by_confusion if place < len(diagonal[cell])]
    firsts = exemplars[: min(most // 2, len(diagonal))]
    wrong, of_class, of_cell = [], Counter(), Counter()
    while any(waiting.values()):
        worst = max(
            {cell // num_classes for cell, rest in waiting.items() if rest}, key=lambda one: (true[one] / (of_class[one] + 1), -one)
        )
        cells = [cell for cell, rest in waiting.items() if rest and cell // num_classes == worst]
        cell = max(cells, key=lambda cell: (in_cell[cell] / (of_cell[cell] + 1), waiting[cell][0][1]))
        of_class[worst] += 1
        of_cell[cell] += 1
        wrong.append(waiting[cell].pop(0))
    return [*firsts, *wrong, *exemplars[len(firsts) :]][:most]


@modest
@given(st.integers(1, 6), st.integers(0, 80), st.integers(1, 4), st.integers(1, 40), st.integers(0, 2**32))
def test_choose_seat_by_seat(num_classes, count, per_cell, most, seed):
    random = np.random.default_rng(seed)
    cells = random.choice(num_classes**2, size=count, p=random.dirichlet(np.ones(num_classes**2)))
    ranks = random.random(count)
    tallies = Tallies()
    tallies.add(cells, num_classes)
    chosen = choose(cells, ranks, tallies, num_classes, per_cell, most)
    found = list(zip(cells[chosen].tolist(), ranks[chosen].tolist(), strict=True))
    assert found == seats(list(zip(cells.tolist(), ranks.tolist(), strict=True)), num_classes, per_cell, most)


def test_the_worst_classes_first():
    """Of class 2 ten times as many are wrong as of any other: it gets ten times as many seats."""
    true = np.repeat([0, 1, 2, 3], [6, 6, 60, 6])
    predicted = (true + 1 + np.arange(len(true)) % 3) % 4
    tallies = Tallies()
    tallies.add(true * 4 + predicted, 4)
    chosen = choose(true * 4 + predicted, np.zeros(len(true)), tallies, 4, 100, 13)
    assert np.bincount(true[chosen]).tolist() == [1, 1, 10, 1]


# The accumulator


def samples(count=300, num_classes=5, seed=0, accuracy=0.6):
    """Logits, truth, images whose first pixel is their number, and ids."""
    random = np.random.default_rng(seed)
    target = random.integers(num_classes, size=count)
    logits = random.normal(size=(count, num_classes)).astype(np.float32)
    logits[np.arange(count), target] += np.where(random.random(count) < accuracy, 5, 0)
    images = np.zeros((count, 3, 6, 5), np.uint8)
    images[:, 0, 0, 0], images[:, 1, 0, 0] = np.arange(count) % 256, np.arange(count) // 256
    return logits, target, images, [f"val/{seed}/{number}.png" for number in range(count)]


def number_of(example: Example) -> int:
    pixel = example.image.getpixel((0, 0))
    return pixel[0] + 256 * pixel[1]


def fed(given, batch=32, container=np.asarray, **options) -> ConfusionMatrixAccumulator:
    accumulator = ConfusionMatrixAccumulator(given[0].shape[1], **options)
    feed(accumulator, given, batch, container)
    return accumulator


def feed(accumulator, given, batch=32, container=np.asarray):
    logits, target, images, ids = given
    for start in range(0, len(target), batch):
        part = slice(start, start + batch)
        accumulator.update(container(logits[part]), container(target[part]), images=container(images[part]), ids=ids[part])


def described(kept) -> list[tuple]:
    return [
        (one.true, one.predicted, one.id, one.text, one.confidence, one.true_confidence, one.no_image, one.image and one.image.tobytes())
        for one in kept
    ]


def softmax(logits):
    return torch.from_numpy(logits).double().softmax(1).numpy()


@pytest.mark.parametrize("container", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
@pytest.mark.parametrize("batch", [1, 7, 300])
def test_the_most_confidently_wrong_are_kept(container, batch):
    logits, target, _, ids = given = samples()
    accumulator = fed(given, batch, container, max_examples=1000)
    kept, matrix = accumulator.examples(), accumulator.compute()
    predicted, probabilities = logits.argmax(1), softmax(logits)
    assert [(one.true, one.predicted) for one in kept] == sorted((one.true, one.predicted) for one in kept)
    for true in range(5):
        for column in range(5):
            here = [one for one in kept if (one.true, one.predicted) == (true, column)]
            all_of_it = np.flatnonzero((target == true) & (predicted == column))
            assert matrix.to_dense()[true, column] == len(all_of_it) == kept.seen.get((true, column), 0)
            if true == column:
                assert len(here) == min(EXEMPLARS, len(all_of_it))
            else:
                expected = sorted(all_of_it, key=lambda at: -probabilities[at, predicted[at]])[:8]
                assert [ids.index(one.id) for one in here] == expected
    for one in kept:
        at = ids.index(one.id)
        assert number_of(one) == at
        assert one.image.size == (5, 6)
        assert (one.true, one.predicted) == (target[at], predicted[at])
        assert one.confidence == pytest.approx(probabilities[at, predicted[at]], abs=1e-6)
        assert one.true_confidence == pytest.approx(probabilities[at, target[at]], abs=1e-6)
        assert one.no_image is None
        assert one.text is None
    assert len(kept) == len(list(kept)) > 60
    assert kept[0] is kept.kept[0]


def test_probabilities_and_their_logarithms_are_taken_as_such():
    logits, target, images, ids = samples()
    expected = described(fed((logits, target, images, ids)).examples())
    for scores in (softmax(logits), np.log(softmax(logits))):
        found = described(fed((scores, target, images, ids)).examples())
        assert [one[:4] for one in found] == [one[:4] for one in expected]
        np.testing.assert_allclose([one[4:6] for one in found], [one[4:6] for one in expected], atol=1e-6)


def test_one_score_a_sample_beside_a_threshold():
    for scores in ([0.9, 0.2, 0.4, 0.7], np.log([9, 0.25, 2 / 3, 7 / 3])):
        accumulator = ConfusionMatrixAccumulator(2, threshold=0.5)
        accumulator.update(np.array(scores), [0, 1, 0, 1], ids=list("abcd"))
        found = {one.id: (one.true, one.predicted, one.confidence, one.true_confidence) for one in accumulator.examples()}
        expected = {"a": (0, 1, 0.9, 0.1), "b": (1, 0, 0.8, 0.2), "c": (0, 0, 0.6, 0.6), "d": (1, 1, 0.7, 0.7)}
        if scores[0] > 1:
            expected["d"], expected["c"] = (1, 1, 0.7, 0.7), (0, 0, 0.6, 0.6)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert found[name] == pytest.approx(values)


def test_labels_alone_have_no_confidence_and_random_examples():
    target, predicted = np.zeros(1000, int), np.ones(1000, int)
    accumulator = ConfusionMatrixAccumulator(2, examples_per_cell=5)
    accumulator.update(predicted, target, ids=list(map(str, range(1000))))
    kept = accumulator.examples()
    assert kept.seen == {(0, 1): 1000}
    assert len(kept) == 5
    assert {(one.confidence, one.true_confidence, one.image) for one in kept} == {(None, None, None)}
    assert max(int(one.id) for one in kept) > 100


def test_a_random_sample_is_uniform():
    """Each of 50 samples is as often among the 5 that are kept as any other (chi-squared, 49 degrees of freedom, p = 0.0001)."""
    drawn, rounds = Counter(), 400
    for seed in range(rounds):
        accumulator = ConfusionMatrixAccumulator(2, examples_per_cell=5, example_choice="random", seed=seed)
        for start in range(0, 50, 8):
            ids = list(range(start, min(start + 8, 50)))
            accumulator.update(np.tile([9.0 - start, 10.0], (len(ids), 1)), np.zeros(len(ids), int), ids=ids)
        drawn.update(int(one.id) for one in accumulator.examples())
    expected = rounds * 5 / 50
    assert sum(drawn.values()) == rounds * 5
    assert sum((drawn[number] - expected) ** 2 / expected for number in range(50)) < 98


def test_the_seed_repeats_a_random_sample():
    def kept(**seed):
        return [one.id for one in fed(samples(), example_choice="random", examples_per_cell=2, **seed).examples()]

    assert kept(seed=1) == kept(seed=1) != kept(seed=2)
    assert kept() == kept(seed=0) != kept(seed=1)


def test_an_epoch_after_reset_is_as_the_first_one():
    given = samples()
    accumulator = fed(given, example_choice="random")
    first = described(accumulator.examples())
    accumulator.reset()
    assert len(accumulator.examples()) == 0
    feed(accumulator, given)
    assert described(accumulator.examples()) == first


@pytest.mark.parametrize("most", [1, 2, 10, 50])
@pytest.mark.parametrize("order", ["shuffled", "by class"])
def test_the_bound_holds_and_the_best_are_nearly_as_without(most, order):
    logits, target, images, ids = samples(2_000, 6)
    if order == "by class":
        by_class = np.argsort(target, kind="stable")
        logits, target, images = logits[by_class], target[by_class], images[by_class]
    accumulator = fed((logits, target, images, ids), max_examples=most)
    assert len(accumulator._keeper._held) <= 1.5 * most
    kept = accumulator.examples()
    assert len(kept) == most
    predicted = logits.argmax(1)
    tallies = Tallies()
    tallies.add(target * 6 + predicted, 6)
    rows, cols = np.array([one.true for one in kept]), np.array([one.predicted for one in kept])
    exemplars = int((rows == cols).sum())
    assert exemplars == min(6, most // 2)
    errors = np.array([tallies.as_true[true] for true in range(6)])
    fair = (most - exemplars) * errors / errors.sum()
    assert abs(np.bincount(rows[rows != cols], minlength=6) - fair).max() <= 2


def test_ignored_and_wrong_labels_are_left_out():
    accumulator = ConfusionMatrixAccumulator(3, ignore_index=-1)
    accumulator.update([0, 1, 2, 7, 1], [1, -1, 5, 0, 0], ids=list("abcde"))
    assert [(one.id, one.true, one.predicted) for one in accumulator.examples()] == [("e", 0, 1), ("a", 1, 0)]
    with pytest.raises(ValueError, match="outside num_classes=3"):
        accumulator.compute()


def test_scores_that_are_no_numbers_are_left_out():
    logits = np.array([[1.0, np.nan], [np.nan, 1.0], [0.0, 2.0], [np.inf, 0.0], [-np.inf, 0.0]])
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update(logits, [0, 0, 0, 1, 0], ids=list("abcde"))
    kept = accumulator.examples()
    assert [one.id for one in kept] == ["e", "c", "d"]
    assert [one.confidence for one in kept] == [1, pytest.approx(1 / (1 + np.exp(-2))), None]


def test_texts_and_ids_alone_together_and_cut():
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update([1, 1, 0], [0, 0, 0], texts=["a", None, "c"], ids=torch.tensor([7, 8, 9]))
    accumulator.update([1], [0], texts=["x" * 10_000], ids=["y" * 10_000])
    accumulator.update([1], [0], texts=np.array(["<b>&\x00é"]))
    found = {(one.id, one.text) for one in accumulator.examples()}
    assert found == {("7", "a"), ("8", None), ("9", "c"), ("y" * (MOST_ID - 1) + "…", "x" * (MOST_TEXT - 1) + "…"), (None, "<b>&\x00é")}


def test_without_examples_nothing_is_kept():
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update([1], [0])
    assert accumulator._keeper is None
    assert len(accumulator.examples()) == 0
    assert accumulator.state_dict()["examples"] is None


def test_batches_with_and_without_examples():
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update([1, 1], [0, 0])
    accumulator.update([1], [0], ids=["a"])
    assert accumulator.compute() == ConfusionMatrix.from_dense([[0, 3], [0, 0]])
    assert accumulator.examples().seen == {(0, 1): 1}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"images": np.zeros((3, 4, 4))}, ValueError, "expected images of shape [2, C, H, W] or [2, H, W, C] with 1, 3 or 4 channels"),
        ({"texts": ["a"]}, ValueError, "expected one of texts a sample, 2, got 1"),
        ({"texts": "ab"}, TypeError, "expected texts as a list, got str"),
        ({"texts": ["a", 5]}, TypeError, "expected texts as strings, got 5 at position 1"),
        ({"texts": {"a", "b"}}, TypeError, "expected texts as a list, got set"),
        ({"ids": ["a", "b", "c"]}, ValueError, "expected one of ids a sample, 2, got 3"),
        ({"ids": 5}, TypeError, "expected ids as a list, got int"),
    ],
)
def test_what_does_not_fit_changes_nothing(given, error, message):
    accumulator = ConfusionMatrixAccumulator(2)
    with pytest.raises(error, match=re.escape(message)):
        accumulator.update([1, 0], [0, 0], **given)
    assert accumulator.compute().total == len(accumulator.examples()) == 0


def test_a_batch_that_is_refused_gives_no_examples():
    accumulator = ConfusionMatrixAccumulator(2)
    with pytest.raises(ValueError, match="expected preds of the shape of target"):
        accumulator.update([1, 0, 1], [0, 0], ids=["a", "b"])
    with pytest.raises(
        ValueError, match=says("expected one true label a sample beside images, texts or ids, target of shape [N], got shape [2, 2]")
    ):
        accumulator.update([[1, 0], [1, 0]], [[0, 0], [0, 0]], ids=["a", "b"])
    with pytest.raises(ValueError, match=re.escape("target of shape [N], got shape []")):
        accumulator.update(torch.tensor(1), torch.tensor(1), ids=["a"])
    assert accumulator.compute().total == len(accumulator.examples()) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"examples_per_cell": 0}, "expected examples_per_cell as an integer from 1 to 1000, got 0"),
        ({"max_examples": 1001}, "expected max_examples as an integer from 1 to 1000, got 1001"),
        ({"max_examples": True}, "expected max_examples as an integer from 1 to 1000, got True"),
        ({"thumbnail_size": 9.5}, "expected thumbnail_size as an integer from 1 to 512, got 9.5"),
        ({"example_choice": "worst"}, "expected example_choice as 'most confident' or 'random', got 'worst'"),
    ],
)
def test_settings_that_can_not_be(options, message):
    with pytest.raises(ValueError, match=says(message)):
        ConfusionMatrixAccumulator(3, **options)


# Images


def hostile() -> list:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)).save(stream, "PNG")
    truncated = Image.open(io.BytesIO(stream.getvalue()[:3000]))
    large = torch.zeros(1, dtype=torch.uint8).expand(3, 20_000, 20_000)
    return [np.full((3, 8, 8), np.nan), truncated, large, np.zeros((3, 0, 0)), np.full((3, 200, 200), np.inf)]


def test_hostile_images_stop_nothing():
    images = hostile()
    accumulator = ConfusionMatrixAccumulator(3)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        accumulator.update([1] * 5, [0] * 5, images=images, ids=list("abcde"))
        accumulator.update([2] * 5, [0] * 5, images=images)
        kept = accumulator.examples()
    (message,) = (str(one.message) for one in warned)
    assert re.match(r"^an example is kept without its image: .*; further ones are not reported$", message)
    assert warned[0].filename == __file__
    assert [one.image for one in kept] == [None] * 10
    reasons = {one.id: one.no_image for one in kept if one.id}
    assert reasons["a"] == reasons["e"] == "the image has values that are NaN or infinite"
    assert reasons["b"].startswith("the image can't be read: ")
    assert "too large" in reasons["c"]
    assert reasons["d"] == "the image has no pixels (0 x 0)"
    assert accumulator.compute().total == 10


@pytest.mark.parametrize("ask", [ConfusionMatrixAccumulator.examples, ConfusionMatrixAccumulator.state_dict])
def test_a_warning_that_comes_late_points_at_the_user(ask):
    accumulator = ConfusionMatrixAccumulator(3)
    accumulator.update([1], [0], images=np.full((1, 8, 8), np.nan))
    with pytest.warns(UserWarning, match="NaN") as warned:
        ask(accumulator)
    assert [one.filename for one in warned] == [__file__]
    assert accumulator.examples()[0].no_image == "the image has values that are NaN or infinite"


def test_thumbnails_have_the_size_asked_for():
    accumulator = ConfusionMatrixAccumulator(2, thumbnail_size=32)
    accumulator.update([1, 1], [0, 0], images=np.zeros((2, 3, 50, 200), np.float32))
    assert [one.image.size for one in accumulator.examples()] == [(32, 8)] * 2


def test_what_is_kept_unless_told_otherwise():
    target, preds = np.divmod(np.arange(900), 30)
    accumulator = ConfusionMatrixAccumulator(30)
    accumulator.update(preds, target, ids=range(900))
    assert len(accumulator.examples()) == 200
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update([1] * 20, [0] * 20, images=np.zeros((20, 3, 50, 200), np.float32))
    assert [one.image.size for one in accumulator.examples()] == [(96, 24)] * 8


def test_no_batch_is_held(monkeypatch):
    """Batches of 20 MB leave little behind, and what is kept does not change with them."""
    accumulator = ConfusionMatrixAccumulator(2, max_examples=20)
    batch = np.zeros((100, 3, 256, 256), np.uint8)
    accumulator.update(np.ones(100, int), np.zeros(100, int), images=batch)
    tracemalloc.start()
    try:
        for level in range(1, 10):
            batch = np.full((100, 3, 256, 256), level, np.uint8)
            accumulator.update(np.ones(100, int), np.zeros(100, int), images=batch)
        del batch
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


def test_only_images_that_may_be_kept_are_looked_at(monkeypatch):
    looked_at = Counter()
    original = example_keeper.hold
    monkeypatch.setattr(example_keeper, "hold", lambda image, side: looked_at.update([1]) or original(image, side))
    accumulator = ConfusionMatrixAccumulator(2, max_examples=10, examples_per_cell=4)
    falling = np.linspace(0.99, 0.51, 1_000)
    for start in range(0, 1_000, 10):
        sure = falling[start : start + 10]
        accumulator.update(np.stack([1 - sure, sure], 1), np.zeros(10, int), images=np.zeros((10, 8, 8)))
    assert looked_at[1] == 4, "the first batch has the most confident of all"


# Elsewhere


def test_merge_is_as_one():
    given = samples(400)
    parts = [tuple(part[:150] for part in given), tuple(part[150:] for part in given)]
    whole = fed(given, max_examples=1000)
    first, second = (fed(part, max_examples=1000) for part in parts)
    assert first.merge(second) is first
    wrong = [[one for one in described(one.examples()) if one[0] != one[1]] for one in (whole, first)]
    assert wrong[0] == wrong[1]
    assert first.examples().seen == whole.examples().seen
    none = ConfusionMatrixAccumulator(5, max_examples=1000)
    assert described(none.merge(second).examples()) == described(second.examples())
    assert described(second.merge(ConfusionMatrixAccumulator(5)).examples()) == described(none.examples())


def test_merge_keeps_the_bound():
    accumulator = fed(samples(seed=1), max_examples=20)
    for seed in range(2, 6):
        accumulator.merge(fed(samples(seed=seed), max_examples=20))
        assert len(accumulator._keeper._held) <= 30
    assert len(accumulator.examples()) == 20


@pytest.mark.parametrize(
    "copied",
    [
        lambda one: pickle.loads(pickle.dumps(one)),
        copy.deepcopy,
        lambda one: restored(one.state_dict(), example_choice=one._settings.choice),
    ],
    ids=["pickle", "copy", "state"],
)
@pytest.mark.parametrize("choice", ["most confident", "random"])
def test_it_goes_on_elsewhere(copied, choice):
    """As it would have gone on here: the same random numbers for the samples that follow, which are most of them."""
    accumulator = fed(samples(count=40, seed=3), example_choice=choice)
    accumulator.update([0, 1], [1, 1], texts=["é\ud83d", None])
    other = copied(accumulator)
    assert described(other.examples()) == described(accumulator.examples())
    assert other.examples().seen == accumulator.examples().seen
    for one in (accumulator, other):
        feed(one, samples(seed=4, accuracy=0))
    assert described(other.examples()) == described(accumulator.examples())
    assert other.examples().seen == accumulator.examples().seen


def test_a_state_is_taken_by_other_settings():
    accumulator = fed(samples(accuracy=0))
    other = restored(accumulator.state_dict(), examples_per_cell=1, max_examples=4)
    assert [len(one.examples()) for one in (accumulator, other)] == [len(accumulator.examples()), 4]
    feed(other, samples(seed=1, accuracy=0))
    assert max(Counter((one.true, one.predicted) for one in other.examples()).values()) == 1
    assert len(other._keeper._held) <= 6


def test_a_state_of_before_random_numbers_were_in_it():
    keeper = fed(samples())._keeper
    state = zlib.decompress(keeper.to_bytes(images=False))
    told = json.loads(state[8:])
    del told["random"]
    text = json.dumps(told).encode()
    old = example_keeper.ExampleKeeper.from_bytes(zlib.compress(len(text).to_bytes(8, "little") + text))
    assert [one.id for one in old.examples()] == [one.id for one in keeper.examples()]


def restored(state, **settings) -> ConfusionMatrixAccumulator:
    stream = io.BytesIO()
    torch.save(state, stream)
    accumulator = ConfusionMatrixAccumulator(5, **settings)
    accumulator.load_state_dict(torch.load(io.BytesIO(stream.getvalue()), weights_only=True))
    return accumulator


def test_a_state_of_before_there_were_examples():
    state = fed(samples()).state_dict()
    del state["examples"]
    accumulator = fed(samples())
    accumulator.load_state_dict(state)
    assert len(accumulator.examples()) == 0
    assert accumulator.compute().total == 300


def test_on_a_device(monkeypatch):
    """Tensors on the CPU go the way of those on a GPU."""
    given = samples()
    expected = described(fed(given, container=torch.from_numpy).examples())
    for module in (accumulate, example_keeper):
        monkeypatch.setattr(module, "on_device", lambda array: isinstance(array, torch.Tensor))
    found = described(fed(given, container=torch.from_numpy).examples())
    assert found == expected
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update(torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), torch.tensor([0, 0]), ids=["a", "b"])
    assert [one.id for one in accumulator.examples()] == ["b"]
