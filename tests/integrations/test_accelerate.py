"""The loop of the documentation with Accelerate, in two processes."""

from sklearn.metrics import confusion_matrix
from training_of_two import NAMES, points


def test_each_sample_counts_once(world, read_matrices):
    """Accelerate fills the last batch up with samples that were there before."""
    told = [told["accelerate"] for told in world.told]
    assert [one["world"] for one in told] == [2, 2]
    oracle = confusion_matrix(points(21).tensors[1], told[0]["predicted"], labels=[0, 1, 2]).tolist()
    assert [one["cells"] for one in told] == [oracle, oracle]
    logged = read_matrices(world.where / "accelerate")
    assert {tag: list(steps) for tag, steps in logged.items()} == {"val": [5]}
    assert logged["val"][5].to_dense().tolist() == oracle
    assert logged["val"][5].class_names == tuple(NAMES)
