"""A small server of the page by itself, straight from the directories of the runs."""

import errno
import secrets
import socket
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from rlviz.dashboard import assets
from rlviz.dashboard.answers import Answers
from rlviz.dashboard.catalog import Catalog
from rlviz.dashboard.routes import Routes

_USUAL_PORT = 6006
_TRIED = 10
"""Ports from the usual one on, if nobody asks for one."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>RL FLOPs</title>
<link rel="icon" href="data:,">
<script type="module" src="start.js"></script>
</head>
<body></body>
</html>
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


class _Quiet(WSGIRequestHandler):
    """Logs no request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        if type != "info":
            super().log(type, message, *args)


def application(catalog: Catalog) -> Callable[[Any, Any], Iterable[bytes]]:
    """The page and its answers as a WSGI application.

    Args:
        catalog: the runs.
    """
    answers = Answers(catalog, server=secrets.token_hex(8))
    apps = Routes(assets.of_server(), lambda: answers, lambda request: (None, "")).apps()

    def serve(environment: Any, start: Any) -> Iterable[bytes]:
        path = environment.get("PATH_INFO", "")
        if path in ("", "/"):
            headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
            return Response(_PAGE, content_type="text/html; charset=utf-8", headers=headers)(
                environment, start
            )
        found: Iterable[bytes] = apps.get(path, NotFound())(environment, start)
        return found

    return serve


def open_server(catalog: Catalog, *, host: str, port: int | None) -> tuple[BaseWSGIServer, str]:
    """A server that listens, and its address; its `serve_forever` answers, each request in a
    thread of its own.

    Args:
        catalog: the runs.
        host: the address that it listens on.
        port: the port; None for the usual one or one near it, 0 for any free one.

    Raises:
        OSError: it can't listen there.
    """
    listening = _listening(host, port)
    with listening:
        server = make_server(
            host,
            listening.getsockname()[1],
            application(catalog),
            threaded=True,
            request_handler=_Quiet,
            fd=listening.fileno(),  # werkzeug itself would end the process where it can't listen
        )
    shown = f"[{host}]" if ":" in host else host
    return server, f"http://{shown}:{server.port}/"


def _listening(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last = _USUAL_PORT + _TRIED - 1
    for number in range(_USUAL_PORT, last + 1) if port is None else [port]:
        try:
            return socket.create_server((host, number), family=family)
        except OSError as error:
            if port is not None or error.errno != errno.EADDRINUSE:
                raise OSError(f"can't listen on {host}, port {number}: {error.strerror}.") from None
    raise OSError(
        f"the ports {_USUAL_PORT} to {last} of {host} are taken. Give another with --port, or 0 "
        "for any."
    )
