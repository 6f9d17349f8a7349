"""The export: the same numbers in CSV, JSON Lines and NPZ, safe in a spreadsheet."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz.measure.accuracy import Accuracy
from rlviz.report.export import export

COUNTS = [10**26 + 1, 10**26 + 3, 2 * 10**26 + 7]
FORMULAS = ["=1+1", "+x", "-x", "@x"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    logdir = tmp_path_factory.mktemp("run")
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0, 0], flops={"rollout": COUNTS[0]})
        viz.on_step_end(2, flops=2, metrics={"loss, so": 0.1, **dict.fromkeys(FORMULAS, 3.0)})
        viz.on_step_end(
            5,
            parallelism=[2.5],
            flops={"rollout": 10**26 + 4},
            metrics={"loss, so": float("inf"), 'say "hi"\nGrüße': -0.5},
        )
    return rlviz.read(logdir)


@pytest.fixture
def exported(run, tmp_path):
    def write(suffix):
        path = tmp_path / f"table{suffix}"
        export(run, path)
        return path

    return write


def test_a_csv_has_a_line_each_step_and_an_empty_cell_for_what_is_missing(exported, run):
    with exported(".csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["1", "2", "5"]
    assert [row["session"] for row in rows] == ["0", "0", "0"]
    assert [row["accuracy"] for row in rows] == [str(1 / 3), "", ""]
    assert [row["average_parallelism"] for row in rows] == ["", "", "2.5"]
    assert [row["metrics/loss, so"] for row in rows] == ["", "0.1", "inf"]
    assert [row['metrics/say "hi"\nGrüße'] for row in rows] == ["", "", "-0.5"]
    assert [float(row["wall_time"]) for row in rows] == list(run.wall_time)
    assert list(rows[0])[:4] == ["step", "session", "accuracy", "accuracy_low"]
    low, high = Accuracy(1, 3).interval()
    assert [row["accuracy_low"] for row in rows] == [str(low), "", ""]
    assert [row["accuracy_high"] for row in rows] == [str(high), "", ""]


def test_a_csv_has_flops_to_the_last_digit_and_no_remainders(exported):
    with exported(".csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["flops/total"] for row in rows] == list(map(str, COUNTS))
    assert [row["flops/rollout"] for row in rows] == [
        str(COUNTS[0]),
        str(COUNTS[0]),
        str(2 * 10**26 + 5),
    ]
    assert not any("remainder" in name for name in rows[0])


def test_no_cell_of_a_csv_can_be_a_formula(exported):
    # A spreadsheet runs what begins with one of = + - @, a tab or a carriage return.
    with exported(".csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert {f"metrics/{name}" for name in FORMULAS} <= set(header)
    assert not any(name[0] in "=+-@\t\r" for name in header)
    for cell in (cell for row in rows for cell in row if cell):
        float(cell)  # a number, so "-0.5" is one and no formula


def test_no_name_of_a_csv_can_be_a_formula_wherever_it_came_from(tmp_path):
    # A callback writes metrics under "metrics/"; an event file from elsewhere need not.
    columns = {"step": np.array([1.0]), "=cmd()": np.array([2.0]), "@x": np.array([3.0])}
    export(rlviz.History(columns), tmp_path / "x.csv")
    header = (tmp_path / "x.csv").read_text().splitlines()[0].split(",")
    assert header[-2:] == ['"\'=cmd()"', '"\'@x"']


def test_json_lines_have_an_object_each_step_and_null_for_what_is_missing(exported):
    text = exported(".jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 5]
    assert [row["accuracy"] for row in rows] == [1 / 3, None, None]
    assert [row["flops/total"] for row in rows] == COUNTS
    assert [row["metrics/=1+1"] for row in rows] == [None, 3, None]
    assert [row["metrics/loss, so"] for row in rows] == [None, 0.1, "inf"]
    assert rows[2]['metrics/say "hi"\nGrüße'] == -0.5
    assert "NaN" not in text
    assert "Infinity" not in text


def test_an_npz_has_every_column_bit_by_bit(exported, run):
    with np.load(exported(".npz"), allow_pickle=False) as arrays:
        assert set(arrays) == {
            *("accuracy", "accuracy_low", "accuracy_high", "average_parallelism"),
            *("rlviz/columns", "rlviz/units", "rlviz/meanings"),
            *run.columns,
        }
        for name, values in run.columns.items():
            assert arrays[name].dtype == np.float64
            assert arrays[name].tobytes() == values.tobytes()
        pairs = zip(arrays["flops/total"], arrays["flops_remainder/total"], strict=True)
        assert [int(nearest) + int(rest) for nearest, rest in pairs] == COUNTS


def test_the_three_formats_agree_on_a_whole_run(parl, tmp_path):
    for suffix in ("csv", "jsonl", "npz"):
        export(parl, tmp_path / f"x.{suffix}")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as stream:
        from_csv = list(csv.DictReader(stream))
    with (tmp_path / "x.jsonl").open(encoding="utf-8") as stream:
        from_jsonl = [json.loads(line) for line in stream]
    with np.load(tmp_path / "x.npz") as arrays:
        accuracy = arrays["accuracy"].tolist()
    assert len(from_csv) == len(from_jsonl) == 300
    assert [float(row["accuracy"]) for row in from_csv] == accuracy
    assert [row["accuracy"] for row in from_jsonl] == accuracy
    assert [int(row["flops/total"]) for row in from_csv] == parl.exact_flops()


def test_pandas_reads_the_csv_as_it_was(parl, tmp_path):
    import pandas as pd

    export(parl, tmp_path / "x.csv")
    frame = pd.read_csv(tmp_path / "x.csv", index_col="step")
    assert list(frame.index) == list(range(1, 301))
    # The default parser of pandas may be off by the last bit of a float64.
    np.testing.assert_allclose(frame["accuracy"], parl.accuracy, rtol=1e-15)
    np.testing.assert_allclose(frame["average_parallelism"], parl.parallelism, rtol=1e-15)


def test_the_suffix_may_be_in_capitals(run, tmp_path):
    export(run, tmp_path / "T.CSV")
    assert (tmp_path / "T.CSV").read_text(encoding="utf-8").startswith("step,session,accuracy")


@pytest.mark.parametrize("name", ["table.xlsx", "table", ".csv.gz"])
def test_another_suffix_is_refused_in_words_and_nothing_is_written(run, tmp_path, name):
    expected = rf"don't know how to write '{name}'\. End it with \.csv, \.jsonl, \.npz, \.parquet\."
    with pytest.raises(ValueError, match=expected):
        export(run, tmp_path / name)
    assert list(Path(tmp_path).iterdir()) == []
