"""The plugin as TensorBoard sees it: routes, the tab, and a safety net under every request."""

import functools
import json
import logging
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from tensorboard import errors
from tensorboard.backend import http_util
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from werkzeug import wrappers
from werkzeug.datastructures import MultiDict

from rlviz import schema
from rlviz.dashboard import assets, query
from rlviz.dashboard.query import QueryError

if TYPE_CHECKING:
    from rlviz.dashboard.answers import Answer, Answers

_LOGGER = logging.getLogger("tensorboard")
_ENTRY = "/index.js"

Application = Callable[[Any, Any], Any]


class Plugin(base_plugin.TBPlugin):  # type: ignore[misc]  # TensorBoard has no types
    """The RL FLOPs page.

    Args:
        context: TensorBoard's; the plugin uses its data provider, and how many rows it was told to
            keep.
    """

    plugin_name = schema.PLUGIN

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._provider = context.data_provider
        self._sampling_hint = (context.sampling_hints or {}).get(schema.PLUGIN)
        self._assets = assets.load()
        self._starting = threading.Lock()
        self._reading_ahead = threading.Lock()
        self._started: Answers | None = None
        self.server = secrets.token_hex(8)
        """Distinguishes this process from one that is started later on the same port."""

    def get_plugin_apps(self) -> dict[str, Application]:
        """Route -> WSGI application, for every route that the plugin answers."""
        apps = {f"/{name}": self._asset(name) for name in self._assets}
        for name in ("runs", "series", "forecast", "figure", "rows"):
            apps[f"/{name}"] = self._route(name)
        return apps

    def is_active(self) -> bool:
        """False: TensorBoard itself checks whether any run has data of `data_plugin_names`."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        return (schema.PLUGIN,)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The metadata of the tab. TensorBoard asks for it when its page opens or reloads, on any
        tab, so this is the time to read ahead."""
        self._read_ahead(RequestContext(), "")
        return base_plugin.FrontendMetadata(es_module_path=_ENTRY, tab_name="RL FLOPs")

    def _asset(self, name: str) -> Application:
        asset = self._assets[name]

        def serve(request: wrappers.Request) -> wrappers.Response:
            if f"/{name}" == _ENTRY:  # the page opens and will soon ask for the runs
                self._read_ahead(*_asked(request))
            if request.if_none_match.contains(asset.tag):
                return _unchanged(request, asset.content_type, asset.tag)
            return _respond(
                request,
                asset.compressed,
                asset.content_type,
                content_encoding="gzip",
                headers=_tagged(asset.tag),
            )

        return self._guarded(serve)

    def _route(self, name: str) -> Application:
        def serve(request: wrappers.Request) -> wrappers.Response:
            context, experiment = _asked(request)
            ask = getattr(self._answers(), name)
            with np.errstate(all="ignore"):  # rows may hold anything: nothing to log
                answer: Answer = ask(context, experiment, request.args)
            if answer.tag and request.if_none_match.contains(answer.tag):
                return _unchanged(request, answer.content_type, answer.tag)
            headers = _tagged(answer.tag)
            if answer.file_name:
                headers.append(
                    ("Content-Disposition", f'attachment; filename="{answer.file_name}"')
                )
            return _respond(request, answer.content, answer.content_type, headers=headers)

        return self._guarded(serve)

    def _answers(self) -> "Answers":
        """The answers; made when first needed, because their imports take time."""
        with self._starting:
            if self._started is None:
                from rlviz.dashboard.answers import Answers
                from rlviz.dashboard.rows import RowSource
                from rlviz.dashboard.store import Store

                source = RowSource(self._provider)
                store = Store(source, sampling_hint=self._sampling_hint)
                self._started = Answers(store, server=self.server)
            return self._started

    def _read_ahead(self, context: Any, experiment: str) -> None:
        """Import and read what the page will ask for, while the page itself is loading.

        TensorBoard has one experiment, with an empty name; any other is read on request.
        """
        threading.Thread(target=self._prepare, args=(context, experiment), daemon=True).start()

    def _prepare(self, context: Any, experiment: str) -> None:
        if not self._reading_ahead.acquire(blocking=False):
            return  # another thread is at it
        try:
            with np.errstate(all="ignore"):
                self._answers().runs(context, experiment, MultiDict())
        except Exception:
            _LOGGER.debug("rlviz could not read ahead", exc_info=True)  # a request says why
        finally:
            self._reading_ahead.release()

    def _guarded(self, serve: Callable[[wrappers.Request], wrappers.Response]) -> Application:
        """Turn any failure into a sentence."""

        @wrappers.Request.application
        @functools.wraps(serve)
        def application(request: wrappers.Request) -> wrappers.Response:
            if request.method not in ("GET", "HEAD"):
                return _error(request, f"only GET is answered, got {request.method}.", 405)
            try:
                query.check_length(request.environ.get("QUERY_STRING", ""))
                return serve(request)
            except QueryError as error:
                return _error(request, str(error), error.code, error.retry_seconds)
            except errors.PublicError as error:  # from the provider, with its own code
                return _error(request, str(error), error.http_code)
            except Exception:
                _LOGGER.warning("rlviz could not answer %s", request.path, exc_info=True)
                return _error(
                    request, "the data can't be read now; TensorBoard's log says why.", 503
                )

        return application


def _asked(request: wrappers.Request) -> tuple[Any, str]:
    """What the data provider needs to know about a request."""
    from tensorboard import plugin_util  # loads an HTML parser, as TensorBoard has done already

    environment = request.environ
    return plugin_util.context(environment), plugin_util.experiment_id(environment)


def _respond(
    request: wrappers.Request, content: bytes | str, content_type: str, **options: Any
) -> wrappers.Response:
    """Respond as TensorBoard does: content type, nosniff, compression."""
    response: wrappers.Response = http_util.Respond(request, content, content_type, **options)
    return response


def _error(
    request: wrappers.Request, sentence: str, code: int, retry_seconds: int = 0
) -> wrappers.Response:
    content = json.dumps({"error": sentence})
    headers = [("Allow", "GET, HEAD")] if code == 405 else []
    if retry_seconds:
        headers.append(("Retry-After", str(retry_seconds)))
    return _respond(request, content, "application/json", code=code, headers=headers)


def _unchanged(request: wrappers.Request, content_type: str, tag: str) -> wrappers.Response:
    return _respond(request, b"", content_type, code=304, headers=_tagged(tag))


def _tagged(tag: str) -> list[tuple[str, str]]:
    return [("ETag", f'"{tag}"')] if tag else []
