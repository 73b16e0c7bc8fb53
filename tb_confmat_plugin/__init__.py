"""Interactive confusion matrices in TensorBoard, for classifiers trained in PyTorch.

>>> from tb_confmat_plugin import ConfusionMatrix
>>> matrix = ConfusionMatrix.from_predictions(preds=["cat", "dog", "dog"], target=["cat", "cat", "dog"])
>>> matrix.to_dense().tolist()  # rows are the true classes, columns the predicted
[[1, 1], [0, 1]]

Importing this package loads neither torch nor TensorBoard: each name is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tb_confmat_plugin.accumulate import ConfusionMatrixAccumulator
    from tb_confmat_plugin.examples import Example
    from tb_confmat_plugin.matrix import ConfusionMatrix
    from tb_confmat_plugin.page import show
    from tb_confmat_plugin.reader import read_confusion_matrices
    from tb_confmat_plugin.summary_writer import SummaryWriter
    from tb_confmat_plugin.writer import add_confusion_matrix

__version__ = "0.1.0"
__all__ = [
    "ConfusionMatrix",
    "ConfusionMatrixAccumulator",
    "Example",
    "SummaryWriter",
    "add_confusion_matrix",
    "read_confusion_matrices",
    "show",
]

_MODULE_OF = {
    "ConfusionMatrix": "matrix",
    "ConfusionMatrixAccumulator": "accumulate",
    "Example": "examples",
    "SummaryWriter": "summary_writer",
    "add_confusion_matrix": "writer",
    "read_confusion_matrices": "reader",
    "show": "page",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
