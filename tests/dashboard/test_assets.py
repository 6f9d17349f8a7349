"""The page's own files: what they weigh, how they are served, which of them are made here."""

import gzip
import json
import re

from rlviz import palette, schema
from rlviz.dashboard import assets


def test_every_file_of_the_page_is_served_as_it_is(board):
    known = assets.load()
    for name, asset in known.items():
        response = board.get(name)
        assert response.status_code == 200
        assert response.data == asset.content
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        expected = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        assert response.mimetype == expected[name.rpartition(".")[2]]


def test_a_file_of_the_page_is_compressed_for_who_takes_that(board):
    plain = board.get("index.js")
    packed = board.get("index.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 0.4 * len(plain.data)


def test_the_files_of_the_page_are_small():
    total = sum(len(asset.compressed) for asset in assets.load().values())
    assert total <= 110_000, f"{total} bytes, compressed"


def test_all_modules_of_the_tab_are_one_file():
    known = assets.load()
    assert set(known) == {"index.js", "style.css"}
    text = known["index.js"].content.decode()
    missing = {name for name in assets.modules(None) if f"const m_{name} = " not in text}
    assert missing == set()
    assert text.endswith("export const { render } = m_index;\n")
    assert set(assets.of_server()) == {"start.js", "style.css"}


def test_the_page_has_the_colors_dashes_axes_and_labels_of_the_figure():
    module = assets.modules(None)["vocabulary"]
    found = {
        name: json.loads(value)
        for name, value in re.findall(r"^export const (\w+) = (.*);$", module, re.MULTILINE)
    }
    assert found["OF_RUNS"] == list(palette.OF_RUNS)
    assert found["DASHES"] == [list(dashes) for dashes in palette.DASHES]
    assert found["ALONE"] == {"dots": palette.BLUE, "curve": palette.RED}
    assert {name: axis["label"] for name, axis in found["AXES"].items()} == {
        name: axis.label for name, axis in schema.AXES.items()
    }
    assert found["QUANTITIES"] == {
        known.name: {"label": known.label, "scale": known.scale}
        for known in schema.QUANTITIES.values()
    }
    assert list(found["QUANTITIES"])[:2] == ["accuracy", "average_parallelism"]
    assert module.count("export") == len(found)
