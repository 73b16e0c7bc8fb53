import pytest
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR
from tensorboard.compat.proto.types_pb2 import DT_STRING

from tb_confmat_plugin import ConfusionMatrix
from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.record import decode_classes, decode_matrix
from tb_confmat_plugin.summary import classes_summary, matrix_summary

MATRIX = ConfusionMatrix.from_dense([[11, 2, 5], [0, 13, 0], [1, 0, 300]], ["cat", "dog", "ant"])


@pytest.mark.parametrize(
    ("summary", "content"),
    [(matrix_summary("val/matrix", MATRIX), b"matrix"), (classes_summary(MATRIX.classes), b"classes")],
    ids=["matrix", "classes"],
)
def test_what_every_event_carries(summary, content):
    """Without plugin name and data class in the first event of a tag, TensorBoard never shows the tag."""
    (value,) = summary.value
    assert value.metadata.plugin_data.plugin_name == "confusion_matrix"
    assert value.metadata.plugin_data.content == content
    assert value.metadata.data_class == DATA_CLASS_TENSOR
    assert value.tensor.dtype == DT_STRING
    assert list(value.tensor.tensor_shape.dim) == []
    assert len(value.tensor.string_val) == 1


def test_matrix_summary():
    (value,) = matrix_summary("val/matrix", MATRIX).value
    assert value.tag == "val/matrix"
    assert decode_matrix(value.tensor.string_val[0], MATRIX.classes) == MATRIX


def test_classes_summary():
    (value,) = classes_summary(MATRIX.classes).value
    assert value.tag == f"confusion_matrix/classes/{MATRIX.classes.id}"
    assert decode_classes(value.tensor.string_val[0]) == MATRIX.classes


def test_classes_without_names_have_no_list():
    with pytest.raises(ValueError, match=r"^expected classes with names, got classes without$"):
        classes_summary(Classes.of(3))
