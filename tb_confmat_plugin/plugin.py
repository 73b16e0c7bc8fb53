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

from tb_confmat_plugin.names import PLUGIN_NAME
from tb_confmat_plugin.store import Store

_FRAME = struct.Struct("<ddI")  # step, wall time, length of the record that follows


class ConfusionMatrixPlugin(base_plugin.TBPlugin):
    """The "Confusion Matrix" tab and its data."""

    plugin_name = PLUGIN_NAME

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._store = Store(context.data_provider)

    def get_plugin_apps(self) -> dict[str, Callable[..., Any]]:
        """The routes, below /data/plugin/confusion_matrix."""
        routes = {
            "/index.js": self._serve_frontend,
            "/tags": self._serve_tags,
            "/series": self._serve_series,
            "/records": self._serve_records,
            "/classes": self._serve_classes,
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
        tags = self._store.tags(*_scope(request))
        return _respond(request, {"tags": [{"tag": tag, "runs": runs} for tag, runs in tags.items()]}, "application/json")

    def _serve_series(self, request: Request) -> Response:
        tag = _argument(request, "tag")
        found = self._store.series(*_scope(request), tag)
        if not found:
            raise errors.NotFoundError(f"no run has a confusion matrix of tag {tag!r}; /tags lists the tags there are")
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
        return _respond(request, {"tag": tag, "series": answer}, "application/json")

    def _serve_records(self, request: Request) -> Response:
        run, tag = _argument(request, "run"), _argument(request, "tag")
        first, last = _step_argument(request, "first"), _step_argument(request, "last")
        series = self._store.one_series(*_scope(request), run, tag)
        if series is None:
            raise errors.NotFoundError(f"run {run!r} has no confusion matrix of tag {tag!r}; /tags lists what there is")
        frames = []
        for step, wall_time, record in zip(series.steps, series.wall_times, series.records, strict=True):
            if first <= step <= last:
                frames += [_FRAME.pack(step, wall_time, len(record)), record]
        return _respond(request, b"".join(frames), "application/octet-stream")

    def _serve_classes(self, request: Request) -> Response:
        run, identifier = _argument(request, "run"), _argument(request, "id")
        record = self._store.class_list(*_scope(request), run, identifier)
        if record is None:
            raise errors.NotFoundError(f"run {run!r} has no class list {identifier!r}; its records show class numbers instead")
        return _respond(request, record, "application/octet-stream")


def _scope(request: Request) -> tuple[Any, str]:
    return plugin_util.context(request.environ), plugin_util.experiment_id(request.environ)


def _argument(request: Request, name: str) -> str:
    value = request.args.get(name)
    if value is None:
        raise errors.InvalidArgumentError(f"expected a query parameter {name!r}, got {sorted(request.args)}")
    return value


def _step_argument(request: Request, name: str) -> int:
    text = _argument(request, name)
    try:
        return int(text)
    except ValueError:
        raise errors.InvalidArgumentError(f"expected {name!r} as a step, an integer, got {text!r}") from None


def _respond(request: Request, content: Any, content_type: str, content_encoding: str | None = None) -> Response:
    response: Response = http_util.Respond(request, content, content_type, content_encoding=content_encoding)
    return response


@functools.cache
def _frontend() -> bytes:
    script = resources.files("tb_confmat_plugin").joinpath("static/index.js").read_bytes()
    return gzip.compress(script, mtime=0)
