"""The routes of the page's server: its files, its answers, and a safety net under every request."""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from tensorboard import errors
from tensorboard.backend import http_util
from werkzeug import wrappers

from rlviz.dashboard import query
from rlviz.dashboard.assets import Asset
from rlviz.dashboard.query import QueryError

if TYPE_CHECKING:
    from rlviz.dashboard.answers import Answer, Answers

_ROUTES = ("runs", "told", "series", "curve", "comparison", "forecast", "figure", "rows")

_LOGGER = logging.getLogger("tensorboard")

Application: TypeAlias = Callable[[Any, Any], Any]
"""Of WSGI."""


class Routes:
    """Answers requests of the page, in TensorBoard or without it.

    Args:
        assets: the page's files, by name.
        answers: gives what answers all others; called with the first of these.
        asked: what a request says of TensorBoard's context and experiment.
        on_asset: called with the name of a file of the page that is asked for, and the request.
    """

    def __init__(
        self,
        assets: Mapping[str, Asset],
        answers: Callable[[], "Answers"],
        asked: Callable[[wrappers.Request], tuple[Any, str]],
        on_asset: Callable[[str, wrappers.Request], None] = lambda name, request: None,
    ) -> None:
        self._assets = assets
        self._answers = answers
        self._asked = asked
        self._on_asset = on_asset

    def apps(self) -> dict[str, Application]:
        """Route -> WSGI application."""
        apps = {f"/{name}": self._asset(name) for name in self._assets}
        for name in _ROUTES:
            apps[f"/{name}"] = self._route(name)
        return apps

    def _asset(self, name: str) -> Application:
        asset = self._assets[name]

        def serve(request: wrappers.Request) -> wrappers.Response:
            self._on_asset(name, request)
            if request.if_none_match.contains(asset.tag):
                return _unchanged(request, asset.content_type, asset.tag)
            return _respond(
                request,
                asset.compressed,
                asset.content_type,
                content_encoding="gzip",
                headers=_tagged(asset.tag),
            )

        return guarded(serve)

    def _route(self, name: str) -> Application:
        def serve(request: wrappers.Request) -> wrappers.Response:
            context, experiment = self._asked(request)
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

        return guarded(serve)


def guarded(serve: Callable[[wrappers.Request], wrappers.Response]) -> Application:
    """Turn any failure into a sentence, and anything but GET and HEAD."""

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
            return _error(request, "the data can't be read now; the server's log says why.", 503)

    return application


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
