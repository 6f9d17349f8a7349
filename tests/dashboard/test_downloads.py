"""What is saved: rlviz's own figure, and the table that export writes."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import rlviz

from .conftest import WHOLE, csv_of


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
