"""The plugin as TensorBoard sees it: a route table, and routes that parse, ask the store and respond. `http_api.md` is the contract."""

import functools
import gzip
import struct
from collections.abc import Callable
from importlib import resources
from typing import Any

from tensorboard import errors, plugin_util
from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import Request, Response

from tb_confmat_plugin.example_record import decode_images, packs_of
from tb_confmat_plugin.names import EXAMPLES_CONTENT, EXAMPLES_PLUGIN_NAME, PLUGIN_NAME, examples_tag, image_pack_tag
from tb_confmat_plugin.record import RecordError
from tb_confmat_plugin.store import Series, Store
from tb_confmat_plugin.thumbnails import content_type

_FRAME = struct.Struct("<ddI")  # step, wall time, length of the record that follows
_EXAMPLES_CACHE_BYTES = 128 * 2**20
_A_YEAR = 365 * 24 * 3600  # seconds: an image's address names its pixels


class ConfusionMatrixPlugin(base_plugin.TBPlugin):
    """The "Confusion Matrix" tab and its data."""

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._store = Store(context.data_provider)
        self._examples = Store(context.data_provider, _EXAMPLES_CACHE_BYTES, EXAMPLES_PLUGIN_NAME, EXAMPLES_CONTENT)

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """The routes, below /data/plugin/confusion_matrix."""
        routes = {
            "/index.js": self._serve_frontend,
            "/tags": self._serve_tags,
            "/series": self._serve_series,
            "/records": self._serve_records,
            "/classes": self._serve_classes,
            "/example_series": self._serve_example_series,
            "/example_records": self._serve_example_records,
            "/image": self._serve_image,
        }
        return {path: Request.application(route) for path, route in routes.items()}

    def is_active(self) -> bool:
        """Asked only when no data was found, so there is nothing to show."""
        return False

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The tab's name and its module."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="Confusion Matrix")

    def _serve_frontend(self, request: Request) -> Response:
        return _respond(request, _frontend(), "application/javascript", content_encoding="gzip")

    def _serve_tags(self, request: Request) -> Response:
        return _respond(request, {"tags": self._store.tags(*_scope(request))}, "application/json")

    def _serve_series(self, request: Request) -> Response:
        tag = request.args.get("tag")
        if tag is None:
            tag = self._store.first_tag(*_scope(request))
        most = _whole_number(request, "most") if "most" in request.args else None
        if most is not None and most < 1:
            raise errors.InvalidArgumentError(f"expected 'most' as a number of runs, at least 1, got {most}")
        found = {} if tag is None else self._store.series(*_scope(request), tag, request.args.getlist("run") or None, most)
        if tag is not None and not found:
            raise errors.NotFoundError(f"no run has a confusion matrix of tag {tag!r}; /tags lists the tags there are")
        return _respond(request, _series_answer(tag, found), "application/json")

    def _serve_records(self, request: Request) -> Response:
        run, tag = _argument(request, "run"), _argument(request, "tag")
        first, last = _whole_number(request, "first"), _whole_number(request, "last")
        series = self._store.one_series(*_scope(request), run, tag)
        if series is None:
            raise errors.NotFoundError(f"run {run!r} has no confusion matrix of tag {tag!r}; /tags lists what there is")
        return _respond(request, b"".join(_frames(series, first, last)), "application/octet-stream")

    def _serve_classes(self, request: Request) -> Response:
        run, identifier = _argument(request, "run"), _argument(request, "id")
        record = self._store.class_list(*_scope(request), run, identifier)
        if record is None:
            raise errors.NotFoundError(f"run {run!r} has no class list {identifier!r}; its records show class numbers instead")
        return _respond(request, record, "application/octet-stream")

    def _serve_example_series(self, request: Request) -> Response:
        tag = _argument(request, "tag")
        return _respond(request, _series_answer(tag, self._examples.series(*_scope(request), examples_tag(tag))), "application/json")

    def _serve_example_records(self, request: Request) -> Response:
        run, tag = _argument(request, "run"), _argument(request, "tag")
        first, last = _whole_number(request, "first"), _whole_number(request, "last")
        series = self._examples.one_series(*_scope(request), run, examples_tag(tag))
        if series is None:
            raise errors.NotFoundError(f"run {run!r} has no examples of tag {tag!r}; /example_series lists what there is")
        found = _frames(series, first, last)
        if len(found) == 2:  # of one step: its images will be asked for next, and one question for all is faster than one for each pack
            self._examples.load(*_scope(request), run, map(image_pack_tag, packs_of(found[1])))
        return _respond(request, b"".join(found), "application/octet-stream")

    def _serve_image(self, request: Request) -> Response:
        run, pack, name = (_argument(request, key) for key in ("run", "pack", "name"))
        series = self._examples.one_series(*_scope(request), run, image_pack_tag(pack))
        try:
            image = decode_images(series.records[-1]).get(name) if series and series.records else None
        except RecordError as error:
            raise errors.NotFoundError(f"pack {pack!r} of run {run!r} can't be read: {error}") from None
        if image is None:
            raise errors.NotFoundError(f"run {run!r} has no image {name!r} in a pack {pack!r}")
        kind = content_type(image)
        if kind is None:
            raise errors.NotFoundError(f"image {name!r} in pack {pack!r} of run {run!r} is neither PNG nor WebP, and nothing else is sent")
        return _respond(request, image, kind, expires=_A_YEAR)


def _series_answer(tag: str | None, found: dict[str, Series]) -> dict[str, Any]:
    answer = [
        {
            "run": run,
            "steps": series.steps,
            "wall_times": series.wall_times,
            "sizes": [len(record) for record in series.records],
            "sampled": series.sampled,
        }
        for run, series in found.items()
    ]
    return {"tag": tag, "series": answer}


def _frames(series: Series, first: int, last: int) -> list[bytes]:
    """Two pieces for each record from step `first` to `last`: what is told of it, and the record."""
    frames = []
    for step, wall_time, record in zip(series.steps, series.wall_times, series.records, strict=True):
        if first <= step <= last:
            frames += [_FRAME.pack(step, wall_time, len(record)), record]
    return frames


def _scope(request: Request) -> tuple[Any, str]:
    return plugin_util.context(request.environ), plugin_util.experiment_id(request.environ)


def _argument(request: Request, name: str) -> str:
    value = request.args.get(name)
    if value is None:
        raise errors.InvalidArgumentError(f"expected a query parameter {name!r}, got {sorted(request.args)}")
    return value


def _whole_number(request: Request, name: str) -> int:
    text = _argument(request, name)
    try:
        return int(text)
    except ValueError:
        raise errors.InvalidArgumentError(f"expected {name!r} as an integer, got {text!r}") from None


def _respond(request: Request, content: Any, mime_type: str, content_encoding: str | None = None, expires: int = 0) -> Response:
    response: Response = http_util.Respond(request, content, mime_type, content_encoding=content_encoding, expires=expires)
    return response


@functools.cache
def _frontend() -> bytes:
    script = resources.files("tb_confmat_plugin").joinpath("static/index.js").read_bytes()
    return gzip.compress(script, mtime=0)
