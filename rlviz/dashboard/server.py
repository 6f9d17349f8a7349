"""A small server of the page by itself, straight from the directories of the runs."""

import errno
import ipaddress
import re
import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from typing import Any

from tensorboard import errors
from werkzeug.exceptions import NotFound
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from rlviz.dashboard import assets
from rlviz.dashboard.answers import Answers
from rlviz.dashboard.catalog import Catalog
from rlviz.dashboard.routes import Routes, guarded

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


def application(
    catalog: Catalog, *, hosts: Collection[str] | None = None
) -> Callable[[Any, Any], Iterable[bytes]]:
    """The page and its answers as a WSGI application.

    Args:
        catalog: the runs.
        hosts: the names by which it may be asked, without a port and in lower case; None for any.
            A page elsewhere whose name is made to lead here is so kept from reading the runs.
    """
    answers = Answers(catalog, server=secrets.token_hex(8))
    apps = Routes(assets.of_server(), lambda: answers, lambda request: (None, "")).apps()

    apps[""] = apps["/"] = guarded(_page)

    @guarded
    def refuse(request: Request) -> Response:
        raise errors.PermissionDeniedError(
            f"this server is asked as {' or '.join(sorted(hosts or ()))} only. Open the address "
            "that it printed, or give --host the name of this machine."
        )

    def serve(environment: Any, start: Any) -> Iterable[bytes]:
        if hosts is not None and _host(environment.get("HTTP_HOST", "")) not in hosts:
            app = refuse
        else:
            app = apps.get(environment.get("PATH_INFO", ""), NotFound())
        found: Iterable[bytes] = app(environment, start)
        return found

    return serve


def _page(request: Request) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(_PAGE, content_type="text/html; charset=utf-8", headers=headers)


def _host(header: str) -> str:
    """A Host header without its port, in lower case; an IPv6 address keeps its brackets."""
    return re.sub(r":\d*$", "", header.strip()).lower()


def _hosts(given: str, bound: str) -> set[str] | None:
    """By which names a server on this machine alone may be asked; None for one that others see."""
    if not ipaddress.ip_address(bound).is_loopback:
        return None
    return {"localhost", "127.0.0.1", "[::1]", _shown(given).lower()}


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def open_server(catalog: Catalog, *, host: str, port: int | None) -> tuple[BaseWSGIServer, str]:
    """A server that listens, and its address; its `serve_forever` answers, each request in a
    thread of its own. If no other machine reaches it, it refuses whoever asks by another name.

    Args:
        catalog: the runs.
        host: the address that it listens on.
        port: the port; None for the usual one or one near it, 0 for any free one.

    Raises:
        OSError: it can't listen there.
    """
    listening = _listening(host, port)
    with listening:
        bound, number = listening.getsockname()[:2]
        server = make_server(
            host,
            number,
            application(catalog, hosts=_hosts(host, bound)),
            threaded=True,
            request_handler=_Quiet,
            fd=listening.fileno(),  # werkzeug itself would end the process where it can't listen
        )
    return server, f"http://{_shown(host)}:{server.port}/"


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
