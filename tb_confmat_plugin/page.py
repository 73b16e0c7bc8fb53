"""The dashboard in one HTML file: the frontend, and the log that it shows, in the page itself. It needs no server and no network.

The records are in it as they were logged, and the browser decodes them as it does in TensorBoard. Whatever names, texts and images a
log holds are data: the page's policy lets no script run but the frontend, known by its hash, and nothing be loaded.
"""

import base64
import functools
import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from tb_confmat_plugin.example_record import decode_examples, decode_images
from tb_confmat_plugin.matrix import ConfusionMatrix, to_confusion_matrix
from tb_confmat_plugin.names import image_pack_tag
from tb_confmat_plugin.progress import Tell, over, part
from tb_confmat_plugin.reader import LoggedExamples, LoggedMatrix
from tb_confmat_plugin.record import RecordError, class_list_id, encode_classes, encode_matrix
from tb_confmat_plugin.thumbnails import content_type

# Of the records and images in a page. Chromium opened 50 MB in 6 s and 250 MB in 18 s, and has no text longer than 537 MB.
MANY_BYTES = 50_000_000
MOST_BYTES = 250_000_000
_LESS = "choose runs, a tag or a step, or leave the examples out"
_RUN_OF_ONE = "matrix"
_TAG = "matrix"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>Confusion Matrix</title>
<script type="text/plain" id="licenses">
{licenses}</script>
<script type="application/json" id="confusion-matrix-log">{log}</script>
<script type="module">{script}</script>
</head>
<body><noscript>This page shows confusion matrices by JavaScript, which is turned off.</noscript></body>
</html>
"""
_POLICY = "default-src 'none'; connect-src 'none'; img-src data:; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Page:
    """The dashboard with matrices in it. A notebook shows it where it is the last value of a cell, or by `display(page)`.

    Attributes:
      html: the page, a document of its own, in ASCII.
      height: of the view in a notebook, in pixels.
    """

    html: str = field(repr=False)
    height: int = 640

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page to a file that any browser opens."""
        Path(path).write_bytes(self.html.encode("ascii"))

    def _repr_html_(self) -> str:
        # The frame has an origin of its own: nothing in it reaches the notebook or its server.
        rights, style = "allow-scripts allow-downloads", f"width: 100%; height: {self.height}px; border: 0"
        return f'<iframe title="Confusion Matrix" sandbox="{rights}" style="{style}" srcdoc="{escape(self.html)}"></iframe>'


def show(matrices: Any, *, height: int = 640) -> Page:
    """The dashboard, to be shown in a notebook or saved as one HTML file. It works offline, and takes 0.35 MB more than the matrices.

    Args:
      matrices: a `ConfusionMatrix` or what `add_confusion_matrix` takes as one; a dict of several by name, which are shown as runs; or
        what `read_confusion_matrices` returns, with all runs, tags and steps, and with the examples if they were read.
      height: of the view in a notebook, in pixels.

    Returns:
      A `Page`: a notebook shows it at the end of a cell, `display(page)` anywhere; `page.save("matrix.html")` writes a file.

    Raises:
      TypeError, ValueError: something that is no matrix of counts, no matrix at all, or so many that no browser would open the page.

    Warns:
      UserWarning: the page is large, or images of examples are not in the log.

    >>> page = show({"before": [[5, 2], [0, 3]], "after": [[6, 1], [0, 3]]})
    >>> page.html.startswith("<!doctype html>")
    True
    """
    return Page(page_html(_logged(matrices)), height)


def _logged(matrices: Any) -> Sequence[LoggedMatrix]:
    if isinstance(matrices, LoggedMatrix):
        return [matrices]
    if isinstance(matrices, list) and all(isinstance(one, LoggedMatrix) for one in matrices):
        return matrices
    if isinstance(matrices, (list, tuple)) and any(isinstance(one, ConfusionMatrix) for one in matrices):
        raise TypeError(f'expected several matrices by name, got a {type(matrices).__name__}; pass {{"before": one, "after": other}}')
    runs = matrices if isinstance(matrices, Mapping) else {_RUN_OF_ONE: matrices}
    if not all(isinstance(name, str) for name in runs):
        raise TypeError(f"expected matrices by name, got the names {list(runs)!r}")
    now, found = time.time(), []
    for name, counts in runs.items():
        matrix = to_confusion_matrix(counts)
        found.append(LoggedMatrix(name, _TAG, 0, now, encode_matrix(matrix), matrix.classes if matrix.class_names else None))
    return found


