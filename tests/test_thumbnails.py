import io
import re
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from tb_confmat_plugin.thumbnails import (
    HELD_BYTES,
    MAX_PIXELS,
    ImageProblem,
    check_image,
    check_images,
    content_type,
    encode,
    fingerprint,
    hold,
    thumbnail,
)

modest = settings(deadline=None, derandomize=True, max_examples=60)


def says(message: str) -> str:
    return f"^{re.escape(message)}$"


def gradient(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Asymmetric in every direction and channel, uint8 [H, W, C]."""
    rows, cols, channel = np.ogrid[:height, :width, :channels]
    return ((200 * rows // max(height, 1) + 40 * cols // max(width, 1) + 5 * channel) % 256).astype(np.uint8)


PIXELS = gradient(6, 9)
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("first", [True, False], ids=["CHW", "HWC"])
@pytest.mark.parametrize(
    ("container", "dtype"),
    [
        *((container, dtype) for container in ("numpy", "torch") for dtype in ("uint8", "float16", "float32", "float64")),
        ("torch", "bfloat16"),
    ],
)
def test_arrays(channels, first, dtype, container):
    pixels = gradient(6, 9, channels)
    image = np.moveaxis(pixels, 2, 0) if first else pixels
    if container == "torch":
        image = torch.from_numpy(np.ascontiguousarray(image))
        image = image if dtype == "uint8" else (image / 255).to(getattr(torch, dtype))
    elif dtype != "uint8":
        image = (image / 255).astype(dtype)
    check_image(image)
    check_images(image[None], 1)
    picture = thumbnail(image, 96)
    assert (picture.mode, picture.size) == (MODES[channels], (9, 6))
    difference = np.asarray(picture).reshape(6, 9, channels).astype(int) - pixels
    assert abs(difference).max() <= (1 if dtype == "bfloat16" else 0)


@pytest.mark.parametrize("image", [PIXELS[:, :, 0], PIXELS[:, :, 0] / 255, torch.from_numpy(PIXELS[:, :, 0].copy())])
def test_arrays_without_channels(image):
    check_images(image[None], 1)
    assert np.asarray(thumbnail(image, 96)).tolist() == PIXELS[:, :, 0].tolist()


def test_channels_come_first_where_both_ends_could_be():
    assert thumbnail(np.zeros((3, 7, 4)), 96).size == (4, 7)


def test_booleans():
    assert np.asarray(thumbnail(np.array([[True, False]]), 96)).tolist() == [[255, 0]]


def test_a_normalized_image_is_stretched():
    image = np.array([[-2.0, 0.0], [1.0, 2.0]])
    assert np.asarray(thumbnail(image, 96)).tolist() == [[0, 128], [191, 255]]
    assert np.asarray(thumbnail(np.full((2, 2), 7.0), 96)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        *[("L", "L"), ("RGB", "RGB"), ("RGBA", "RGBA"), ("1", "L"), ("P", "RGB"), ("LA", "RGBA"), ("PA", "RGBA"), ("CMYK", "RGB")],
        ("HSV", "RGB"),
    ],
)
def test_modes_of_pil(mode, expected):
    image = Image.fromarray(PIXELS).convert(mode) if mode not in ("PA",) else Image.fromarray(PIXELS).convert("P").convert("PA")
    picture = thumbnail(image, 96)
    assert (picture.mode, picture.size) == (expected, (9, 6))
    assert np.array_equal(np.asarray(picture), np.asarray(image.convert(expected)))


def test_a_palette_with_a_transparent_color():
    image = Image.fromarray(PIXELS).convert("P")
    image.info["transparency"] = 0
    assert thumbnail(image, 96).mode == "RGBA"


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_modes_of_more_than_8_bits_are_stretched(mode):
    image = Image.fromarray(np.array([[0, 30_000], [45_000, 60_000]], {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]))
    assert image.mode == mode
    assert np.asarray(thumbnail(image, 96)).tolist() == [[0, 128], [191, 255]]


@modest
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 8, 96]))
def test_size(height, width, side):
    picture = thumbnail(gradient(height, width), side)
    if max(height, width) <= side:
        assert picture.size == (width, height)
    else:
        assert max(picture.size) == side
        expected = side * min(height, width) / max(height, width)
        assert abs(min(picture.size) - max(expected, 1)) <= 0.5


@pytest.mark.parametrize("make", [lambda a: a, lambda a: np.moveaxis(a, 2, 0), Image.fromarray, lambda a: torch.from_numpy(a / 255)])
def test_a_thumbnail_looks_like_the_image(make):
    pixels = gradient(300, 200)
    small = np.asarray(thumbnail(make(pixels), 96)).astype(float)
    expected = np.asarray(Image.fromarray(pixels).resize((64, 96), Image.Resampling.BOX)).astype(float)
    assert small.shape == expected.shape
    assert abs(small - expected).mean() < 3


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (np.zeros((3, 0, 0)), "the image has no pixels (0 x 0)"),
        (np.zeros((0, 5)), "the image has no pixels (5 x 0)"),
        (Image.new("RGB", (0, 4)), "the image has no pixels (0 x 4)"),
        (np.full((3, 4, 4), np.nan), "the image has values that are NaN or infinite"),
        (np.where(gradient(400, 300) == 7, np.nan, 0.5), "the image has values that are NaN or infinite"),
        (torch.tensor([[0.0, float("inf")]]), "the image has values that are NaN or infinite"),
        (
            np.broadcast_to(np.uint8(3), (20_000, 20_000)),
            f"the image is too large for a thumbnail (20000 x 20000 pixels, at most {MAX_PIXELS:,})",
        ),
        (
            torch.zeros(1).expand(3, 20_000, 20_000),
            f"the image is too large for a thumbnail (20000 x 20000 pixels, at most {MAX_PIXELS:,})",
        ),
    ],
    ids=range(8),
)
def test_no_thumbnail(image, problem):
    check_image(image)
    for make in (thumbnail, hold):
        with pytest.raises(ImageProblem, match=says(problem)):
            thumbnail(make(image, 96), 96)


def file_of(image: Image.Image, way: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, way)
    return stream.getvalue()


@pytest.mark.parametrize("way", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated_files(way, part):
    """Each gives a picture or says why not; nothing else gets out."""
    noise = Image.fromarray(np.random.default_rng(0).integers(256, size=(64, 48, 3), dtype=np.uint8))
    content = file_of(noise, way)
    try:
        image = Image.open(io.BytesIO(content[: int(part * len(content))]))
    except OSError:
        return  # Pillow refuses it at once: it never becomes an image
    with pytest.raises(ImageProblem, match=r"^the image can't be read: "):
        thumbnail(image, 96)


def test_a_bomb_is_not_unpacked():
    """A PNG file of a few bytes that claims 20,000 x 20,000 pixels."""
    content = bytearray(file_of(Image.new("L", (1, 1)), "PNG"))
    content[16:24] = (9_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = Image.open(io.BytesIO(bytes(content)))
    assert image.size == (9_000, 9_000)
    with pytest.raises(ImageProblem, match="too large"):
        thumbnail(image, 96)


def test_a_large_array_is_not_copied_whole():
    image = np.broadcast_to(np.uint8(9), (3, 8_000, 8_000))
    assert np.unique(np.asarray(thumbnail(image, 96))).tolist() == [9]


@pytest.mark.parametrize("size", [8, 200])
@pytest.mark.parametrize("container", ["numpy", "torch", "pil"])
def test_what_is_held_is_a_copy(size, container):
    batch = np.stack([gradient(size, size), gradient(size, size)])
    image = {"numpy": lambda: batch[1], "torch": lambda: torch.from_numpy(batch)[1], "pil": lambda: Image.fromarray(batch[1])}[container]()
    held = hold(image, 96)
    assert isinstance(held, np.ndarray) == (batch[1].nbytes <= HELD_BYTES and container != "pil")
    before = np.asarray(thumbnail(image, 96)).copy()
    batch[:] = 0
    if container == "pil":
        image.putpixel((0, 0), (255, 0, 255))
    assert np.array_equal(np.asarray(thumbnail(held, 96)), before)
    if isinstance(held, np.ndarray):
        assert held.base is None, "a view would hold the whole batch"


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (32, 20)])
def test_small_pictures_are_stored_without_loss(channels, height, width):
    pixels = np.random.default_rng(channels).integers(256, size=(height, width, channels), dtype=np.uint8)
    if channels == 4:
        pixels[..., 3] |= 1  # WebP is free to change what can't be seen
    picture = thumbnail(pixels, 96)
    stored = Image.open(io.BytesIO(encode(picture)))
    assert np.array_equal(np.asarray(stored.convert(picture.mode)), np.asarray(picture))


def test_the_smaller_of_png_and_webp():
    dots = Image.fromarray(np.random.default_rng(0).integers(2, size=(90, 90), dtype=np.uint8) * 255)
    assert content_type(encode(dots)) == "image/png"
    noise = Image.fromarray(np.random.default_rng(0).integers(256, size=(96, 96, 3), dtype=np.uint8))
    assert content_type(encode(noise)) == "image/webp"
    assert len(encode(noise)) < len(file_of(noise, "PNG")) / 2


def test_without_webp(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    assert content_type(encode(thumbnail(gradient(90, 90), 96))) == "image/png"


def test_the_name_is_that_of_the_pixels():
    images = [gradient(6, 9), gradient(9, 6), gradient(6, 9, 4), gradient(6, 9, 1), gradient(6, 9) + 1]
    names = [fingerprint(thumbnail(image, 96)) for image in images]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert fingerprint(thumbnail(Image.fromarray(gradient(6, 9)), 96)) == names[0]


@pytest.mark.parametrize("content", [b"", b"<svg onload=alert(1)>", b"<html>", b"GIF89a", b"\xff\xd8\xff", b"RIFF1234WAVE", b"\x89PNG"])
def test_other_content_has_no_type(content):
    assert content_type(content) is None


SHAPES = "expected images of shape [4, C, H, W] or [4, H, W, C] with 1, 3 or 4 channels, or [4, H, W], got shape "
ONE = "of shape [C, H, W] or [H, W, C] with 1, 3 or 4 channels, or [H, W], got shape "


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((3, 8, 8)), ValueError, f"{SHAPES}[3, 8, 8]"),
        (torch.zeros(4, 2, 8, 8), ValueError, f"{SHAPES}[4, 2, 8, 8]"),
        (np.zeros((4, 8)), ValueError, f"{SHAPES}[4, 8]"),
        (np.zeros((4, 1, 3, 8, 8)), ValueError, f"{SHAPES}[4, 1, 3, 8, 8]"),
        (np.zeros((4, 8, 8), np.int64), TypeError, "expected images of floats in [0, 1] or of uint8, got dtype int64"),
        (
            torch.zeros(4, 8, 8, dtype=torch.complex64),
            TypeError,
            "expected images of floats in [0, 1] or of uint8, got dtype torch.complex64",
        ),
        ([np.zeros((8, 8))] * 3, ValueError, "expected one image a sample, 4, got 3"),
        ([np.zeros((8, 8))] * 3 + [np.zeros((8, 5, 2))], ValueError, f"expected image 3 {ONE}[8, 5, 2]"),
        ([np.zeros((8, 8), np.int16)] * 4, TypeError, "expected image 0 of floats in [0, 1] or of uint8, got dtype int16"),
        (["a.png"] * 4, TypeError, "expected image 0 as a tensor, an array or a PIL image, got str"),
        ([b"<svg/>"] * 4, TypeError, "expected image 0 as a tensor, an array or a PIL image, got bytes"),
        ("abcd", TypeError, "expected images as a tensor, an array, or a list of them or of PIL images, got str"),
        ({1: 2}, TypeError, "expected images as a tensor, an array, or a list of them or of PIL images, got dict"),
    ],
    ids=range(13),
)
def test_what_are_no_images(images, error, message):
    with pytest.raises(error, match=says(message)):
        check_images(images, 4)


def test_a_list_of_mixed_images():
    images = [gradient(6, 5), Image.new("L", (3, 2)), torch.zeros(1, 7, 7), np.zeros((2, 2))]
    check_images(images, 4)
    assert [thumbnail(image, 96).size for image in images] == [(5, 6), (3, 2), (7, 7), (2, 2)]
