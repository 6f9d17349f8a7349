"""What is saved: rlviz's own figure, and the table that export writes."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import rlviz

from .conftest import WHOLE, csv_of


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", WHOLE)
def test_the_table_is_the_one_that_export_writes(every_board, corpus, name):
    response = every_board.get("rows", {"run": name})
    assert response.status_code == 200
    assert response.data == csv_of(rlviz.read(corpus / name))


def test_the_figure_is_rlviz_s_own_and_to_be_saved(board):
    response = board.get("figure", {"run": "plain", "format": "png", "x": "step"})
    assert response.data.startswith(b"\x89PNG\r\n")
    assert response.headers["Content-Disposition"] == 'attachment; filename="plain.png"'
    pairs = [("run", "plain"), ("run", "without flops"), ("metric", "loss"), ("forecast", "1")]
    response = board.get("figure", pairs)
    assert response.mimetype == "image/svg+xml"
    assert ElementTree.fromstring(response.data).tag == "{http://www.w3.org/2000/svg}svg"
    text = response.get_data(as_text=True)
    assert "<!-- without flops -->" in text  # its name, which is drawn as a path
    assert response.headers["Content-Disposition"] == 'attachment; filename="rlviz.svg"'


@pytest.mark.slow
def test_the_figure_shows_what_the_page_shows(board, corpus):
    query = [
        *(("run", "plain"), ("run", "without flops"), ("format", "png"), ("x", "step")),
        *(("metric", "accuracy"), ("height", "0.2:0.8"), ("metric", "loss"), ("height", "")),
        *(("from", "10"), ("to", "30.5"), ("dots", "0"), ("smooth", "ema:0.5")),
        *(("color", "#000080"), ("color", "#ff0000"), ("logy", "loss")),
    ]
    drawn = rlviz.figure(
        {name: rlviz.read(corpus / name) for name in ("plain", "without flops")},
        x="step",
        metrics=["accuracy", "loss"],
        xlim=(10, 30.5),
        ylim={"accuracy": (0.2, 0.8)},
        log_y=["loss"],
        dots=False,
        colors=["#000080", "#ff0000"],
        smooth=0.5,
    )
    response = board.get("figure", query)
    assert response.status_code == 200, response.data
    assert response.data == drawn.png(dpi=200)
    pdf = board.get("figure", [("run", "plain"), ("format", "pdf"), ("smooth", "none")])
    assert pdf.data.startswith(b"%PDF")
    assert pdf.mimetype == "application/pdf"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("height", "1:0", "height must be LOW:HIGH, got '1:0'."),
        ("height", "nan:1", "height must be LOW:HIGH"),
        ("height", "1", "height must be LOW:HIGH"),
        ("color", "red", "color must be a color as #rrggbb, got 'red'."),
        ("color", "#00000g", "color must be a color as #rrggbb"),
        ("smooth", "ema:2", "smooth must be auto, none, or ema"),
    ],
)
def test_odd_looks_of_a_figure_are_refused(board, name, value, words):
    query = [("run", "plain"), ("metric", "loss"), (name, value)]
    response = board.get("figure", query)
    assert response.status_code == 400
    assert words in response.get_json()["error"]


def test_a_table_can_be_cut_to_what_is_visible(board):
    response = board.get("rows", {"run": "plain", "x": "step", "from": 30, "to": 40.5})
    lines = response.get_data(as_text=True).splitlines()
    assert [line.partition(",")[0] for line in lines] == ["step", *map(str, range(30, 41))]
    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"] == 'attachment; filename="plain.csv"'


def test_no_cell_of_a_table_can_run_as_a_formula(open_board, tmp_path, write_rows):
    names = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(1)", "a;=1"]
    columns = ["step", "session", *(f"metrics/{name}" for name in names), *names]
    write_rows(tmp_path / "=HYPERLINK()", columns, [(np.ones((3, len(columns))), {})])
    response = open_board(tmp_path).get("rows", {"run": "=HYPERLINK()"})
    text = response.get_data(as_text=True)
    assert not re.search(r'(^|[,;|\t"])\s*[=+@-]', text)
    assert response.headers["Content-Disposition"] == 'attachment; filename="HYPERLINK.csv"'
