"""The small server: the page and nothing else, on the port that is wanted."""

import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request

import pytest
from werkzeug.test import Client

from rlviz.dashboard.folder_catalog import FolderCatalog
from rlviz.dashboard.server import application, open_server


@pytest.fixture
def catalog(tmp_path, write_steps):
    write_steps(range(1, 6))
    return FolderCatalog({"run": [tmp_path / "run"]})


def test_it_serves_the_page_under_a_strict_policy(catalog):
    response = Client(application(catalog)).get("/")
    policy = response.headers["Content-Security-Policy"]
    assert response.mimetype == "text/html"
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy


def test_it_serves_no_other_path(catalog, ran):
    client = Client(application(catalog))
    paths = [
        "/etc/passwd",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/static/page.js",
        "/run",
        "/server/start.js",
        "/..\\..\\setup.cfg",
    ]
    for path in paths:
        assert client.get(path).status_code == 404
    ran(paths=len(paths))


@contextlib.contextmanager
def listening(catalog, host):
    """The server's address while it answers."""
    server, url = open_server(catalog, host=host, port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_listens_and_answers_and_ends(catalog):
    with (
        listening(catalog, "127.0.0.1") as url,
        urllib.request.urlopen(f"{url}runs", timeout=300) as answer,
    ):
        assert b'"name":"run"' in answer.read()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


def test_a_port_that_is_taken_is_a_sentence(catalog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"can't listen on 127\.0\.0\.1, port {port}"):
            open_server(catalog, host="127.0.0.1", port=port)


def status(url, path, host):
    """What a request by that name is answered with."""
    try:
        asked = urllib.request.Request(f"{url}{path}", headers={"Host": host})
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["error"]


@pytest.mark.quick(1)
@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_on_this_machine_alone_it_is_asked_by_this_machines_names_alone(catalog, bound):
    with listening(catalog, bound) as url:
        port = url.rpartition(":")[2].strip("/")
        for host in ("localhost", "LOCALHOST", "127.0.0.1", "[::1]", bound):
            for shown in (host, f"{host}:{port}"):
                assert status(url, "runs", shown)[0] == 200
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.3"):
            for path in ("", "runs", "start.js", "no/such/path"):
                code, sentence = status(url, path, host)
                assert code == 403
                assert "localhost" in sentence
                assert "--host" in sentence


def test_a_server_that_others_reach_is_asked_by_any_name(catalog):
    with listening(catalog, "0.0.0.0") as url:
        assert status(url, "runs", "cluster.example:6006") == (200, None)


def test_the_page_too_is_only_got(catalog):
    client = Client(application(catalog))
    for path in ("/", "/runs"):
        refused = client.post(path)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
        assert client.head(path).status_code == 200