def page_html(matrices: Sequence[LoggedMatrix], tell: Tell | None = None) -> str:
    """The page that shows these matrices, and the examples that were read with them; `tell` is told how far it is.

    Raises:
      ValueError: no matrix, or more than MOST_BYTES of them.
    """
    if not matrices:
        raise ValueError("expected at least one confusion matrix, got none")
    with_examples = [logged for logged in matrices if logged.examples]
    images = _images(over(with_examples, part(tell, 0, 2)))
    # By what the records call them, as in a log.
    named = {logged.classes: logged.record for logged in matrices if logged.classes}
    class_lists = {class_list_id(record): encode_classes(classes) for classes, record in named.items()}
    kept = [logged.examples.record for logged in with_examples if logged.examples]
    size = sum(4 * len(piece) // 3 for piece in (*(logged.record for logged in matrices), *kept, *images.values()))
    if size > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES / 1e6:,.0f} MB in a page, which browsers open, got {size / 1e6:,.0f} MB; {_LESS}")
    if size > MANY_BYTES:
        warnings.warn(f"a page of {size / 1e6:,.0f} MB takes browsers several seconds to open; to be faster, {_LESS}", stacklevel=3)
    log = {
        "matrices": _series((logged, logged.record) for logged in over(matrices, part(tell, 1, 2))),
        "examples": _series((logged, logged.examples.record) for logged in with_examples if logged.examples),
        "classes": {identifier: _base64(record) for identifier, record in class_lists.items()},
        "images": {name: f"data:{content_type(image)};base64,{_base64(image)}" for name, image in images.items()},
    }
    # In JSON, "<" stands in texts alone; without it there is no "</script" and no "<!--".
    text = json.dumps(log, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    script, licenses = _static("index.js"), _static("LICENSES.txt")
    policy = _POLICY.format(digest=_base64(hashlib.sha256(script.encode("ascii")).digest()))
    return _PAGE.format(policy=policy, licenses=licenses, log=text, script=script)


def _series(records: Iterable[tuple[LoggedMatrix, bytes]]) -> list[dict[str, Any]]:
    """An object for each tag of each run, with its records by growing step; of a step that is there twice the last one is taken."""
    found: dict[tuple[str, str], dict[int, tuple[float, bytes]]] = {}
    for logged, record in records:
        found.setdefault((logged.tag, logged.run), {})[logged.step] = logged.wall_time, record
    return [
        {
            "tag": tag,
            "run": run,
            "steps": sorted(its),
            "wall_times": [its[step][0] if math.isfinite(its[step][0]) else 0 for step in sorted(its)],
            "records": [_base64(its[step][1]) for step in sorted(its)],
        }
        for (tag, run), its in sorted(found.items(), key=lambda item: item[0][0])  # runs stay in the order in which they come
    ]


def _images(matrices: Iterable[LoggedMatrix]) -> dict[str, bytes]:
    """The images of their examples, by name. One name has the same pixels in every run."""
    opened: dict[bytes, dict[str, bytes]] = {}
    images: dict[str, bytes] = {}
    missing = set()
    for logged in matrices:
        for pack, name in _places(logged.examples):
            record = logged.examples.packs.get(image_pack_tag(pack), b"") if logged.examples else b""
            if record not in opened:
                opened[record] = _opened(record)
            image = opened[record].get(name, b"")
            if content_type(image):
                images[name] = image
            else:
                missing.add(name)
    if lost := len(missing - images.keys()):
        warnings.warn(f"{lost:,} images of examples are left out: they are not in the log, or damaged", stacklevel=4)
    return images


def _places(examples: LoggedExamples | None) -> list[tuple[str, str]]:
    try:
        return [place for place in decode_examples(examples.record)[1] if place] if examples else []
    except RecordError:  # which the dashboard tells of
        return []


def _opened(pack: bytes) -> dict[str, bytes]:
    try:
        return decode_images(pack)
    except RecordError:
        return {}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@functools.cache
def _static(name: str) -> str:
    return resources.files("tb_confmat_plugin").joinpath(f"static/{name}").read_text("ascii")
