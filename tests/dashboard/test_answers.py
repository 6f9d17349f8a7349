"""The answers of every route: plain data, whatever the runs are called."""

import gzip
import io
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

import rlviz
from rlviz.dashboard.folder_catalog import FolderCatalog

from .conftest import DATA_ROUTES, PLAIN, decode


@pytest.mark.slow
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


def test_the_series_of_several_runs_are_those_of_each_and_one_that_fails_hides_no_other(board):
    names = ["plain", "no such run", "resumed", "without flops", "plain"]
    parameters = {"metric": "accuracy", "x": "flops", "dots": 200}
    pairs = [*parameters.items(), *(("run", name) for name in names)]
    content = board.get("series", pairs).data
    begin = 4 + int.from_bytes(content[:4], "little")
    head, _ = decode(content[:begin])
    parts = []
    for size in head["sizes"]:
        assert begin % 8 == 0  # where a browser may read float64
        parts.append(content[begin : begin + size])
        begin += size
    assert begin == len(content)
    assert len(parts) == 4  # each run once
    for name, part in ((names[0], parts[0]), (names[2], parts[2])):
        alone, arrays = board.series(name, **parameters)
        header, found = decode(part)
        assert header == alone
        assert {k: v.tolist() for k, v in found.items()} == {
            k: v.tolist() for k, v in arrays.items()
        }
    for part, word in ((parts[1], "no run 'no such run'"), (parts[3], "x=step")):
        header, _ = decode(part)
        assert header["status"] == 404
        assert word in header["error"]
    too_many = [*parameters.items(), *(("run", f"run{n}") for n in range(17))]
    assert board.get("series", too_many).status_code == 400


@pytest.mark.quick(1)
@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
def test_a_run_s_script_tells_its_settings_and_its_end(open_board, tmp_path, loader):
    begun = {}
    for name, config in (
        ("done", {"lr": 1e-6, "model": {"name": "m" * 300}, "on": True}),
        ("alive", {"seed": 3}),
        ("again", {"seed": 4}),
        ("bare", None),
    ):
        begun[name] = rlviz.Callback(tmp_path / name, config=config, figure_seconds=None)
        for step in range(1, 4):
            begun[name].on_step_end(step, correct=[1])
        assert begun[name].flush()
    for name in ("done", "again", "bare"):
        begun[name].close()
    more = rlviz.Callback(tmp_path / "again", config={"seed": 5}, figure_seconds=None)
    more.load_state_dict(begun["again"].state_dict())
    more.on_step_end(4, correct=[1])
    assert more.flush()
    expected = {
        "done": {"settings": {"lr": 1e-6, "model.name": "m" * 200, "on": True}, "closed": True},
        "alive": {"settings": {"seed": 3.0}, "closed": False},
        "again": {"settings": {"seed": 4.0}, "closed": False},
    }
    board = open_board(tmp_path, loader)
    board.wait_for_the_end(begun)
    board.listed()
    assert board.get("told").get_json() == expected  # TensorBoard tells nothing of the bare one
    if loader == "false":  # a server of our own reads the files
        catalog = FolderCatalog({"": [tmp_path]})
        catalog.refresh(None, "")
        bare = {"bare": {"settings": {}, "closed": True}}
        found = {name: told.plain() for name, told in catalog.told(None, "").items()}
        assert {name.rpartition("/")[2]: one for name, one in found.items()} == expected | bare
    begun["alive"].close()
    more.close()
