"""The formats: what a missing value, a count, a name and a unit become in each."""

import csv
import decimal
import io
import json
import tracemalloc

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.accuracy import Accuracy
from rlviz.report.export.table_file import FORMATS, export, write

COUNTS = [10**26 + 1, 10**26 + 3, 2 * 10**26 + 7]

FORMULAS = ["=1+1", "+x", "-x", "@x"]


class Nowhere(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        return len(data)


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


@pytest.mark.filterwarnings("ignore:np.find_common_type is deprecated")  # pandas 2.0 calls it
@pytest.mark.filterwarnings("ignore:The 'float_precision' argument is deprecated")  # pandas 3.1
def test_pandas_reads_the_csv_as_it_was(parl, tmp_path):
    import pandas as pd

    export(parl, tmp_path / "x.csv")
    # The default parser of pandas is off by the last bits of a float64.
    frame = pd.read_csv(tmp_path / "x.csv", index_col="step", float_precision="round_trip")
    assert list(frame.index) == list(range(1, 301))
    np.testing.assert_array_equal(frame["accuracy"], parl.accuracy)
    np.testing.assert_array_equal(frame["average_parallelism"], parl.parallelism)


def test_a_long_run_is_in_text_what_it_is_row_by_row(tmp_path):
    # Longer than what is made at once, with all that a column may hold.
    random = np.random.default_rng(3)
    rows = 5000
    counts = [int(n) * 10**17 + i for i, n in enumerate(np.cumsum(random.integers(1, 10**9, rows)))]
    nearest, remainders = zip(*map(rlviz.schema.split_count, counts), strict=True)
    loss = random.normal(size=rows) * 10.0 ** random.integers(-12, 20, rows)
    loss[::7], loss[::11], loss[5], loss[6], loss[10] = np.nan, 3.0, np.inf, -np.inf, -0.0
    columns = {
        "step": np.arange(1.0, rows + 1),
        "wall_time": 1.7e9 + np.cumsum(random.exponential(30, rows)),
        "flops/total": np.array(nearest),
        "flops_remainder/total": np.array(remainders),
        "metrics/loss": loss,
        "metrics/rare": np.where(np.arange(rows) == 4999, 0.25, np.nan),
    }
    run = rlviz.History(columns)
    export(run, tmp_path / "x.csv")
    export(run, tmp_path / "x.jsonl")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as stream:
        from_csv = list(csv.DictReader(stream))
    from_jsonl = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert len(from_csv) == len(from_jsonl) == rows
    assert [int(row["flops/total"]) for row in from_csv] == counts
    assert [row["flops/total"] for row in from_jsonl] == counts
    for name in ("step", "wall_time", "metrics/loss", "metrics/rare"):
        of_csv = np.array([float(row[name] or "nan") for row in from_csv])
        of_jsonl = np.array([float("nan" if r[name] is None else r[name]) for r in from_jsonl])
        assert of_csv.tobytes() == columns[name].tobytes()
        np.testing.assert_array_equal(of_jsonl, columns[name])
    assert from_csv[10]["metrics/loss"] == "-0.0"


def test_a_name_that_a_spreadsheet_would_cut_at_another_separator_is_no_formula(tmp_path):
    names = [
        "a;=1",
        "a\t+1",
        "a\n@x",
        "\t=1",
        "\r=1",
        " =1",
        "＝1",
        "a, -b",
        "loss (x - y)",
        "a\0b",
    ]
    columns = {"step": np.array([1.0])} | dict.fromkeys(names, np.array([2.0]))
    export(rlviz.History(columns), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as stream:
        header = next(csv.reader(stream))
    expected = ["a;'=1", "a\t'+1", "a\n'@x", "'\t=1", r"\r=1", "' =1", "'＝1", "a,' -b"]
    assert header[-10:] == [*expected, "loss (x - y)", "a␀b"]


def test_the_lines_of_a_csv_end_as_those_of_other_tools_do(exported):
    assert b"\r" not in exported(".csv").read_bytes()


def test_units_come_before_a_csv_where_they_are_asked_for(run, tmp_path):
    import pandas as pd

    export(run, tmp_path / "x.csv", units=True)
    export(run, tmp_path / "plain.csv")
    text = (tmp_path / "x.csv").read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line.startswith("# ")]
    assert "# step: training steps (the training step that the row describes)" in lines
    assert "# accuracy: fraction in [0, 1] (training accuracy, correct / graded)" in lines
    told = f"rollout ({schema.PHASES['rollout']})"
    assert f"# flops/rollout: FLOPs (cumulative RL FLOPs, {told}, exact; convention 6N)" in lines
    assert "# metrics/loss, so: as logged (the user's metric loss, so, mean over the step)" in lines
    assert text == "\n".join([*lines, (tmp_path / "plain.csv").read_text(encoding="utf-8")])
    frame = pd.read_csv(tmp_path / "x.csv", comment="#")
    assert list(frame["step"]) == [1, 2, 5]


def test_units_come_before_json_lines_where_they_are_asked_for(run, tmp_path):
    export(run, tmp_path / "x.jsonl", units=True)
    first, *rows = map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())
    assert first["units"]["wall_time"] == "seconds since 1970-01-01 UTC"
    assert list(first["units"]) == list(rows[0])
    assert first["flops_conventions"] == ["6N"]


def test_a_name_with_half_a_character_does_not_stop_an_export(tmp_path):
    columns = {"step": np.array([1.0]), "\ud800=": np.array([2.0])}
    for suffix in FORMATS:
        export(rlviz.History(columns), tmp_path / f"x.{suffix}", units=True)


