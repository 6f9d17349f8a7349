"""`rlviz export`: the table, also through a pipe and while the run is written."""

import csv
import json
import subprocess
import sys

import pytest


def test_export_writes_the_table_by_its_suffix(run_cli, parl_logdir, parl, tmp_path):
    for suffix in ("csv", "jsonl", "npz"):
        output = tmp_path / f"table.{suffix}"
        assert run_cli("export", parl_logdir, "-o", output) == (0, f"{output}\n", "")
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as stream:
        assert [int(row["flops/total"]) for row in csv.DictReader(stream)] == parl.exact_flops()


@pytest.mark.parametrize("options", [["-o", "t.parquet"], ["-o", "-", "--format", "parquet"]])
def test_a_missing_package_is_said_before_any_run_is_read(
    assert_one_sentence, run_cli, tmp_path, monkeypatch, options
):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.chdir(tmp_path)
    words = "a Parquet file needs pyarrow: pip install rlviz[parquet]."
    assert_one_sentence(run_cli("export", tmp_path / "no-run", *options), words)


def test_a_table_goes_through_a_pipe_whose_reader_leaves(parl_logdir):
    shell = f'"{sys.executable}" -m rlviz export "{parl_logdir}" -o - | head -2'
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, check=True)
    header, row = done.stdout.splitlines()
    assert header.startswith("step,")
    assert row.startswith("1,")
    assert done.stderr == ""


@pytest.mark.slow
def test_export_follows_a_run_until_nothing_comes(parl_logdir):
    command = [sys.executable, "-m", "rlviz", "export", str(parl_logdir), "--follow"]
    done = subprocess.run(
        [*command, "--until-idle", "0.3"], capture_output=True, text=True, check=True
    )
    assert [json.loads(line)["step"] for line in done.stdout.splitlines()] == list(range(1, 301))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--follow", "--format", "csv"], "--follow prints JSON Lines, no csv. Leave out --format"),
        (["--follow", "--units"], "--follow prints steps and no units."),
        (["--follow", "-o", "t.jsonl"], "--follow prints to the standard output."),
        (["--until-idle", "1"], "--until-idle says when --follow ends."),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(
    assert_one_sentence, run_cli, parl_logdir, options, words
):
    assert_one_sentence(run_cli("export", parl_logdir, *options), words)
