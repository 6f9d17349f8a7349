"""The answers of every route: plain data, whatever the runs are called."""

import gzip
import io
import json
import re
import xml.etree.ElementTree as ElementTree

from .conftest import DATA_ROUTES, PLAIN


def test_an_answer_is_compressed_and_never_guessed_at(board):
    for route in DATA_ROUTES:
        response = board.get(route, PLAIN, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "text/html" not in response.content_type
    assert gzip.decompress(board.get("runs", headers={"Accept-Encoding": "gzip"}).data) == (
        board.get("runs").data
    )


def test_names_are_data_whatever_they_are(open_board, tmp_path, write_rows, learning):
    columns, table = learning(5)
    names = [
        "<script>alert(1)<%2fscript>",
        '"><img src=x onerror=alert(1)>',
        "..%2f..%2fetc",
        "new\nline\r\nX-Injected: 1",
        "ünïcödé 名前 \U0001f680",
        "a&b=c?d#e;f",
        "\\\\server\\share",
        "sub/…/run",
    ]
    for name in names:
        write_rows(tmp_path / name, [*columns[:-1], f"metrics/{name}"], [(table, {})])
    board = open_board(tmp_path)
    assert set(board.runs()) == set(names)
    for name in names:
        assert name in board.runs()[name]["metrics"]
        header, _ = board.series(name, name, x="step")
        assert header["label"] == name
        response = board.get("rows", {"run": name})
        assert response.status_code == 200
        shown = response.headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+\.csv"', shown)
        assert "X-Injected" not in response.headers
    pairs = [("x", "step"), *(("run", name) for name in names), ("metric", names[0])]
    tree = ElementTree.fromstring(board.get("figure", pairs).data)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not tags & {"script", "foreignObject", "img", "a", "iframe"}


def test_json_holds_no_number_that_a_browser_does_not_know(board):
    def refuse(word):
        raise AssertionError(word)

    for route in ("runs", "forecast"):
        for name in board.runs():
            json.load(io.BytesIO(board.get(route, {"run": name}).data), parse_constant=refuse)
