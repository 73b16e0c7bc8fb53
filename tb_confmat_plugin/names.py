"""What the plugin's data is called in an event file. Imports nothing, so that TensorBoard can load it at no cost and no risk."""

PLUGIN_NAME = "confusion_matrix"

# The content of the plugin's metadata says what a tag holds; a content that is not known is left alone.
MATRIX_CONTENT = b"matrix"
CLASSES_CONTENT = b"classes"


def class_list_tag(identifier: str) -> str:
    """The tag under which a class list is stored, once a run."""
    return f"confusion_matrix/classes/{identifier}"