def test_an_npz_says_the_units_of_its_columns(exported, run):
    with np.load(exported(".npz"), allow_pickle=False) as arrays:
        units = dict(zip(arrays["rlviz/columns"], arrays["rlviz/units"], strict=True))
        assert units["flops_remainder/total"] == "FLOPs"
        assert units["average_parallelism"] == "ratio"
        assert set(units) == {name for name in arrays if not name.startswith("rlviz/")}
        meanings = dict(zip(units, arrays["rlviz/meanings"], strict=True))
        assert meanings["flops/total"].endswith("total, nearest float64; convention 6N")


NAMES = (
    "\0",
    "a\0b",
    "a\0",
    "/",
    "..",
    "../a",
    "a/",
    "file",
    "a.npy",
    "\n",
    ".",
    "C:\\a",
    "é" * 256,
)


@pytest.mark.quick(12)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_metric_of_any_name_is_exported_and_read_back(tmp_path, suffix, name):
    import pandas as pd

    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, metrics={name: 0.5})
    export(rlviz.read(tmp_path / "run"), tmp_path / f"x.{suffix}")
    column = f"metrics/{name}"
    if suffix == "npz":
        column = column.replace("\0", "␀")
        with np.load(tmp_path / "x.npz") as arrays:
            assert column in arrays["rlviz/columns"].tolist()
            assert arrays[column].tolist() == [0.5]
        return
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}
    read["jsonl"] = lambda file: pd.DataFrame([json.loads(file.read_text())])
    if suffix == "csv":
        column = column.replace("\0", "␀")
    assert read[suffix](tmp_path / f"x.{suffix}")[column].tolist() == [0.5]


@pytest.mark.parametrize(
    "names",
    [
        ["metrics/a", "metrics/a.npy"],
        ["metrics/\0", "metrics/␀"],
        ["rlviz/columns"],
        ["step.npy"],
        ["é" * 40_000],
    ],
    ids=["hidden", "alike", "of the columns", "of a column", "too long"],
)
def test_names_that_an_npz_would_mix_up_are_refused_in_words(tmp_path, names):
    columns = dict.fromkeys(["step", *names], np.array([1.0]))
    with pytest.raises(ValueError, match=r"an NPZ can't hold the column .* Export as \.parquet"):
        export(rlviz.History(columns), tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_file_has_exact_counts_nulls_and_units(exported, run):
    from pyarrow import parquet

    table = parquet.read_table(exported(".parquet"))
    assert table["step"].to_pylist() == [1, 2, 5]
    assert table["accuracy"].to_pylist() == [1 / 3, None, None]
    assert table["metrics/loss, so"].to_pylist() == [None, 0.1, float("inf")]
    assert table["wall_time"].to_pylist() == run.wall_time.tolist()
    assert table["flops/total"].to_pylist() == list(map(decimal.Decimal, COUNTS))
    assert not any("remainder" in name for name in table.column_names)
    about = {field.name: field.metadata for field in table.schema}
    assert about["flops/total"][b"unit"] == b"FLOPs"
    assert about["flops/total"][b"meaning"].endswith(b"total, exact; convention 6N")
    assert about["wall_time"][b"meaning"] == b"when the step was closed"
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["step"] == kinds["session"] == "int64"
    assert kinds["flops/total"] == "decimal128(38, 0)"
    assert {kinds[name] for name in kinds if name.startswith("metrics/")} == {"double"}


def test_pandas_reads_the_parquet_as_it_was(parl, tmp_path):
    import pandas as pd

    export(parl, tmp_path / "x.parquet")
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert frame["accuracy"].to_numpy().tobytes() == parl.accuracy.tobytes()
    assert list(map(int, frame["flops/total"])) == parl.exact_flops()


def test_flops_that_are_unknown_or_no_counts_are_null_in_parquet(tmp_path):
    from pyarrow import parquet

    columns = {
        "step": np.array([1.0, 2.0, 3.0]),
        "session": np.array([0.0, np.nan, 1.0]),
        "flops/total": np.array([np.nan, 5.0, 1e40]),
    }
    export(rlviz.History(columns), tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table["flops/total"].to_pylist() == [None, 5, None]
    assert table["session"].to_pylist() == [0, None, 1]


@pytest.mark.parametrize("suffix", FORMATS)
def test_progress_goes_up_to_all_rows(parl, suffix):
    told = []
    write(parl, io.BytesIO(), suffix, progress=lambda *told_now: told.append(told_now))
    done, rows = zip(*told, strict=True)
    assert set(rows) == {300}
    assert list(done) == sorted(done)
    assert done[-1] == 300


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_text_takes_the_same_memory_however_long_the_run_is(parl, suffix):
    peaks = []
    for times in (20, 60):
        run = rlviz.History({name: np.tile(values, times) for name, values in parl.columns.items()})
        tracemalloc.start()
        write(run, Nowhere(), suffix)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 20e6


def test_a_run_without_a_step_has_a_header_and_no_rows(tmp_path):
    run = rlviz.History({"step": np.empty(0), "flops/total": np.empty(0)})
    for suffix in FORMATS:
        export(run, tmp_path / f"x.{suffix}")
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1
    assert (tmp_path / "x.jsonl").read_bytes() == b""


def test_no_name_turns_a_line_of_a_table_around(tmp_path):
    columns = {"step": np.array([1.0]), "metrics/re\u202edraw\x1b[2J": np.array([2.0])}
    rlviz.export(rlviz.History(columns), tmp_path / "table.csv", units=True)
    text = (tmp_path / "table.csv").read_text()
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert r"metrics/re\u202edraw\x1b[2J" in text
