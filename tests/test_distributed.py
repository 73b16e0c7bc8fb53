"""Real processes of torch.distributed: those of one world are started once, run every scenario below, and tell what came of it."""

import json
import re
import subprocess
import sys
import time
from datetime import timedelta

import numpy as np
import pytest
import torch

from tb_confmat_plugin import ConfusionMatrix, ConfusionMatrixAccumulator

SECONDS = 120  # that a world may take; a rank that waits for another one longer than half of that is an error of its own


def samples_of(rank: int, num_classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predictions, truth and weights of a rank: of each another number, of rank 1 none."""
    random = np.random.default_rng([rank, num_classes])
    size = 0 if rank == 1 else 100 * (rank + 1) + 7
    return *random.integers(num_classes, size=(2, size)), random.integers(9, size=size) / 4


def fed(rank: int, num_classes: int, weighted: bool = False, class_names=None) -> ConfusionMatrixAccumulator:
    accumulator = ConfusionMatrixAccumulator(num_classes, class_names)
    preds, target, weights = samples_of(rank, num_classes)
    for start in range(0, len(target), 64):
        part = slice(start, start + 64)
        accumulator.update(torch.from_numpy(preds[part]), torch.from_numpy(target[part]), weights[part] if weighted else None)
    return accumulator


def cells_of(matrix: ConfusionMatrix) -> list:
    return [matrix.rows.tolist(), matrix.cols.tolist(), matrix.values.tolist(), matrix.values.dtype.name]


# The scenarios. Each gets rank and world size, and returns what its process found.


def dense(rank, world):
    accumulator = fed(rank, 5)
    assert accumulator.sync() is accumulator
    return cells_of(accumulator.compute())


def sparse(rank, world):
    return cells_of(fed(rank, 3_000).sync().compute())


def named(rank, world):
    matrix = fed(rank, 3, class_names=["cat", "dog", "owl"]).sync().compute()
    return [*cells_of(matrix), *matrix.class_names]


def weighted_on_one_rank(rank, world):
    return cells_of(fed(rank, 5, weighted=rank == 0).sync().compute())


def weighted_on_one_rank_sparse(rank, world):
    return cells_of(fed(rank, 3_000, weighted=rank == world - 1).sync().compute())


def no_samples_at_all(rank, world):
    return [cells_of(ConfusionMatrixAccumulator(num_classes).sync().compute()) for num_classes in (3, 300)]


def subset(rank, world):
    from torch import distributed

    group = distributed.new_group([0, world - 1])  # every process makes it
    return cells_of(fed(rank, 5).sync(group).compute())


def again_after_reset(rank, world):
    accumulator = fed(rank, 300).sync()
    accumulator.reset()
    accumulator.merge(fed(rank, 300))
    return cells_of(accumulator.sync().compute())


def other_number_of_classes(rank, world):
    return fed(rank, 6 if rank == 1 else 5).sync()


def other_names(rank, world):
    return fed(rank, 2, class_names=["dog", "cat"] if rank == 1 else ["cat", "dog"]).sync()


def names_on_one_rank(rank, world):
    return fed(rank, 2, class_names=["cat", "dog"] if rank == 0 else None).sync()


def wrong_label(rank, world):
    accumulator = fed(rank, 5)
    if rank == 1:
        accumulator.update([1, 7], [1, 1])
    return accumulator.sync()


def wrong_labels_and_then_the_others(rank, world):
    accumulator = fed(rank, 5)
    accumulator.update([1, 7 + rank], [1, 1])
    try:
        accumulator.sync()
    except ValueError as error:
        return [str(error), cells_of(accumulator.sync().compute())]


def synced_twice(rank, world):
    return fed(rank, 5).sync().sync()


def synced_twice_on_one_rank(rank, world):
    accumulator = fed(rank, 5)
    accumulator._synced = rank == 1
    return accumulator.sync()


def loaded_after_sync(rank, world):
    accumulator = ConfusionMatrixAccumulator(5)
    accumulator.load_state_dict(fed(rank, 5).sync().state_dict())
    return accumulator.sync()


def examples_of(rank, num_classes=4, **options) -> ConfusionMatrixAccumulator:
    """Rank 1 has no samples, the last rank no images; image and id say which sample it is."""
    accumulator = ConfusionMatrixAccumulator(num_classes, **options)
    random = np.random.default_rng(rank)
    size = 0 if rank == 1 else 40 + rank
    logits, target = random.normal(size=(size, num_classes)), random.integers(num_classes, size=size)
    images = np.zeros((size, 5, 7), np.uint8) + np.arange(size, dtype=np.uint8)[:, None, None]
    ids = [f"{rank}/{number}" for number in range(size)]
    for start in range(0, size, 16):
        part = slice(start, start + 16)
        accumulator.update(logits[part], target[part], images=images[part] if rank != 3 else None, ids=ids[part])
    return accumulator


def told_of(examples) -> list:
    told = [[one.true, one.predicted, one.id, one.confidence, one.image and one.image.getpixel((0, 0))] for one in examples]
    return [told, sorted([*cell, count] for cell, count in examples.seen.items())]


def examples_all(rank, world):
    return told_of(examples_of(rank, max_examples=1000).sync().examples())


def examples_bounded(rank, world):
    accumulator = examples_of(rank, max_examples=20, seed=rank).sync()
    return [*told_of(accumulator.examples()), len(accumulator._keeper._held), accumulator.compute().total]


def examples_on_one_rank(rank, world):
    accumulator = examples_of(0) if rank == 0 else ConfusionMatrixAccumulator(4)
    return told_of(accumulator.sync().examples())


def examples_of_other_settings(rank, world):
    return examples_of(rank, thumbnail_size=50 + rank).sync()


SCENARIOS = [
    examples_all,
    examples_bounded,
    examples_on_one_rank,
    examples_of_other_settings,
    dense,
    sparse,
    named,
    weighted_on_one_rank,
    weighted_on_one_rank_sparse,
    no_samples_at_all,
    subset,
    again_after_reset,
    other_number_of_classes,
    other_names,
    names_on_one_rank,
    wrong_label,
    wrong_labels_and_then_the_others,
    synced_twice,
    synced_twice_on_one_rank,
    loaded_after_sync,
]


def run(rank: int, world: int, store: str) -> None:
    """What one process does."""
    from torch import distributed

    torch.set_num_threads(1)
    timeout = timedelta(seconds=SECONDS / 2)
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world, timeout=timeout)
    told = {}
    for scenario in SCENARIOS:
        try:
            told[scenario.__name__] = scenario(rank, world)
        except (ValueError, RuntimeError) as error:
            told[scenario.__name__] = f"{type(error).__name__}: {error}"
    distributed.destroy_process_group()
    print(json.dumps(told))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])


@pytest.fixture(scope="module", params=[2, 4], ids=["2 processes", "4 processes"])
def worlds(request, tmp_path_factory):
    """What every rank of a world told of each scenario; none of them may hang or fail."""
    store, deadline = tmp_path_factory.mktemp("store") / "store", time.monotonic() + SECONDS
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(request.param), str(store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for rank in range(request.param)
    ]
    told = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            assert process.returncode == 0, errors
            told.append(json.loads(output.splitlines()[-1]))
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
    return told


def expected(ranks, num_classes: int, weighted=()) -> list:
    """The cells of all samples together, counted at once."""
    parts = [samples_of(rank, num_classes) for rank in ranks]
    preds, target, weights = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if weighted:
        weights = np.concatenate([one[2] if rank in weighted else np.ones(len(one[2])) for rank, one in zip(ranks, parts, strict=True)])
    return cells_of(ConfusionMatrix.from_predictions(preds, target, num_classes=num_classes, sample_weight=weights if weighted else None))


def everywhere(worlds, scenario, found) -> None:
    assert [told[scenario.__name__] for told in worlds] == [found] * len(worlds)


@pytest.mark.parametrize(("scenario", "num_classes"), [(dense, 5), (sparse, 3_000), (again_after_reset, 300)])
def test_every_process_holds_the_whole(worlds, scenario, num_classes):
    everywhere(worlds, scenario, expected(range(len(worlds)), num_classes))


def test_names_stay(worlds):
    everywhere(worlds, named, [*expected(range(len(worlds)), 3), "cat", "dog", "owl"])


def test_weights_on_one_rank_only(worlds):
    everywhere(worlds, weighted_on_one_rank, expected(range(len(worlds)), 5, weighted=[0]))
    # With two processes it is the one without samples that would have weights.
    last = len(worlds) - 1
    everywhere(worlds, weighted_on_one_rank_sparse, expected(range(len(worlds)), 3_000, weighted=[last] if last > 1 else []))


def test_no_samples_at_all(worlds):
    everywhere(worlds, no_samples_at_all, [[[], [], [], "int64"]] * 2)


def test_a_group(worlds):
    last = len(worlds) - 1
    for rank, told in enumerate(worlds):
        if rank in (0, last):
            assert told["subset"] == expected([0, last], 5)
        else:
            assert told["subset"] == "ValueError: this process is not in the group; call sync() only on the processes that are"


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        (other_number_of_classes, "expected the same classes on every process, got 5 on process 0 and 6 on process 1 of the group"),
        (other_names, "expected the same classes on every process, got other names on process 1 of the group than on process 0"),
        (names_on_one_rank, "expected the same classes on every process, got other names on process 1 of the group than on process 0"),
        (synced_twice_on_one_rank, "process 1 of the group was synced before; call reset() first, or its samples count twice"),
    ],
)
def test_an_error_is_one_of_every_process(worlds, scenario, message):
    everywhere(worlds, scenario, f"ValueError: {message}")


@pytest.mark.parametrize("scenario", [synced_twice, loaded_after_sync])
def test_synced_twice(worlds, scenario):
    ranks = ", ".join(map(str, range(len(worlds))))
    message = f"process {ranks} of the group was synced before; call reset() first, or its samples count twice"
    everywhere(worlds, scenario, f"ValueError: {message}")


def test_a_wrong_label_on_one_process(worlds):
    message = "ValueError: process 1 of the group got wrong samples; their own messages say which"
    for rank, told in enumerate(worlds):
        here = ". Here: label 7 of preds is outside num_classes=5, at sample 1 of update 0 (both counted from 0)"
        assert told["wrong_label"] == message + (here + "; pass a larger num_classes" if rank == 1 else "")


def test_the_samples_that_are_right_are_synced_afterwards(worlds):
    ranks = range(len(worlds))
    preds, target = (np.concatenate([*(samples_of(rank, 5)[part] for rank in ranks), np.ones(len(ranks), int)]) for part in (0, 1))
    for rank, told in enumerate(worlds):
        message, cells = told["wrong_labels_and_then_the_others"]
        assert re.search(rf"^process {', '.join(map(str, ranks))} of the group .* Here: label {7 + rank} of preds", message)
        assert cells == cells_of(ConfusionMatrix.from_predictions(preds, target, num_classes=5))


def test_examples_of_all_processes(worlds):
    parts = [examples_of(rank, max_examples=1000) for rank in range(len(worlds))]
    for part in parts[1:]:
        parts[0].merge(part)
    everywhere(worlds, examples_all, json.loads(json.dumps(told_of(parts[0].examples()))))
    for *_, name, _, pixel in worlds[0]["examples_all"][0]:
        rank, number = name.split("/")
        assert pixel == (None if rank == "3" else int(number)), "each has its own image"


def test_examples_keep_their_bound(worlds):
    kept, seen, held, total = worlds[0]["examples_bounded"]
    everywhere(worlds, examples_bounded, [kept, seen, held, total])
    assert len(kept) == held == 20
    assert total == sum(40 + rank for rank in range(len(worlds)) if rank != 1)


def test_examples_on_one_process_only(worlds):
    everywhere(worlds, examples_on_one_rank, json.loads(json.dumps(told_of(examples_of(0).examples()))))


def test_examples_of_other_settings_are_an_error_of_every_process(worlds):
    for told in worlds:
        assert told["examples_of_other_settings"].startswith("ValueError: expected the same settings for examples on every process, got ")
        assert "side=50" in told["examples_of_other_settings"]
        assert "side=51" in told["examples_of_other_settings"]


def test_without_torch_distributed():
    accumulator = fed(0, 5)
    assert accumulator.sync() is accumulator
    assert cells_of(accumulator.sync().compute()) == expected([0], 5)
    accumulator.update([0, 9], [0, 0])
    with pytest.raises(ValueError, match="label 9 of preds is outside num_classes=5, at sample 1 of update"):
        accumulator.sync()
