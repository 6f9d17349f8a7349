"""The small server: the page and nothing else, on the port that is wanted."""

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


def test_it_listens_and_answers_and_ends(catalog):
    server, url = open_server(catalog, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with urllib.request.urlopen(f"{url}runs", timeout=20) as answer:
            assert b'"name":"run"' in answer.read()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url, timeout=2)


def test_a_port_that_is_taken_is_a_sentence(catalog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"can't listen on 127\.0\.0\.1, port {port}"):
            open_server(catalog, host="127.0.0.1", port=port)
