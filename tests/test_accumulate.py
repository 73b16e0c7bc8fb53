import copy
import io
import pickle
import re
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from tb_confmat_plugin import ConfusionMatrix, ConfusionMatrixAccumulator, accumulate
from tb_confmat_plugin import scores as scores_module

modest = settings(deadline=None, derandomize=True, max_examples=60)

NAN, INF = float("nan"), float("inf")
CONTAINERS = {"numpy": np.asarray, "torch": torch.as_tensor, "lists": lambda array: array.tolist()}
DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8]


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


@pytest.fixture
def small_buffer(monkeypatch):
    """A buffer of 8 samples, so that small tests cross its end."""
    monkeypatch.setattr(accumulate, "BUFFERED", 8)


@pytest.fixture
def as_if_on_device(monkeypatch):
    """Tensors on the CPU go the way of those on a GPU."""

    def take(accumulator, preds, target, sample_weight=None):
        accumulator._update_on_device(preds, target, sample_weight)

    monkeypatch.setattr(accumulate, "on_device", lambda array: isinstance(array, torch.Tensor))
    monkeypatch.setattr(ConfusionMatrixAccumulator, "update", take)


@st.composite
def epochs(draw, most_classes=6):
    """A number of classes, an ignored label or None, and batches of predictions, truth and weights or None, some of them empty."""
    num_classes = draw(st.integers(1, most_classes))
    ignore_index = draw(st.sampled_from([None, -100, -1, 0, num_classes - 1]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    batches = []
    for size in draw(st.lists(st.sampled_from([0, 1, 3, 7, 8, 9, 16, 25]), max_size=8)):
        preds, target = random.integers(num_classes, size=(2, size))
        if ignore_index is not None:
            target = np.where(random.random(size) < 0.2, ignore_index, target)
        weights = draw(st.sampled_from([None, None, random.integers(8, size=size), random.integers(8, size=size) / 4]))
        batches.append((preds, target, weights))
    return num_classes, ignore_index, batches


def joined(batches):
    """All batches as one; no weights when none has any."""
    preds, target, weights = zip(*batches, strict=True) if batches else ([], [], [])
    weights = [np.ones(len(one), np.int64) if weight is None else weight for one, weight in zip(target, weights, strict=True)]
    empty = [np.zeros(0, np.int64)]
    return tuple(np.concatenate([*empty, *arrays]) for arrays in (preds, target, weights))


def expected_of(num_classes, ignore_index, batches):
    preds, target, weights = joined(batches)
    some = any(weight is not None for _, _, weight in batches)
    return ConfusionMatrix.from_predictions(
        preds.astype(np.int64),
        target.astype(np.int64),
        num_classes=num_classes,
        ignore_index=ignore_index,
        sample_weight=weights if some else None,
    )


def fed(num_classes, ignore_index, batches, container=np.asarray, dtype=np.int64):
    accumulator = ConfusionMatrixAccumulator(num_classes, ignore_index=ignore_index)
    for preds, target, weights in batches:
        accumulator.update(container(preds.astype(dtype)), container(target.astype(dtype)), None if weights is None else container(weights))
    return accumulator


class TestLabels:
    @pytest.fixture(autouse=True)
    def _dense_and_sparse(self, small_buffer): ...

    @pytest.mark.parametrize("dense_cells", [1 << 16, 0], ids=["dense", "sparse"])
    @pytest.mark.parametrize("container", CONTAINERS)
    def test_against_from_predictions(self, monkeypatch, dense_cells, container):
        monkeypatch.setattr(accumulate, "DENSE_CELLS", dense_cells)

        @modest
        @given(epochs())
        def check(epoch):
            matrix, expected = fed(*epoch, CONTAINERS[container]).compute(), expected_of(*epoch)
            assert matrix == expected
            assert all(np.all(np.diff(matrix.rows * matrix.num_classes + matrix.cols) > 0) for _ in "1")
            assert matrix.values.dtype == expected.values.dtype, "integers stay integers"

        check()

    @modest
    @given(epochs())
    def test_against_sklearn(self, epoch):
        num_classes, ignore_index, batches = epoch
        preds, target, weights = joined(batches)
        kept = target != (-5 if ignore_index is None else ignore_index)
        # It warns of a single label, refuses no samples and weights that are all 0, so it gets one sample of a class more.
        preds, target, weights = np.append(preds[kept], num_classes), np.append(target[kept], num_classes), np.append(weights[kept], 1)
        expected = confusion_matrix(target, preds, labels=range(num_classes + 1), sample_weight=weights)[:-1, :-1]
        np.testing.assert_array_equal(fed(*epoch).compute().to_dense(), expected)

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize("container", ["numpy", "torch"])
    def test_every_integer(self, dtype, container):
        ignored = 100 if dtype == np.uint8 else -100
        batches = [(np.array([0, 1, 2]), np.array([2, ignored, 2]), None)]
        assert fed(3, ignored, batches, CONTAINERS[container], dtype).compute() == expected_of(3, ignored, batches)

    def test_booleans_as_from_predictions(self):
        preds, target = torch.tensor([True, False, True]), torch.tensor([True, True, False])
        accumulator = ConfusionMatrixAccumulator(2)
        accumulator.update(preds, target)
        assert accumulator.compute() == ConfusionMatrix.from_predictions(preds, target)

    def test_scalars(self):
        accumulator = ConfusionMatrixAccumulator(3)
        accumulator.update(torch.tensor(1), torch.tensor(2))
        accumulator.update(1, 2)
        assert accumulator.compute() == ConfusionMatrix.from_coo([2], [1], [2], 3)

    def test_images_of_labels_that_are_not_contiguous(self):
        preds, target = torch.arange(24).reshape(2, 3, 4).transpose(1, 2) % 5, torch.arange(24).reshape(2, 4, 3) % 3
        weights = torch.arange(24.0).reshape(4, 2, 3).transpose(0, 1)
        accumulator = ConfusionMatrixAccumulator(5)
        accumulator.update(preds, target, weights)
        assert accumulator.compute() == ConfusionMatrix.from_predictions(preds, target, num_classes=5, sample_weight=weights)

    def test_what_the_user_does_with_a_tensor_afterwards_changes_nothing(self):
        for make in (torch.zeros, np.zeros):
            accumulator = ConfusionMatrixAccumulator(3)
            labels = make(4, dtype=torch.int64 if make is torch.zeros else np.int64)
            weights = make(4) + 1
            accumulator.update(labels, labels)
            accumulator.update(labels, labels, weights)
            labels[:], weights[:] = 2, 7
            assert accumulator.compute() == ConfusionMatrix.from_coo([0], [0], [8], 3)

    def test_a_matrix_is_not_changed_by_what_comes_later(self):
        for num_classes in (3, 300):
            accumulator = ConfusionMatrixAccumulator(num_classes)
            accumulator.update([0, 1], [0, 1])
            matrix, shallow = accumulator.compute(), copy.copy(accumulator)
            assert accumulator.compute() == matrix, "again the same"
            accumulator.update([1, 2], [1, 1])
            assert accumulator.compute().total == 4
            assert matrix.total == shallow.compute().total == 2

    def test_nothing_yet(self):
        matrix = ConfusionMatrixAccumulator(4, ["a", "b", "c", "d"]).compute()
        assert (matrix.total, matrix.class_names) == (0, ("a", "b", "c", "d"))

    @pytest.mark.parametrize("num_classes", [3, 300])
    def test_cells_are_integers(self, num_classes):
        accumulator = ConfusionMatrixAccumulator(num_classes)
        for weights in (None, [2]):
            matrix = accumulator.compute()
            assert matrix.rows.dtype == matrix.cols.dtype == matrix.values.dtype == np.int64
            accumulator.update([1], [2], weights)
        accumulator.reset()
        accumulator.update([1], [2], [0.5])
        matrix = accumulator.compute()
        assert matrix.rows.dtype == matrix.cols.dtype == np.int64

    def test_reset(self):
        for num_classes in (3, 300):
            accumulator = ConfusionMatrixAccumulator(num_classes)
            accumulator.update([0, 1], [0, 1], [0.5, 2])
            accumulator.compute()
            accumulator.update([0, 1], [0, 1], [0.5, 2])
            accumulator.reset()
            accumulator.update([2], [1])
            matrix = accumulator.compute()
            assert (matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist()) == ([1], [2], [1])
            assert matrix.values.dtype == np.int64, "weights are forgotten as well"


@pytest.mark.parametrize("num_classes", [2, 256, 257, 70_000])
def test_many_updates_of_any_number_of_classes(num_classes):
    random = np.random.default_rng(num_classes)
    preds, target = random.integers(num_classes, size=(2, 300_000))
    accumulator = ConfusionMatrixAccumulator(num_classes)
    for part in (slice(0, 140_000), *(slice(start, start + 999) for start in range(140_000, 300_000, 999))):
        accumulator.update(torch.from_numpy(preds[part]), torch.from_numpy(target[part]))
    assert accumulator.compute() == ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes)


class TestScores:
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64, torch.uint8])
    @pytest.mark.parametrize("shape", [(12, 5), (1, 5), (0, 5), (3, 5, 4), (2, 5, 3, 4), (2, 5, 0, 4), (0, 5, 2), (3, 5, 2, 2, 2)])
    @pytest.mark.parametrize("block", [1 << 17, 30])
    def test_largest_as_from_predictions(self, monkeypatch, dtype, shape, block):
        monkeypatch.setattr(scores_module, "BLOCK", block)
        monkeypatch.setattr(accumulate, "BLOCK", block)
        generator = torch.Generator().manual_seed(len(shape))
        scores = torch.randint(0, 4, shape, generator=generator).to(dtype)  # with many ties
        target = torch.randint(0, 5, (shape[0], *shape[2:]), generator=generator)
        for given_scores in (scores, scores.transpose(0, -1).contiguous().transpose(0, -1)):  # also one that is not contiguous
            accumulator = ConfusionMatrixAccumulator(5)
            accumulator.update(given_scores, target)
            assert accumulator.compute() == ConfusionMatrix.from_predictions(scores, target, num_classes=5)

    def test_lists_and_weights(self):
        accumulator = ConfusionMatrixAccumulator(3)
        accumulator.update([[1, 3, 3], [0.5, 0.25, 0.25]], [1, 2], [2, 3])
        assert accumulator.compute().to_dense().tolist() == [[0, 0, 0], [0, 2, 0], [3, 0, 0]]

    def test_with_gradient(self):
        scores = torch.eye(3).requires_grad_()
        for preds in (scores, scores * 2, scores.bfloat16()):
            accumulator = ConfusionMatrixAccumulator(3)
            accumulator.update(preds, torch.arange(3), torch.ones(3, requires_grad=True))
            assert accumulator.compute().true_positives.tolist() == [1, 1, 1]
        assert scores.grad is None

    @pytest.mark.parametrize("num_classes", [3, 60])  # scores of few classes are buffered
    def test_among_updates_of_every_other_kind(self, monkeypatch, num_classes):
        monkeypatch.setattr(accumulate, "BUFFERED", 20)
        monkeypatch.setattr(accumulate, "BLOCK", 9 * num_classes)

        @modest
        @given(
            st.lists(
                st.tuples(st.sampled_from(["scores", "scores", "doubles", "labels", "weights", "images", "compute"]), st.integers(0, 11)),
                max_size=12,
            ),
            st.integers(0, 2**32),
            st.sampled_from([None, -1, 2]),
        )
        def check(updates, seed, ignore_index):
            random, all_preds, all_target, all_weights = np.random.default_rng(seed), [], [], []
            accumulator = ConfusionMatrixAccumulator(num_classes, ignore_index=ignore_index)
            for kind, size in updates:
                scores = random.integers(9, size=(size, num_classes)).astype(np.float64 if kind == "doubles" else np.float32)
                target, weights = random.integers(num_classes, size=size), np.ones(size, np.int64)
                preds = scores.argmax(1)
                if ignore_index == -1:
                    target[::4] = -1
                if kind == "compute":
                    accumulator.compute()
                    continue
                if kind == "images":
                    accumulator.update(scores.T[None], target[None])
                elif kind == "weights":
                    weights = random.integers(5, size=size)
                    accumulator.update(scores, target, weights)
                else:
                    accumulator.update(torch.from_numpy(preds if kind == "labels" else scores), torch.from_numpy(target))
                scores[:] = 0  # a copy was taken
                for kept, one in ((all_preds, preds), (all_target, target), (all_weights, weights)):
                    kept.extend(one.tolist())
            expected = ConfusionMatrix.from_predictions(
                np.array(all_preds, int),
                np.array(all_target, int),
                num_classes=num_classes,
                sample_weight=np.array(all_weights, int),
                ignore_index=ignore_index,
            )
            assert accumulator.compute() == expected

        check()

    @pytest.mark.parametrize("num_classes", [2, 60])
    def test_nan_is_named_wherever_it_is_counted(self, monkeypatch, num_classes):
        monkeypatch.setattr(accumulate, "BLOCK", num_classes * 5)
        scores, target = torch.eye(num_classes)[:2], torch.arange(2)
        for at in range(6):
            accumulator = ConfusionMatrixAccumulator(num_classes)
            for update in range(6):
                accumulator.update(torch.full_like(scores, NAN) if update == at else scores, target)
            with pytest.raises(ValueError, match=f"got NaN for sample 0 of update {at} "):
                accumulator.compute()
            assert accumulator.compute().true_positives[:2].tolist() == [5, 5]
            assert accumulator.compute().total == 10

    def test_one_class(self):
        accumulator = ConfusionMatrixAccumulator(1)
        for score in (0.5, NAN, -INF):
            accumulator.update(torch.full((3, 1), score), torch.zeros(3).long())
        with pytest.raises(ValueError, match="got NaN for sample 0 of update 1 "):
            accumulator.compute()
        assert accumulator.compute().to_dense().tolist() == [[6]]

    def test_scores_that_are_waiting_are_in_every_copy(self):
        accumulator = ConfusionMatrixAccumulator(3)
        for _ in range(2):
            accumulator.update(torch.eye(3), torch.tensor([2, 1, 0]))
        assert accumulator._waiting, "or this tests nothing"
        copies = [copy.deepcopy(accumulator), copy.copy(accumulator), ConfusionMatrixAccumulator(3).merge(accumulator)]
        accumulator.update(torch.eye(3), torch.tensor([0, 0, 0]))
        accumulator.compute()
        assert [one.compute().to_dense().tolist() for one in copies] == [[[0, 0, 2], [0, 2, 0], [2, 0, 0]]] * 3
        accumulator.update(torch.eye(3), torch.tensor([2, 1, 0]))
        accumulator.reset()
        accumulator.update(torch.eye(3), torch.tensor([0, 0, 0]))
        assert accumulator.compute().to_dense()[0].tolist() == [1, 1, 1]
        assert accumulator.compute().total == 3

    def test_target_of_floats_beside_scores(self):
        accumulator = ConfusionMatrixAccumulator(3)
        for _ in range(2):
            with pytest.raises(TypeError, match=r"got preds of int64 and target of float32$"):
                accumulator.update(torch.eye(3), torch.zeros(3))
            with pytest.raises(ValueError, match=r"got preds \[3\] and target \[2\]$"):
                accumulator.update(torch.eye(3), torch.zeros(2).long())
            accumulator.update(torch.eye(3), torch.arange(3))
        assert accumulator.compute().total == 6

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
    def test_infinite_and_very_large_scores_warn_of_nothing(self, dtype):
        most = torch.finfo(dtype).max
        scores = torch.tensor([[-INF, INF], [-INF, -INF], [most, 0], [most, most], [-most, -INF]] * 20, dtype=dtype)
        accumulator = ConfusionMatrixAccumulator(2)
        accumulator.update(scores, torch.zeros(100, dtype=torch.int64))
        assert accumulator.compute().to_dense().tolist() == [[80, 20], [0, 0]]

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
    @pytest.mark.parametrize("images", [False, True])
    def test_nan_is_named(self, dtype, images):
        scores = torch.eye(3, dtype=dtype)
        wrong = scores.clone()
        wrong[1, 2] = NAN
        target = torch.arange(3)
        if images:
            scores, wrong, target = (scores[..., None], wrong[..., None], target[:, None])
        accumulator = ConfusionMatrixAccumulator(3)
        accumulator.update(scores, target)
        accumulator.update(wrong, target)
        with pytest.raises(ValueError, match=says("expected scores in preds, got NaN for sample 1 of update 1 (both counted from 0)")):
            accumulator.compute()
        assert accumulator.compute().true_positives.tolist() == [2, 1, 2]

    def test_nan_of_an_ignored_sample_does_no_harm(self):
        accumulator = ConfusionMatrixAccumulator(2, ignore_index=-100)
        accumulator.update(torch.tensor([[NAN, 0], [0, 1]]), torch.tensor([-100, 1]))
        assert accumulator.compute().total == 1

    @modest
    @given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30), st.sampled_from([0.0, 0.3, 0.5]))
    def test_threshold(self, samples, threshold):
        scores, target = np.array([score for score, _ in samples]), np.array([true for _, true in samples], np.int64)
        accumulator = ConfusionMatrixAccumulator(2, threshold=threshold)
        accumulator.update(torch.from_numpy(scores), torch.from_numpy(target))
        accumulator.update(scores.tolist(), target.tolist())
        accumulator.update(target, target)  # labels stay labels
        once = ConfusionMatrix.from_predictions(scores, target, threshold=threshold, num_classes=2)
        assert accumulator.compute() == once + once + ConfusionMatrix.from_predictions(target, target, num_classes=2)

    def test_threshold_of_nan(self):
        accumulator = ConfusionMatrixAccumulator(2, threshold=0.5)
        accumulator.update([0.7, NAN], [1, 1])
        with pytest.raises(ValueError, match="expected scores in preds, got NaN for sample 1 of update 0"):
            accumulator.compute()


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("preds", "target", "weights", "message"),
        [
            ([0, 5], [1, 1], None, "label 5 of preds is outside num_classes=3, at {where}; pass a larger num_classes"),
            ([0, -1], [1, 1], None, "label -1 of preds is outside num_classes=3, at {where}; pass a larger num_classes"),
            ([0, 1], [1, 3], None, "label 3 of target is outside num_classes=3, at {where}; pass a larger num_classes or ignore_index=3"),
            (
                [0, 9],
                [1, -1],
                None,
                "label -1 of target is outside num_classes=3, at {where}; pass a larger num_classes or ignore_index=-1",
            ),
            ([0, 1], [1, 1], [1, -2], "expected sample_weight of at least 0, got -2 for {where}"),
            ([0, 1], [1, 1], [1, -2.0], "expected sample_weight of at least 0, got -2.0 for {where}"),
            ([0, 1], [1, 1], [1, NAN], "expected sample_weight of at least 0, got nan for {where}"),
            ([0, 0], [1, 0], [1, INF], "expected sample_weight of at least 0, got inf for {where}"),
        ],
    )
    def test_a_wrong_sample_is_named_and_the_others_stay(self, preds, target, weights, message):
        for num_classes in (3, 300):
            accumulator = ConfusionMatrixAccumulator(num_classes)
            if num_classes == 300:
                preds, target = ([label + 297 if label > 2 else label for label in labels] for labels in (preds, target))
                message = re.sub(r"label (\d)", lambda found: f"label {int(found[1]) + 297}", message)
                message = re.sub(r"index=(\d)", lambda found: f"index={int(found[1]) + 297}", message).replace("classes=3", "classes=300")
            accumulator.update([2], [2])
            accumulator.update([], [])
            accumulator.update(preds, target, weights)
            accumulator.update([1], [1])
            with pytest.raises(ValueError, match=says(message.format(where="sample 1 of update 2 (both counted from 0)"))):
                accumulator.compute()
            assert accumulator.compute() == ConfusionMatrix.from_coo([2, 1, 1], [2, 0, 1], [1, 1, 1], num_classes)

    def test_updates_are_counted_over_the_ends_of_buffers(self, small_buffer):
        accumulator = ConfusionMatrixAccumulator(3)
        empty, large = np.zeros(0, np.int64), np.zeros(20, np.int64)
        wrong = large.copy()
        wrong[[13, 19]] = 7
        accumulator.update(empty, empty)
        accumulator.update([0, 0], [0, 0])
        accumulator.update(large, large)
        accumulator.compute()
        accumulator.update(empty, empty)
        accumulator.update([1], [1])
        # The first of its parts is full and counted in the middle of the update; the sample is in the second.
        with pytest.raises(ValueError, match="label 7 of preds is outside num_classes=3, at sample 13 of update 5 "):
            accumulator.update(wrong, large)
        with pytest.raises(ValueError, match="label 7 of preds is outside num_classes=3, at sample 19 of update 5 "):
            accumulator.compute()
        accumulator.update([9], [0])
        with pytest.raises(ValueError, match="label 9 of preds is outside num_classes=3, at sample 0 of update 6 "):
            accumulator.compute()
        assert accumulator.compute().true_positives.tolist() == [2 + 20 + 18, 1, 0]

    def test_the_update_that_reports_is_added_all_the_same(self, small_buffer):
        accumulator = ConfusionMatrixAccumulator(3)
        accumulator.update([0, 3], [0, 0])
        with pytest.raises(ValueError, match="at sample 1 of update 0 "):
            accumulator.update([1] * 7, [1] * 7)
        assert accumulator.compute().true_positives.tolist() == [1, 7, 0]

    def test_wrong_samples_that_are_ignored(self):
        accumulator = ConfusionMatrixAccumulator(3, ignore_index=-100)
        accumulator.update([0, 77, 1], [0, -100, 2], [1, NAN, 1])
        assert accumulator.compute().total == 2

    @pytest.mark.parametrize(
        ("preds", "target"), [([0, 1], [0]), ([[0, 1]], [[0], [1]]), ([0, 1], 0), ([[[0, 1, 2]]], [0]), (torch.zeros(2, 3, 4), [0, 1])]
    )
    def test_shapes(self, preds, target):
        accumulator, shapes = ConfusionMatrixAccumulator(3), [list(np.shape(preds)), list(np.shape(target))]
        message = (
            "expected preds of the shape of target, or with one more dimension, the class, as dimension 1; "
            f"got preds {shapes[0]} and target {shapes[1]}"
        )
        with pytest.raises(ValueError, match=says(message)):
            accumulator.update(preds, target)
        assert accumulator.compute().total == 0

    @pytest.mark.parametrize("shape", [(2, 4), (2, 0), (2, 4, 3)])
    def test_scores_of_other_classes(self, shape):
        message = f"expected 3 scores a sample on dimension 1 of preds, got preds of shape {list(shape)}"
        for array in (torch.zeros(shape), np.zeros(shape)):
            with pytest.raises(ValueError, match=says(message)):
                ConfusionMatrixAccumulator(3).update(array, torch.zeros((2, *shape[2:]), dtype=torch.int64))

    @pytest.mark.parametrize(
        ("preds", "target", "kinds"),
        [
            (torch.zeros(2), torch.zeros(2).long(), "preds of float32 and target of int64"),
            ([0, 1], [0.5, 1.5], "preds of int64 and target of float64"),
            (["a", "b"], ["a", "b"], "preds of <U1 and target of <U1"),
        ],
    )
    def test_no_integers(self, preds, target, kinds):
        message = f"expected integer labels, or scores with the class on dimension 1 of preds; got {kinds}"
        with pytest.raises(TypeError, match=says(message)):
            ConfusionMatrixAccumulator(3).update(preds, target)

    @pytest.mark.parametrize("scores", [[["a", "b"]], [[True, False]], [[1j, 0]]])
    def test_no_scores(self, scores):
        kind = np.asarray(scores).dtype
        with pytest.raises(TypeError, match=says(f"expected logits or probabilities as numbers in preds, got dtype {kind}")):
            ConfusionMatrixAccumulator(2).update(scores, [0])

    @pytest.mark.parametrize("weights", [[1], [[1, 1]], 1.0, [1, 1, 1]])
    def test_shape_of_weights(self, weights):
        message = f"expected one sample_weight a sample, shape [2], got shape {list(np.shape(weights))}"
        with pytest.raises(ValueError, match=says(message)):
            ConfusionMatrixAccumulator(2).update([0, 1], [0, 1], weights)

    def test_kind_of_weights(self):
        with pytest.raises(TypeError, match=says("expected sample_weight as numbers, got dtype <U1")):
            ConfusionMatrixAccumulator(2).update([0, 1], [0, 1], ["a", "b"])

    def test_weights_beyond_what_is_exact(self):
        accumulator = ConfusionMatrixAccumulator(2)
        accumulator.update([0, 1], [0, 1], [2.0**52, 2.0**52])
        with pytest.raises(ValueError, match=r"expected counts that add up to less than 2\*\*53"):
            accumulator.compute()

    @pytest.mark.parametrize("num_classes", [2, 300])
    def test_integer_weights_that_no_integer_could_sum_up(self, num_classes):
        accumulator = ConfusionMatrixAccumulator(num_classes)
        accumulator.update([0, 1], [0, 1], np.array([2**63, 1], np.uint64))
        with pytest.raises(ValueError, match=r"expected counts that add up to less than 2\*\*53, .* got 9.223e\+18"):
            accumulator.compute()
        accumulator.reset()
        for _ in range(5):
            accumulator.update([0, 1], [0, 1], [2**62, 2**62])
        with pytest.raises(ValueError, match=r"expected counts that add up to less than 2\*\*53, .* got 4.612e\+19"):
            accumulator.compute()

    def test_a_threshold_and_an_ignored_label_that_are_none(self):
        for threshold in (NAN, "0.5"):
            with pytest.raises(ValueError, match=says(f"expected threshold as a number, got {threshold!r}")):
                ConfusionMatrixAccumulator(2, threshold=threshold)
        with pytest.raises(TypeError, match=r"expected ignore_index as one label, got \[1\]"):
            ConfusionMatrixAccumulator(2, ignore_index=[1])

    def test_threshold_of_many_classes(self):
        with pytest.raises(ValueError, match=says("expected num_classes=2 beside a threshold, got 3")):
            ConfusionMatrixAccumulator(3, threshold=0.5)


