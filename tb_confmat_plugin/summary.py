"""Records as TensorBoard summaries: tensors of one string each, which the plugin finds by `PLUGIN_NAME`."""

from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.matrix import ConfusionMatrix
from tb_confmat_plugin.names import CLASSES_CONTENT, MATRIX_CONTENT, PLUGIN_NAME, class_list_tag
from tb_confmat_plugin.record import encode_classes, encode_matrix


def matrix_summary(tag: str, matrix: ConfusionMatrix) -> Summary:
    """The summary of one matrix, to be written at the step it belongs to."""
    return tensor_summary(tag, encode_matrix(matrix), MATRIX_CONTENT)


def classes_summary(classes: Classes) -> Summary:
    """The summary of a class list, under a tag made from the names, so that every run and restart writes the same one."""
    if classes.id is None:
        raise ValueError("expected classes with names, got classes without")
    return tensor_summary(class_list_tag(classes.id), encode_classes(classes), CLASSES_CONTENT)


def tensor_summary(tag: str, record: bytes, content: bytes, plugin: str = PLUGIN_NAME) -> Summary:
    """The summary of any record; `content` says what kind it is."""
    # Every event carries the metadata: TensorBoard takes it from whichever event of a tag it reads first.
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content), data_class=DATA_CLASS_TENSOR)
    tensor = TensorProto(dtype=DT_STRING, string_val=[record], tensor_shape=TensorShapeProto())
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])
