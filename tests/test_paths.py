"""Paths that users give: a URL is refused in words wherever one can be given."""

import io
import os
from pathlib import Path

import pytest

import rlviz
from rlviz import paths
from rlviz.report.doctor.examination import examine
from rlviz.report.export import export
from rlviz.report.export.follow import follow

STORES = [
    "s3://bucket/run",
    "S3://bucket/run",
    " s3://bucket/run",
    "gs://bucket/runs/a?x=1",
    "hf://datasets/me/run",
    "abfss://c@account.dfs.core.windows.net/run",
    "hdfs://namenode:8020/run",
    "dbfs:/run",
    "memory://run",
    "https://example.com/run",
    "simplecache::s3://bucket/run",
    "simplecache::file:///run",
    Path("s3://bucket/run"),
]


class Fetched:
    """As `cloudpathlib`: its path is that of a copy, which nobody brings back."""

    def __fspath__(self):
        raise AssertionError("the copy was fetched")

    def __str__(self):
        return "gs://bucket/run"


@pytest.mark.parametrize(
    "given",
    ["runs/a", "./s3:/bucket", "/s3:/a", "C:\\runs\\a", "C:/runs/a", "lr:1/a", "12:30/a", "-", ""],
)
def test_what_is_no_url_is_the_path_that_it_was(given):
    assert paths.local(given, "logdir") == given
    path = Path(given).absolute()
    assert paths.local(path, "logdir") == str(path)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("file:///runs/a", "/runs/a"),
        ("FILE:///runs/a", "/runs/a"),
        ("file://localhost/runs/a", "/runs/a"),
        ("file:/runs/a", "/runs/a"),
        ("file:///runs/a%20b%25", "/runs/a b%"),
        ("file:///runs/a?b#c", "/runs/a?b#c"),
        (Path("file:///runs/a"), "/runs/a"),
    ],
)
def test_a_file_url_is_its_path(given, path):
    assert paths.local(given, "logdir") == path


def test_a_file_of_another_machine_is_refused_in_words():
    with pytest.raises(
        ValueError, match=r"logdir 'file://runs/a' names the machine 'runs'\. Write"
    ):
        paths.local("file://runs/a", "logdir")


@pytest.mark.parametrize("given", [*STORES, Fetched()])
def test_a_url_of_another_place_is_refused_in_words(given):
    with pytest.raises(ValueError, match=r"logdir .* is a URL, .* Give a path here"):
        paths.local(given, "logdir")


def test_the_words_name_the_tool_of_the_store():
    with pytest.raises(ValueError, match="with `aws s3 sync`"):
        paths.local("s3://bucket/run", "logdir")
    with pytest.raises(ValueError, match="with `gcloud storage rsync -r`"):
        paths.local("gs://bucket/run", "logdir")
    with pytest.raises(ValueError, match="with the tool of that store"):
        paths.local("hf://datasets/me/run", "logdir")


@pytest.mark.parametrize("url", STORES)
def test_no_public_call_takes_a_url_or_makes_a_directory_of_it(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text("step,accuracy\n1,0.5\n")
    calls = [
        lambda: rlviz.Callback(url, figure_seconds=None),
        lambda: rlviz.read(url),
        lambda: examine(url),
        lambda: follow(url, io.BytesIO(), until_idle=0),
        lambda: rlviz.import_run("log.csv", url),
        lambda: rlviz.import_run(url, "run"),
        lambda: export(rlviz.History({}), url, format="csv"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="is a URL"):
            call()
    assert os.listdir() == ["log.csv"]


def test_a_run_is_written_imported_and_read_by_its_file_url(tmp_path):
    url = (tmp_path / "a run").as_uri()
    with rlviz.Callback(url, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0])
    assert rlviz.read(url).logdir == str(tmp_path / "a run")
    assert examine(url).state == "sound"
    log = tmp_path / "log.csv"
    log.write_text("step,accuracy\n1,0.5\n")
    rlviz.import_run(log.as_uri(), (tmp_path / "b").as_uri())
    assert rlviz.read(tmp_path / "b").accuracy.tolist() == [0.5]
    export(rlviz.read(url), (tmp_path / "t.csv").as_uri())
    assert (tmp_path / "t.csv").exists()
