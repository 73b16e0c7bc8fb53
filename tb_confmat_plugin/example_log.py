"""What is logged of the examples of a step: the images that the log does not have yet, and the examples, which say where theirs are."""

import math
import numbers
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary

from tb_confmat_plugin.classes import Classes
from tb_confmat_plugin.example_record import encode_examples, encode_images, pack_id
from tb_confmat_plugin.examples import MOST_EXAMPLES, MOST_ID, MOST_TEXT, Example, Examples, shortened
from tb_confmat_plugin.names import EXAMPLES_CONTENT, EXAMPLES_PLUGIN_NAME, IMAGES_CONTENT, examples_tag, image_pack_tag
from tb_confmat_plugin.summary import tensor_summary
from tb_confmat_plugin.thumbnails import DEFAULT_SIDE, LARGEST_SIDE, ImageProblem, check_image, encode, fingerprint, thumbnail

IMAGE_BYTES = 32 * 2**20  # of all images in an event file: TensorBoard holds them in memory
FULL = f"the log of this run has {IMAGE_BYTES >> 20} MiB of images and takes no more"


@dataclass(frozen=True)
class WrittenImages:
    """The images that an event file has.

    Those of earlier files of the run are not counted: to know them, the whole log would have to be read when a training goes on, with
    what a purge has taken out of it, and whoever deleted an old file would find the newer examples without their images.

    Attributes:
      packs: the name of each image, and the pack it is in.
      size: bytes of all.
      full: whether an image did not fit any more; no further one is tried then.
    """

    packs: dict[str, str] = field(default_factory=dict)
    size: int = 0
    full: bool = False


def read_examples(examples: Any, classes: Classes) -> tuple[Examples, str | None]:
    """Examples as they are logged - indices for classes, images as thumbnails, ordered by cell -, and a problem that is worth a warning.

    Raises:
      TypeError, ValueError: something that is no example of these classes.
    """
    if isinstance(examples, Example) or not isinstance(examples, Iterable):
        raise TypeError(f"expected examples as a list of Example or what accumulator.examples() returns, got {type(examples).__name__}")
    listed, problem = list(examples), None
    if len(listed) > MOST_EXAMPLES:
        problem = f"of {len(listed)} examples the first {MOST_EXAMPLES} are logged"
    index = {name: position for position, name in enumerate(classes.names or ())}
    side = LARGEST_SIDE if isinstance(examples, Examples) else DEFAULT_SIDE
    kept = []
    for position, example in enumerate(listed[:MOST_EXAMPLES]):
        checked = _checked(example, position, index, classes)
        if checked.image is not None:
            try:
                checked = replace(checked, image=thumbnail(checked.image, side))
            except ImageProblem as error:
                checked = replace(checked, image=None, no_image=str(error))
                problem = problem or f"example {position} is logged without its image: {error}"
        kept.append(checked)
    kept.sort(key=lambda one: (one.true, one.predicted))
    return Examples(tuple(kept), examples.seen if isinstance(examples, Examples) else {}), problem


def example_summaries(tag: str, examples: Examples, classes: Classes, written: WrittenImages) -> tuple[list[Summary], WrittenImages]:
    """What is to be written, the images first if there are new ones; and what the file has of images then."""
    names = [None if one.image is None else fingerprint(one.image) for one in examples.kept]
    new: dict[str, bytes] = {}
    size, full = written.size, written.full
    for one, name in zip(examples.kept, names, strict=True):
        if name is None or full or name in written.packs or name in new:
            continue
        image = encode(one.image)
        full = size + len(image) > IMAGE_BYTES
        if not full:
            new[name] = image
            size += len(image)
    pack = pack_id(list(new))
    packs = written.packs | dict.fromkeys(new, pack)
    places = [(packs[name], name) if name is not None and name in packs else None for name in names]
    kept = tuple(
        replace(one, no_image=FULL) if name and not place else one for one, name, place in zip(examples.kept, names, places, strict=True)
    )
    record = encode_examples(replace(examples, kept=kept), places, classes)
    summaries = [tensor_summary(image_pack_tag(pack), encode_images(new), IMAGES_CONTENT, EXAMPLES_PLUGIN_NAME)] if new else []
    summaries.append(tensor_summary(examples_tag(tag), record, EXAMPLES_CONTENT, EXAMPLES_PLUGIN_NAME))
    return summaries, WrittenImages(packs, size, full)


def _checked(example: Any, position: int, index: dict[str, int], classes: Classes) -> Example:
    if not isinstance(example, Example):
        raise TypeError(f"expected examples as a list of Example, got {type(example).__name__} at position {position}")
    where = f"of example {position}"
    for name, value in (("confidence", example.confidence), ("true_confidence", example.true_confidence)):
        if value is not None and not (isinstance(value, numbers.Real) and math.isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"expected {name} {where} from 0 to 1, got {value!r}")
    if example.text is not None and not isinstance(example.text, str):
        raise TypeError(f"expected the text {where} as a string, got {example.text!r}")
    if example.image is not None:
        check_image(example.image, f"the image {where}")
    return replace(
        example,
        true=_class(example.true, f"true {where}", index, classes),
        predicted=_class(example.predicted, f"predicted {where}", index, classes),
        text=shortened(example.text, MOST_TEXT),
        id=shortened(example.id, MOST_ID),
        confidence=None if example.confidence is None else float(example.confidence),
        true_confidence=None if example.true_confidence is None else float(example.true_confidence),
        no_image=shortened(example.no_image, MOST_TEXT),
    )


def _class(value: Any, what: str, index: dict[str, int], classes: Classes) -> int:
    if isinstance(value, str):
        if value not in index:
            raise ValueError(f"expected {what} as one of the class names or an index, got {value!r}")
        return index[value]
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"expected {what} as a class name or an index, got {value!r}")
    at = int(value)
    if not 0 <= at < len(classes):
        raise ValueError(f"expected {what} from 0 to {len(classes) - 1}, got {at}")
    return at
