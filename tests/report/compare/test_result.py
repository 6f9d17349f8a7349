"""A comparison as text, as tables, as data, as a page and as a figure."""

import json
import re
from html.parser import HTMLParser

import numpy as np

import rlviz

from .conftest import losses, quiet, run_of


def tables_of(text):
    """Heading -> the lines of its table."""
    found = {}
    for line in text.splitlines():
        if line.startswith("## "):
            lines = found.setdefault(line[3:], [])
        elif line.startswith("|"):
            lines.append(line)
    return found


def test_the_text_says_who_leads_and_what_it_cost(pair):
    text = pair.markdown()
    assert re.search(
        r"# Comparison of base and twice\n\nAt 1\.\d\de22 RL FLOPs, the most that all runs spent, "
        r"twice is ahead of base in training accuracy by 1\.\d points \[1\.\d, 1\.\d\]: 64\.\d",
        text,
    )
    told = "twice needed less compute for the same training accuracy: its compute multiplier over"
    assert re.search(rf"{told} base is (1\.9|2\.0)\d \[", text)
    assert "over 6 levels from 35 % to 60 %" in text
    assert "'base' and 'twice' are one run each" in text


def test_the_tables_have_a_row_for_each_level_and_amount(pair):
    tables = tables_of(pair.markdown())
    assert len(tables["At equal compute"]) == 2 + 4
    assert len(tables["At equal accuracy"]) == 2 + 6
    assert len(tables["Best at each compute"]) == 2 + len(pair.frontier)
    for lines in tables.values():
        assert len({line.count("|") for line in lines}) == 1
    table = pair.table()
    assert list(table["level"]) == [0.35, 0.4, 0.45, 0.5, 0.55, 0.6]
    assert table["multiplier/twice"][2] == pair.at_accuracy[2].multipliers["twice"].value
    assert {len(column) for column in table.values()} == {6}


def test_the_frontier_stands_in_the_table_in_the_data_and_in_the_notebook(pair):
    (*_, last, alone) = pair.frontier
    row, row_alone = tables_of(pair.markdown())["Best at each compute"][-2:]
    assert "| twice |" in row
    assert f"{100 * last.end.value:.1f} %" in row
    assert (alone.names, alone.alone) == (("base",), True)
    assert "| base (no other has a value there) |" in row_alone
    assert pair.to_dict()["frontier"][-2] == {
        "from": last.from_flops,
        "to": last.to_flops,
        "names": ["twice"],
        "alone": last.alone,
        "begin": {"value": last.begin.value, "low": last.begin.low, "high": last.begin.high},
        "end": {"value": last.end.value, "low": last.end.low, "high": last.end.high},
    }
    assert "<h2>Best at each compute</h2>" in pair._repr_html_()


def test_the_rule_stands_where_it_is_used_and_no_other_number_decides(pair):
    first, *_ = pair.markdown().split("## ")
    assert "A run is called ahead only where the interval of the difference leaves out 0" in first
    assert "99" not in pair.markdown().split("*Values are read")[1]


def test_a_level_that_was_reached_in_passing_is_said_in_the_text_the_table_and_the_data():
    def hump(spent):
        return 0.3 + 0.3 * np.minimum(spent, 0.5) / 0.5 - 0.3 * np.maximum(spent - 0.5, 0)

    found = rlviz.compare({"up": quiet(1.0), "turns": quiet(1.0, curve=hump)}, levels=[0.4, 0.55])
    text = found.markdown()
    assert "turns reached 55 % in passing: its curve fell below it again." in text
    assert text.count(", in passing |") == 1
    assert [row["in_passing"] for row in found.to_dict()["at_accuracy"]] == [{}, {"turns": 1}]
    seeds = {"up": [quiet(1.0)] * 2, "turns": [quiet(1.0, curve=hump), quiet(1.0)]}
    text = rlviz.compare(seeds, levels=[0.4, 0.55]).markdown()
    assert "One of the seeds of turns reached 55 % in passing: fell below it again." in text


def test_the_plain_data_is_json_and_says_the_same(pair):
    data = json.loads(json.dumps(pair.to_dict(), allow_nan=False))
    assert data["leader"]["name"] == "twice"
    assert data["multipliers"]["twice"]["value"] == pair.multipliers["twice"].value
    assert [row["level"] for row in data["at_accuracy"]] == [0.35, 0.4, 0.45, 0.5, 0.55, 0.6]


def test_a_name_can_neither_break_a_table_nor_run_in_a_notebook():
    found = rlviz.compare({"a|b": quiet(1.0), "<script>x</script>": quiet(2.0)})
    for lines in tables_of(found.markdown()).values():
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1
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