class TestMerge:
    @modest
    @given(epochs(), st.integers(0, 8))
    def test_as_one(self, epoch, cut):
        num_classes, ignore_index, batches = epoch
        first, second = (fed(num_classes, ignore_index, part) for part in (batches[:cut], batches[cut:]))
        assert first.merge(second) is first
        assert first.compute() == expected_of(*epoch)
        assert second.compute() == expected_of(num_classes, ignore_index, batches[cut:]), "the other is as it was"

    @pytest.mark.parametrize("num_classes", [3, 300])
    def test_with_itself_and_with_weights(self, num_classes):
        accumulator, weighted = ConfusionMatrixAccumulator(num_classes), ConfusionMatrixAccumulator(num_classes)
        accumulator.update([1], [2])
        weighted.update([1, 0], [2, 0], [0.5, 0])
        accumulator.merge(accumulator).merge(weighted)
        matrix = accumulator.compute()
        assert (matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist()) == ([2], [1], [2.5])

    def test_other_classes(self):
        accumulator = ConfusionMatrixAccumulator(2, ["a", "b"])
        with pytest.raises(ValueError, match=says("expected accumulators of the same classes, got 2 and 3 classes")):
            accumulator.merge(ConfusionMatrixAccumulator(3))
        with pytest.raises(ValueError, match=says("expected accumulators of the same classes, got 2 and 2 classes with other names")):
            accumulator.merge(ConfusionMatrixAccumulator(2, ["b", "a"]))

    def test_with_one_that_was_synced(self):
        synced, accumulator = ConfusionMatrixAccumulator(2), ConfusionMatrixAccumulator(2)
        synced._synced = True
        assert accumulator.merge(synced)._synced, "a sync would count its samples twice"
        assert accumulator.merge(ConfusionMatrixAccumulator(2))._synced


