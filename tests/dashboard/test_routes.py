"""The page's routes without TensorBoard: the same answers, and failures as sentences."""

import json

import pytest
from werkzeug.test import Client

from rlviz.dashboard.folder_catalog import FolderCatalog
from rlviz.dashboard.server import application

from .conftest import DATA_ROUTES, PLAIN


@pytest.fixture(scope="module")
def client(corpus):
    catalog = FolderCatalog({"runs": [corpus]})
    while len(catalog.refresh(None, "")) < len(list(corpus.iterdir())):
        pass
    return Client(application(catalog))


@pytest.mark.parametrize("route", [route for route in DATA_ROUTES if route != "runs"])
def test_an_answer_is_that_of_tensorboards_tab(client, board, route):
    alone, tab = client.get(f"/{route}", query_string=PLAIN), board.get(route, PLAIN)
    assert alone.status_code == 200
    assert alone.content_type == tab.content_type
    if route == "series":  # the version of a run is the server's own
        begin = 4 + int.from_bytes(alone.data[:4], "little")
        there = 4 + int.from_bytes(tab.data[:4], "little")
        assert alone.data[begin:] == tab.data[there:]
    elif route in ("rows", "comparison"):
        assert alone.data == tab.data


def test_what_can_not_be_answered_is_a_sentence(client):
    for query, code in (({"run": "none", "metric": "accuracy"}, 404), ({}, 400)):
        response = client.get("/series", query_string=query)
        assert response.status_code == code
        assert json.loads(response.data)["error"].endswith(".")
    assert client.post("/runs").status_code == 405
    assert client.get("/series?" + "x" * 70_000).status_code == 400


def test_a_file_of_the_page_that_is_known_is_not_sent_again(client):
    tag = client.get("/start.js").headers["ETag"]
    assert client.get("/start.js", headers={"If-None-Match": tag}).status_code == 304
