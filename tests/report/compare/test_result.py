"""A comparison as text, as tables, as data, as a page and as a figure."""

import json
import re
from html.parser import HTMLParser

import numpy as np

import rlviz

from .conftest import losses, quiet, run_of


def test_the_text_says_who_leads_and_what_it_cost(pair):
    text = pair.markdown()
    assert text.startswith("# Comparison of base and twice\n\ntwice leads in training accuracy")
    told = "twice needed less compute for the same: its compute multiplier over base is"
    assert re.search(rf"{told} (1\.9|2\.0)\d \[", text)
    assert "(6 levels, 35 % to 60 %)" in text
    assert "'base' and 'twice' are one run each" in text


def test_the_tables_have_a_row_for_each_level_and_amount(pair):
    lines = [line for line in pair.markdown().splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 4 + 2 + 6
    assert len({line.count("|") for line in lines[:6]}) == 1
    table = pair.table()
    assert list(table["level"]) == [0.35, 0.4, 0.45, 0.5, 0.55, 0.6]
    assert table["multiplier/twice"][2] == pair.at_accuracy[2].multipliers["twice"].value
    assert {len(column) for column in table.values()} == {6}


def test_the_plain_data_is_json_and_says_the_same(pair):
    data = json.loads(json.dumps(pair.to_dict(), allow_nan=False))
    assert data["leader"]["name"] == "twice"
    assert data["multipliers"]["twice"]["value"] == pair.multipliers["twice"].value
    assert [row["level"] for row in data["at_accuracy"]] == [0.35, 0.4, 0.45, 0.5, 0.55, 0.6]


def test_a_name_can_neither_break_a_table_nor_run_in_a_notebook():
    found = rlviz.compare({"a|b": quiet(1.0), "<script>x</script>": quiet(2.0)})
    lines = [line for line in found.markdown().splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines[:6]}) == 1
    tags = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    Tags().feed(found._repr_html_())
    assert {"table", "img", "td"} <= set(tags)
    assert "script" not in tags


def test_the_figure_lays_the_curves_over_each_other(pair):
    figure = pair.figure()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["base", "twice"]
    assert [len(ax.lines) for ax in figure.axes] == [2, 0]
    assert pair.figure(metrics="accuracy", style="paper").get_figwidth() == 3.3


def test_a_share_is_told_within_its_range_however_few_the_seeds():
    def seed(number, level):
        return run_of(
            np.random.default_rng(number), noise=0.001, curve=lambda spent: level + 0 * spent
        )

    found = rlviz.compare({"a": [seed(1, 0.9), seed(2, 0.99)], "b": [seed(3, 0.02), seed(4, 0.1)]})
    shares = re.findall(r"([-\d.]+) % \[([-\d.]+), ([-\d.]+)\]", found.markdown())
    assert len(shares) >= 2
    assert all(0 <= float(part) <= 100 for share in shares for part in share), shares
    assert {"0.0", "100.0"} <= {part for share in shares for part in share}


def test_the_figure_of_a_metric_has_no_empty_panel(less):
    runs = [
        rlviz.History({**run.columns, "graded": 0 * run.step}) for run in (losses(1), losses(2))
    ]
    drawing = rlviz.compare(runs, metric="loss").figure()
    assert [ax.get_ylabel() for ax in drawing.axes] == ["loss"]
