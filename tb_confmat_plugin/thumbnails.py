"""Images of any usual kind as small pictures, and these as the bytes that are logged."""

import hashlib
import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tb_confmat_plugin.predictions import as_numpy

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_SIDE = 96  # pixels
LARGEST_SIDE = 512
MAX_PIXELS = 2**26  # larger images are not looked at: one alone could take gigabytes
EXACT_SIDE = 32  # pictures as small as those of MNIST or CIFAR are shown many times enlarged: they are stored without loss
HELD_BYTES = 48 * 1024  # an array up to this is worth keeping as it is until its thumbnail is needed
_CHANNELS = (1, 3, 4)
_ARRAYS_ONLY = ("I", "F")  # Pillow's modes of more than 8 bits, beside those that begin with "I;"


class ImageProblem(ValueError):
    """Why there is no thumbnail of an image."""


def check_images(images: Any, count: int) -> None:
    """Refuses what can't be the images of `count` samples. Looks at shapes and types alone.

    Raises:
      TypeError, ValueError: images of another kind, number, shape or dtype.
    """
    if hasattr(images, "shape"):
        shape = tuple(images.shape)
        if len(shape) not in (3, 4) or shape[0] != count or not _is_image(shape[1:]):
            raise ValueError(
                f"expected images of shape [{count}, C, H, W] or [{count}, H, W, C] with 1, 3 or 4 channels, or [{count}, H, W], "
                f"got shape {list(shape)}"
            )
        _check_dtype(images, "images")
        return
    if isinstance(images, (str, bytes)) or not isinstance(images, Sequence):
        raise TypeError(f"expected images as a tensor, an array, or a list of them or of PIL images, got {type(images).__name__}")
    if len(images) != count:
        raise ValueError(f"expected one image a sample, {count}, got {len(images)}")
    for position, image in enumerate(images):
        check_image(image, f"image {position}")


def check_image(image: Any, name: str = "image") -> None:
    """Refuses what can't be one image; see `check_images`."""
    from PIL import Image

    if isinstance(image, Image.Image):
        return
    if not hasattr(image, "shape"):
        raise TypeError(f"expected {name} as a tensor, an array or a PIL image, got {type(image).__name__}")
    if not _is_image(tuple(image.shape)):
        raise ValueError(
            f"expected {name} of shape [C, H, W] or [H, W, C] with 1, 3 or 4 channels, or [H, W], got shape {list(image.shape)}"
        )
    _check_dtype(image, name)