class TestState:
    @pytest.mark.parametrize("num_classes", [4, 400])
    @pytest.mark.parametrize("weights", [None, [0.5, 1, 2]])
    @pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
    def test_goes_on_in_mid_epoch(self, num_classes, weights, way):
        names = [f"class {index}" for index in range(num_classes)]
        accumulator = ConfusionMatrixAccumulator(num_classes, names, ignore_index=3)
        accumulator.update([0, 1, 2], [0, 1, 3], weights)
        if way == "state_dict":
            file = io.BytesIO()
            torch.save(accumulator.state_dict(), file)
            file.seek(0)
            resumed = ConfusionMatrixAccumulator(num_classes, names, ignore_index=3)
            resumed.update([3], [1])  # forgotten
            resumed.load_state_dict(torch.load(file, weights_only=True))
        else:
            resumed = copy.deepcopy(accumulator) if way == "deepcopy" else pickle.loads(pickle.dumps(accumulator))
        assert resumed.compute() == accumulator.compute()
        for one in (accumulator, resumed):
            one.update([2, 2], [1, 3])
        assert resumed.compute() == accumulator.compute()
        assert resumed.compute().total == (3 if weights is None else 2.5)
        resumed.update([num_classes], [1])
        with pytest.raises(ValueError, match="at sample 0 of update 2 "):
            resumed.compute()

    def test_a_state_is_not_changed_by_what_comes_later(self):
        for num_classes in (3, 300):
            accumulator = ConfusionMatrixAccumulator(num_classes)
            accumulator.update([1], [1])
            state = accumulator.state_dict()
            accumulator.update([1], [1])
            accumulator.compute()
            state["counts"] += 10
            assert accumulator.compute().total == 2
            accumulator.load_state_dict(state)
            state["counts"] += 10
            assert accumulator.compute().total == 11

    def test_a_state_knows_whether_it_is_of_all_processes(self):
        accumulator, other = ConfusionMatrixAccumulator(2), ConfusionMatrixAccumulator(2)
        state = accumulator.state_dict()
        assert state["synced"] is False
        other.load_state_dict({**state, "synced": True})
        assert other.state_dict()["synced"] is True
        assert accumulator.merge(other).state_dict()["synced"] is True
        other.load_state_dict(state)
        assert other.state_dict()["synced"] is False
        accumulator.reset()
        assert accumulator.state_dict()["synced"] is False

    def test_a_pickle_names_no_device(self, as_if_on_device):
        accumulator, labels = ConfusionMatrixAccumulator(2), torch.tensor([0, 1])
        accumulator.update(labels, labels)
        assert accumulator._device is not None
        again = pickle.loads(pickle.dumps(accumulator))
        assert again._device is None
        assert again.compute().total == 2

    @pytest.mark.parametrize("preds", [torch.tensor([1]), torch.eye(1_000)[[1]]], ids=["labels", "scores"])
    def test_a_pickle_is_small(self, preds):
        accumulator = ConfusionMatrixAccumulator(1_000)
        for _ in range(2):
            accumulator.update(preds, torch.tensor([1]))
        assert len(pickle.dumps(accumulator)) < 1_000

    def test_state_of_other_classes(self):
        accumulator = ConfusionMatrixAccumulator(2, ["a", "b"])
        with pytest.raises(ValueError, match=says("expected the state of an accumulator of 2 classes, got one of 3 classes")):
            accumulator.load_state_dict(ConfusionMatrixAccumulator(3).state_dict())
        message = "expected the state of an accumulator of 2 classes, got one of 2 classes with other names"
        with pytest.raises(ValueError, match=says(message)):
            accumulator.load_state_dict(ConfusionMatrixAccumulator(2).state_dict())

    def test_a_wrong_label_is_told_before_it_is_saved(self):
        accumulator = ConfusionMatrixAccumulator(2)
        accumulator.update([0, 2], [0, 0])
        with pytest.raises(ValueError, match="at sample 1 of update 0 "):
            pickle.dumps(accumulator)
        assert pickle.loads(pickle.dumps(accumulator)).compute().total == 1


