"""What commands have in common: runs and their names, outputs, one sentence for what can't be."""

import os
import pty
import subprocess
import sys

import pytest

from rlviz.cli.arguments import named_runs

READERS = ["plot", "summary", "compare", "export", "doctor"]


OUTPUTS = [
    ("plot", "-o", "f.png"),
    ("summary", "-o", "s.md"),
    ("export", "-o", "t.csv"),
    ("compare", "-o", "c.md"),
    ("compare", "--figure", "c.png"),
]


@pytest.mark.parametrize("command", READERS)
def test_a_missing_run_is_one_sentence(assert_one_sentence, run_cli, tmp_path, command):
    missing = tmp_path / "missing"
    assert_one_sentence(run_cli(command, missing), f"there is no run directory {missing}.")


@pytest.mark.parametrize("command", READERS)
def test_an_empty_directory_is_one_sentence(assert_one_sentence, run_cli, tmp_path, command):
    assert_one_sentence(run_cli(command, tmp_path), "holds no steps recorded by rlviz (yet).")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_above_a_run_names_it(assert_one_sentence, run_cli, write_steps, tmp_path):
    write_steps([1])
    assert_one_sentence(run_cli("plot", tmp_path), f"Runs below it: {tmp_path / 'run'}.")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("plot", "End it with .png, .svg or .pdf."),
        ("export", "End it with .csv, .jsonl, .npz, .parquet."),
    ],
)
@pytest.mark.parametrize("name", ["out.docx", "out"])
def test_a_wrong_suffix_is_one_sentence(
    assert_one_sentence, run_cli, parl_logdir, tmp_path, command, words, name
):
    output = tmp_path / name
    assert_one_sentence(run_cli(command, parl_logdir, "-o", output), f"'{name}'", words)
    assert not output.exists()


@pytest.mark.parametrize(("command", "option", "name"), OUTPUTS)
def test_an_output_that_can_not_be_written_is_one_sentence(
    assert_one_sentence, run_cli, parl_logdir, tmp_path, command, option, name
):
    nowhere = tmp_path / "missing" / name
    words = f"there is no directory {nowhere.parent}. Create it first."
    assert_one_sentence(run_cli(command, parl_logdir, option, nowhere), words)
    folder = tmp_path / name
    folder.mkdir()
    words = f"{folder} is a directory. Give the name of a file."
    assert_one_sentence(run_cli(command, parl_logdir, option, folder), words)


@pytest.mark.parametrize(
    ("command", "option", "name"),
    [*OUTPUTS, ("plot", "-o", "f.docx"), ("export", "-o", "t.docx"), ("compare", "--figure", "c")],
)
def test_an_output_is_looked_at_before_any_run_is_read(
    assert_one_sentence, run_cli, tmp_path, command, option, name
):
    output = tmp_path / name if "." not in name or "docx" in name else tmp_path / "none" / name
    code, out, err = run_cli(command, tmp_path / "no-run", option, output)
    assert_one_sentence((code, out, err))
    assert output.name in err or "there is no directory" in err
    assert "no-run" not in err


@pytest.mark.parametrize("command", READERS)
def test_a_file_that_is_given_as_a_run_is_told_from_one(
    assert_one_sentence, run_cli, write_steps, tmp_path, command
):
    write_steps([1])
    run = tmp_path / "run"
    (events,) = run.glob("*tfevents*")
    words = f"{events} is a file of a run, which is a directory. Give the directory", f" {run}."
    assert_one_sentence(run_cli(command, events), *words)
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n1,2\n")
    assert_one_sentence(run_cli(command, log), f"{log} is a file", "`rlviz import log.csv`")


@pytest.mark.slow
def test_groups_of_seeds_have_names(run_cli, two_runs, tmp_path):
    def seeds(name):
        return f"{name}=" + ",".join(str(two_runs / f"{name}{n}") for n in range(3))

    output = tmp_path / "compared.md"
    code, out, err = run_cli("compare", seeds("slow"), seeds("fast"), "-o", output)
    assert (code, out, err) == (0, f"{output}\n", "")
    assert "slow" in output.read_text()
    code, out, err = run_cli("plot", seeds("slow"), seeds("fast"), "-o", tmp_path / "groups.svg")
    assert (code, err) == (0, "")
    assert "<svg" in (tmp_path / "groups.svg").read_text()


@pytest.mark.parametrize("text", ["a=", "=run", "a=,"])
def test_a_name_without_a_run_or_a_run_without_a_name_is_one_sentence(
    assert_one_sentence, run_cli, text
):
    assert_one_sentence(run_cli("plot", text), f"{text!r} names no run", "NAME=RUN")


def test_two_runs_of_one_name_are_asked_for_names(assert_one_sentence, run_cli, two_runs):
    run = two_runs / "slow0"
    assert_one_sentence(run_cli("compare", run, run), "two runs are called 'slow0'", "NAME=")


@pytest.mark.slow
def test_a_terminal_gets_the_summary_rendered(parl_logdir):
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "rlviz", "summary", str(parl_logdir)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"},
        )
        assert process.wait(timeout=300) == 0
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Run parl-shape" in shown
    assert "Training accuracy" in shown
    assert "|---|" not in shown
    assert "\x1b[" in shown  # bold, colors


def test_a_directory_may_have_an_equals_sign_or_a_comma_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lr=1", "a,b"):
        (tmp_path / name).mkdir()
    assert named_runs(["lr=1", "mine=a,b", "c,d"]) == {
        "lr=1": ["lr=1"],
        "mine": ["a,b"],
        "c,d": ["c", "d"],
    }


@pytest.mark.parametrize(
    ("command", "more"),
    [
        *((command, ()) for command in [*READERS, "watch"]),
        ("import", ("-o", "run")),
    ],
)
@pytest.mark.parametrize("url", ["s3://bucket/run", "gs://bucket/run=1", "dbfs:/run"])
def test_the_url_of_a_run_is_one_sentence_and_leaves_nothing(
    assert_one_sentence, run_cli, tmp_path, monkeypatch, command, more, url
):
    monkeypatch.chdir(tmp_path)
    assert_one_sentence(run_cli(command, url, *more), f"{url!r} is a URL, and rlviz reads")
    assert os.listdir() == []


@pytest.mark.parametrize("given", ["a=s3://bucket/a", "a=runs/a,s3://bucket/b"])
def test_a_url_among_names_and_seeds_is_refused(given):
    with pytest.raises(ValueError, match=r"the run 's3://bucket/.' is a URL"):
        named_runs([given])


def test_a_new_run_has_no_url(assert_one_sentence, run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log.csv"
    log.write_text("step,accuracy\n1,0.5\n")
    for command in (["import", log, "-o"], ["demo", "--steps", 1, "--logdir"]):
        assert_one_sentence(run_cli(*command, "s3://bucket/run"), "is a URL, and rlviz reads")
    assert os.listdir() == ["log.csv"]


@pytest.mark.quick(1)
@pytest.mark.parametrize(("command", "option", "name"), OUTPUTS)
def test_an_output_has_no_url_but_that_of_a_file(
    assert_one_sentence, run_cli, parl_logdir, tmp_path, command, option, name
):
    url = f"s3://bucket/{name}"
    assert_one_sentence(run_cli(command, parl_logdir, option, url), f"{url!r} is a URL, and")
    file = tmp_path / f"one {name}"
    runs = [parl_logdir, f"again={parl_logdir}"] if command == "compare" else [parl_logdir]
    code, _, err = run_cli(command, *runs, option, file.as_uri())
    assert (code, file.exists()) == (0, True), err