def thumbnail(image: Any, side: int) -> "Image":
    """A copy of an image, at most `side` pixels wide and high, of mode L, RGB or RGBA.

    Args:
      image: a PIL image; or a tensor on any device or an array, [C, H, W], [H, W, C] or [H, W], of uint8, bool, or floats in [0, 1].
        Floats beyond these, such as those of a normalized image, are stretched from their least to their largest value.
      side: pixels of the longest side; a smaller image stays as it is.

    Raises:
      ImageProblem: the image has no pixels, too many, or values that are not finite, or its file is damaged.

    >>> thumbnail(np.ones((3, 50, 200)), 96).size
    (96, 24)
    """
    from PIL import Image

    try:
        pil = image if isinstance(image, Image.Image) else None
        height, width = (pil.height, pil.width) if pil else _size(tuple(image.shape))
        if height * width == 0:
            raise ImageProblem(f"the image has no pixels ({width} x {height})")
        if height * width > MAX_PIXELS:
            raise ImageProblem(f"the image is too large for a thumbnail ({width} x {height} pixels, at most {MAX_PIXELS:,})")
        # Of a large array, every k-th pixel is enough to begin with.
        step = max(1, max(height, width) // (8 * side))
        return _of_array(image, step, side) if pil is None else _of_pil(pil, step, side)
    except ImageProblem:
        raise
    except Exception as error:  # Pillow's readers raise anything from OSError to SyntaxError
        raise ImageProblem(f"the image can't be read: {error}") from error


def hold(image: Any, side: int) -> Any:
    """A copy that holds no memory of a batch: a small array as it is, for `thumbnail` when that is needed; of others the thumbnail."""
    if hasattr(image, "shape") and 0 < math.prod(image.shape) * image.dtype.itemsize <= HELD_BYTES:
        return np.array(as_numpy(image))
    return thumbnail(image, side)


def encode(picture: "Image") -> bytes:
    """A thumbnail as WebP or PNG, whichever is smaller.

    Up to 32 x 32 pixels both are without loss. Above that WebP has a loss, and PNG is tried where it could win: at up to 256 colors.
    """
    from PIL import features

    exact = max(picture.size) <= EXACT_SIDE
    found = []
    if features.check("webp"):
        found.append(_saved(picture, "WEBP", **({"lossless": True, "quality": 20, "method": 1} if exact else {"quality": 80, "method": 2})))
    if exact or not found or picture.getcolors(256):
        found.append(_saved(picture, "PNG"))
    return min(found, key=len)


def fingerprint(picture: "Image") -> str:
    """16 hexadecimal digits made from the pixels of a thumbnail."""
    return hashlib.sha256(f"{picture.mode} {picture.size} ".encode() + picture.tobytes()).hexdigest()[:16]


def content_type(image: bytes) -> str | None:
    """The type of an image that `encode` made, by its first bytes; None for anything else."""
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "image/webp" if image.startswith(b"RIFF") and image[8:12] == b"WEBP" else None


def _is_image(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and (shape[0] in _CHANNELS or shape[2] in _CHANNELS))


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width; channels come first where both ends could be channels."""
    height, width = shape[:2] if len(shape) == 2 or shape[0] not in _CHANNELS else shape[1:]
    return height, width


def _check_dtype(images: Any, name: str) -> None:
    dtype = str(images.dtype).removeprefix("torch.")
    if "float" not in dtype and dtype not in ("uint8", "bool"):
        raise TypeError(f"expected {name} of floats in [0, 1] or of uint8, got dtype {images.dtype}")


def _of_array(image: Any, step: int, side: int) -> "Image":
    from PIL import Image

    if len(image.shape) == 2:
        planes = [as_numpy(image[::step, ::step])]
    elif image.shape[0] in _CHANNELS:
        planes = list(as_numpy(image[:, ::step, ::step]))
    else:
        planes = list(np.moveaxis(as_numpy(image[::step, ::step]), 2, 0))
    # First made small, then converted: that is several times faster, and a NaN stays one.
    whole = planes[0].dtype == np.uint8
    small = [_shrunk(Image.fromarray(np.ascontiguousarray(plane, np.uint8 if whole else np.float32)), side) for plane in planes]
    pixels = np.stack([np.asarray(plane) for plane in small], axis=-1) if len(small) > 1 else np.array(small[0])
    return Image.fromarray(pixels if whole else _to_uint8(pixels))


def _to_uint8(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    least, largest = float(pixels.min()), float(pixels.max())
    if not np.isfinite(largest - least):
        raise ImageProblem("the image has values that are NaN or infinite")
    if least < 0 or largest > 1:
        pixels = (pixels - least) / ((largest - least) or 1)
    levels: npt.NDArray[np.uint8] = np.rint(pixels * 255).astype(np.uint8)
    return levels


def _of_pil(image: "Image", step: int, side: int) -> "Image":
    if image.mode in _ARRAYS_ONLY or image.mode.startswith("I;"):
        return _of_array(np.asarray(image), step, side)
    if image.mode in ("L", "RGB", "RGBA"):
        return _shrunk(image, side)
    if image.mode == "1":
        return _shrunk(image.convert("L"), side)
    see_through = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
    return _shrunk(image.convert("RGBA" if see_through else "RGB"), side)


def _shrunk(picture: "Image", side: int) -> "Image":
    """A copy, at most `side` pixels wide and high."""
    from PIL.Image import Resampling

    longest = max(picture.size)
    if longest <= side:
        return picture.copy()
    size = (max(1, round(picture.width * side / longest)), max(1, round(picture.height * side / longest)))
    return picture.resize(size, Resampling.BILINEAR, reducing_gap=1.1)


def _saved(picture: "Image", way: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, way, **options)
    return stream.getvalue()
