"""The files and streams of an export: as a whole or not at all."""

import io
import os
import stat
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz.report.export.table_file import FORMATS, export, write


def content(data, suffix):
    """What a file holds, without what a stream that can't be sought has to do otherwise."""
    if suffix != "npz":
        return data
    with np.load(io.BytesIO(data)) as arrays:
        return {name: array.tobytes() for name, array in arrays.items()}


class Trouble(BaseException):
    """Also what isn't an Exception, as a KeyboardInterrupt."""


def test_the_suffix_may_be_in_capitals(run, tmp_path):
    export(run, tmp_path / "T.CSV")
    assert (tmp_path / "T.CSV").read_text(encoding="utf-8").startswith("step,session,accuracy")


@pytest.mark.parametrize("name", ["table.xlsx", "table", ".csv.gz"])
def test_another_suffix_is_refused_in_words_and_nothing_is_written(run, tmp_path, name):
    expected = rf"don't know how to write '{name}'\. End it with \.csv, \.jsonl, \.npz, \.parquet\."
    with pytest.raises(ValueError, match=expected):
        export(run, tmp_path / name)
    assert list(Path(tmp_path).iterdir()) == []


def test_without_pyarrow_a_parquet_export_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install rlviz\[parquet\]"):
        export(run, tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_pipe_gets_what_a_file_gets(parl, tmp_path, suffix):
    export(parl, tmp_path / f"x.{suffix}")
    out, into = os.pipe()
    got = []

    def read():
        with open(out, "rb") as stream:
            got.append(stream.read())

    reader = threading.Thread(target=read)
    reader.start()
    with open(into, "wb") as stream:
        write(parl, stream, suffix)
    reader.join()
    assert content(got[0], suffix) == content((tmp_path / f"x.{suffix}").read_bytes(), suffix)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_run_makes_the_same_bytes(parl, tmp_path, suffix):
    for name in ("a", "b"):
        export(parl, tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_export_that_fails_leaves_what_was_there(parl, tmp_path, suffix):
    def fail(done, rows):
        assert any(file.stat().st_size for file in tmp_path.iterdir() if file != path)
        raise Trouble

    big = rlviz.History({name: np.tile(values, 50) for name, values in parl.columns.items()})
    path = tmp_path / f"x.{suffix}"
    for before in (None, b"precious"):
        if before is not None:
            path.write_bytes(before)
        with pytest.raises(Trouble):
            export(big, path, progress=fail)
        assert [file.read_bytes() for file in tmp_path.iterdir()] == [before] * (before is not None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk_is_an_error_of_the_system(parl, suffix):
    def fill():
        with open("/dev/full", "wb") as stream:  # never by its path: a bug might replace it
            write(parl, stream, suffix)

    with pytest.raises(OSError, match="No space left on device"):
        fill()


def test_a_named_pipe_is_written_to_and_not_replaced(run, tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    out = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        export(run, pipe)
        assert os.read(out, 5) == b"step,"
    finally:
        os.close(out)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_one_and_its_file_is_replaced(run, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "x.csv").symlink_to("there/table.csv")
    export(run, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").is_symlink()
    assert (tmp_path / "there" / "table.csv").read_text().startswith("step,")


def test_a_file_has_the_rights_that_it_had_or_that_any_new_file_has(run, tmp_path):
    (tmp_path / "other").touch()
    export(run, tmp_path / "new.csv")
    assert (tmp_path / "new.csv").stat().st_mode == (tmp_path / "other").stat().st_mode
    (tmp_path / "new.csv").chmod(0o640)
    export(run, tmp_path / "new.csv")
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("a.csv", IsADirectoryError, r"a\.csv is a directory\. Give the name of a file"),
        ("b/x.csv", FileNotFoundError, r"there is no directory .*b\. Create it first"),
    ],
)
def test_a_place_where_no_file_can_be_is_said_in_words(run, tmp_path, path, error, message):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(error, match=message):
        export(run, tmp_path / path)


def test_a_format_may_be_named_whatever_the_suffix_is(run, tmp_path):
    export(run, tmp_path / "x.txt", format="jsonl")
    assert (tmp_path / "x.txt").read_text().startswith("{")
    with pytest.raises(ValueError, match=r"there is no format 'xlsx'\. Take one of csv, jsonl"):
        export(run, tmp_path / "x.csv", format="xlsx")
    with pytest.raises(ValueError, match="there is no format 'tsv'"):
        write(run, io.BytesIO(), "tsv")
