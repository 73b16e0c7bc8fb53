"""What the plugin's data is called in an event file. Imports nothing, so that TensorBoard can load it at no cost and no risk."""

PLUGIN_NAME = "confusion_matrix"
EXAMPLES_PLUGIN_NAME = "confusion_matrix_examples"  # a name of their own, so that TensorBoard samples them apart from the matrices

# The content of the plugin's metadata says what a tag holds; a content that is not known is left alone.
MATRIX_CONTENT = b"matrix"
CLASSES_CONTENT = b"classes"
EXAMPLES_CONTENT = b"examples"
IMAGES_CONTENT = b"images"


def class_list_tag(identifier: str) -> str:
    """The tag under which a class list is stored, once a run."""
    return f"confusion_matrix/classes/{identifier}"


def examples_tag(tag: str) -> str:
    """The tag under which the examples of a matrix's tag are stored, at the same steps."""
    return f"confusion_matrix/examples/{tag}"


def image_pack_tag(identifier: str) -> str:
    """The tag under which a pack of images is stored, once a run."""
    return f"confusion_matrix/images/{identifier}"