@pytest.mark.parametrize("num_classes", [2, 256, 300, 10_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_memory(num_classes, weighted):
    """50,000 labels take at most 8 MB beside themselves, until the matrix is there."""
    random = np.random.default_rng(0)
    target = random.integers(num_classes, size=50_000)
    preds = np.where(random.random(50_000) < 0.76, target, random.integers(num_classes, size=50_000))
    weights = np.ones(50_000) if weighted else None
    tracemalloc.start()
    try:
        accumulator = ConfusionMatrixAccumulator(num_classes)
        for start in range(0, 50_000, 256):
            part = slice(start, start + 256)
            accumulator.update(preds[part], target[part], None if weights is None else weights[part])
        accumulator.compute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("num_classes", [2, 48, 49])
def test_memory_of_scores(num_classes):
    """That of the labels and a block of scores."""
    scores, target = torch.zeros(256, num_classes), torch.zeros(256, dtype=torch.int64)
    tracemalloc.start()
    try:
        accumulator = ConfusionMatrixAccumulator(num_classes)
        for _ in range(200):
            accumulator.update(scores, target)
        accumulator.compute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6


def test_memory_of_images():
    """numpy would copy all scores to find the largest on dimension 1."""
    scores, target = torch.zeros(2, 21, 256, 256), torch.zeros(2, 256, 256, dtype=torch.int64)
    tracemalloc.start()
    try:
        accumulator = ConfusionMatrixAccumulator(21)
        accumulator.update(scores, target)
        accumulator.compute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8e6 < scores.nbytes


def test_a_wrong_label_beside_a_right_weight():
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update([0, 5, 1], [0, 1, 0], [3, 4, 2])
    with pytest.raises(ValueError, match="label 5 of preds is outside num_classes=2, at sample 1 of update 0 "):
        accumulator.compute()
    assert accumulator.compute().to_dense().tolist() == [[3, 2], [0, 0]]


def test_the_largest_total_is_an_integer():
    accumulator = ConfusionMatrixAccumulator(2)
    accumulator.update([1], [1], [2**53 - 1])
    matrix = accumulator.compute()
    assert (matrix.total, matrix.values.dtype) == (2**53 - 1, np.int64)


class TestOnDevice:
    def test_update_reads_no_value(self):
        """A meta tensor has none: whatever would wait for a GPU raises here."""
        with torch.device("meta"):
            labels, images = torch.zeros(300, dtype=torch.int64), torch.zeros(2, 7, 5, dtype=torch.int32)
            accumulator = ConfusionMatrixAccumulator(1_000, ignore_index=-100)
            accumulator.update(labels, labels)
            accumulator.update(torch.zeros(300, 1_000, dtype=torch.bfloat16, requires_grad=True), labels)
            accumulator.update(torch.zeros(2, 1_000, 7, 5), images)
            accumulator.update(labels, labels, labels)
            accumulator.update(labels, labels, torch.zeros(300, requires_grad=True))
            accumulator.update(labels, labels, [1.0] * 300)
            accumulator.update(labels, labels)
            binary = ConfusionMatrixAccumulator(2, threshold=0.5)
            binary.update(torch.zeros(300), labels)
            with pytest.raises((RuntimeError, NotImplementedError)):
                labels.sum().item()
        assert accumulator._filled == 300 + 300 + 70 + 4 * 300
        assert accumulator._buffer.device.type == accumulator._weights.device.type == binary._buffer.device.type == "meta"

    @pytest.mark.parametrize("dense_cells", [1 << 16, 0], ids=["dense", "sparse"])
    def test_labels(self, monkeypatch, small_buffer, as_if_on_device, dense_cells):
        monkeypatch.setattr(accumulate, "DENSE_CELLS", dense_cells)

        @modest
        @given(epochs())
        def check(epoch):
            assert fed(*epoch, torch.as_tensor).compute() == expected_of(*epoch)

        check()

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.int64])
    @pytest.mark.parametrize("shape", [(12, 5), (0, 5), (2, 5, 3, 4)])
    def test_scores(self, as_if_on_device, dtype, shape):
        generator = torch.Generator().manual_seed(0)
        scores = torch.randint(0, 4, shape, generator=generator).to(dtype)
        target = torch.randint(0, 5, (shape[0], *shape[2:]), generator=generator)
        accumulator = ConfusionMatrixAccumulator(5)
        accumulator.update(scores, target)
        assert accumulator.compute() == ConfusionMatrix.from_predictions(scores, target, num_classes=5)

    def test_wrong_samples(self, small_buffer, as_if_on_device):
        accumulator = ConfusionMatrixAccumulator(2)
        right = torch.tensor([0, 1])
        accumulator.update(torch.tensor([[0, 1], [0, NAN]]), right)
        with pytest.raises(ValueError, match="expected scores in preds, got NaN for sample 1 of update 0 "):
            accumulator.compute()
        accumulator.update(right, right, torch.tensor([1.0, -1]))
        with pytest.raises(ValueError, match=r"expected sample_weight of at least 0, got -1.0 for sample 1 of update 1 "):
            accumulator.compute()
        with pytest.raises(ValueError, match="label 3 of preds is outside num_classes=2, at sample 0 of update 2 "):
            accumulator.update(torch.full((10,), 3), torch.zeros(10, dtype=torch.int64))
        accumulator.update(right, right)
        with pytest.raises(ValueError, match="label 3 of preds is outside num_classes=2, at sample 8 of update 2 "):
            accumulator.compute()
        assert accumulator.compute().to_dense().tolist() == [[2, 1], [0, 1]]

    def test_threshold(self, as_if_on_device):
        accumulator = ConfusionMatrixAccumulator(2, threshold=0.5)
        accumulator.update(torch.tensor([0.5, 0.6, NAN]), torch.tensor([0, 0, 0]))
        with pytest.raises(ValueError, match="expected scores in preds, got NaN for sample 2 of update 0 "):
            accumulator.compute()
        assert accumulator.compute().to_dense().tolist() == [[1, 1], [0, 0]]

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64, torch.uint64, torch.bfloat16, torch.float64])
    def test_weights(self, as_if_on_device, dtype):
        accumulator, labels = ConfusionMatrixAccumulator(2), torch.tensor([0, 1])
        accumulator.update(labels, labels)
        accumulator.update(labels, labels, torch.tensor([2, 3]).to(dtype))
        matrix = accumulator.compute()
        assert matrix.true_positives.tolist() == [3, 4]
        assert matrix.values.dtype == (np.int64 if dtype in (torch.uint8, torch.int16, torch.int64) else np.float64)

    def test_weights_of_many_digits(self, as_if_on_device):
        accumulator, label = ConfusionMatrixAccumulator(2), torch.tensor([1])
        accumulator.update(label, label, torch.tensor([2**40 + 0.5], dtype=torch.float64))
        assert accumulator.compute().total == 2**40 + 0.5

    def test_what_is_refused_at_once(self, as_if_on_device):
        accumulator, two = ConfusionMatrixAccumulator(3), torch.tensor([0, 1])
        for preds, target in ((two, two[:1]), (two, two[0])):
            with pytest.raises(ValueError, match="expected preds of the shape of target"):
                accumulator.update(preds, target)
        with pytest.raises(ValueError, match=r"expected 3 scores a sample on dimension 1 of preds, got preds of shape \[2, 4\]"):
            accumulator.update(torch.zeros(2, 4), two)
        with pytest.raises(TypeError, match=r"got preds of torch.float32 and target of torch.int64"):
            accumulator.update(torch.zeros(2), two)
        with pytest.raises(ValueError, match=r"expected one sample_weight a sample, shape \[2\], got shape \[3\]"):
            accumulator.update(two, two, torch.ones(3))
        for weights in (torch.tensor([True, False]), torch.zeros(2, dtype=torch.complex64)):
            with pytest.raises(TypeError, match=says(f"expected sample_weight as numbers, got dtype {weights.dtype}")):
                accumulator.update(two, two, weights)
        assert accumulator.compute().total == 0

    def test_scores_there_and_labels_here(self, monkeypatch):
        monkeypatch.setattr(accumulate, "on_device", lambda array: isinstance(array, torch.Tensor))
        accumulator, scores = ConfusionMatrixAccumulator(2), torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], requires_grad=True)
        accumulator.update(scores, [1, 1, 0])
        accumulator.update([0], torch.tensor([1]))
        assert accumulator.compute().to_dense().tolist() == [[0, 1], [2, 1]]

    def test_there_and_here_in_turns(self, monkeypatch):
        accumulator, labels = ConfusionMatrixAccumulator(2), torch.tensor([0, 1])
        with monkeypatch.context() as patched:
            patched.setattr(accumulate, "on_device", lambda _: True)
            accumulator._update_on_device(labels, labels, None)
            accumulator.update(labels, labels, [1, 2])
            accumulator._update_on_device(labels, labels, torch.tensor([1, 2]))
            accumulator.update(labels, labels)
        assert accumulator.compute().true_positives.tolist() == [4, 6]


@pytest.mark.parametrize("device", [False, True])
def test_scores_of_each_class_beside_a_threshold_are_refused(device, monkeypatch):
    monkeypatch.setattr("tb_confmat_plugin.accumulate.on_device", lambda array: device)
    preds = torch.rand(4, 2).requires_grad_(device)  # which keeps it from the common path
    with pytest.raises(ValueError, match=r"expected one score a sample beside a threshold, got preds of shape \[4, 2\]; leave"):
        ConfusionMatrixAccumulator(2, threshold=0.5).update(preds, torch.zeros(4, dtype=torch.int64))
