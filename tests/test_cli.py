"""The command line: what it prints, what it writes, and one sentence for what it can't do."""

import csv
import json
import os
import pty
import subprocess
import sys

import pytest
from PIL import Image

import rlviz
from rlviz.cli import main

COMMANDS = ("demo", "plot", "summary", "export", "doctor")


@pytest.fixture
def run_cli(capsys):
    """Runs a command; -> (exit code, standard output, standard error)."""

    def run(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse's way
            code = ended.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


# --- help ------------------------------------------------------------------


def test_help_lists_all_commands_and_shows_examples(run_cli):
    code, out, err = run_cli("--help")
    assert (code, err) == (0, "")
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("    ")]
    assert set(COMMANDS) <= set(listed)
    for command in COMMANDS:
        assert f"\n  rlviz {command}" in out.partition("examples:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_shows_an_example(run_cli, command):
    code, out, err = run_cli(command, "--help")
    assert (code, err) == (0, "")
    assert f"\nexample:\n  rlviz {command} " in out


def test_the_version_is_that_of_the_package(run_cli):
    assert run_cli("--version") == (0, f"rlviz {rlviz.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["paint"], ["plot"], ["plot", "x", "--x", "tokens"]])
def test_a_call_that_makes_no_sense_shows_the_usage(run_cli, arguments):
    code, out, err = run_cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: rlviz")


# --- what it does ----------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "PNG"])
def test_plot_draws_the_figure_and_says_where(run_cli, parl_logdir, tmp_path, suffix):
    output = tmp_path / f"figure.{suffix}"
    assert run_cli("plot", parl_logdir, "-o", output) == (0, f"{output}\n", "")
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix.lower()]
    assert output.read_bytes().startswith(start)


def test_plot_and_export_write_into_the_run_by_default(run_cli, write_steps, tmp_path):
    write_steps([1, 2])
    run = tmp_path / "run"
    assert run_cli("plot", run) == (0, f"{run / 'figure.png'}\n", "")
    with Image.open(run / "figure.png") as picture:
        assert picture.size == (1500, 630)
    assert run_cli("export", run) == (0, f"{run / 'table.csv'}\n", "")
    assert len((run / "table.csv").read_text().splitlines()) == 3
    assert len(rlviz.read(run)) == 2  # what stands there now is no hindrance


@pytest.mark.parametrize("x", ["step", "wall_time"])
def test_plot_takes_another_axis(run_cli, parl_logdir, tmp_path, x):
    usual, other = tmp_path / "usual.png", tmp_path / "other.png"
    assert run_cli("plot", parl_logdir, "-o", usual)[0] == 0
    assert run_cli("plot", parl_logdir, "--x", x, "-o", other)[0] == 0
    assert usual.read_bytes() != other.read_bytes()


def test_summary_prints_markdown_as_it_is_where_no_terminal_is(run_cli, parl_logdir, parl):
    expected = rlviz.summarise(parl).markdown()
    assert run_cli("summary", parl_logdir) == (0, expected, "")


def test_summary_prints_json(run_cli, parl_logdir, parl):
    code, out, err = run_cli("summary", parl_logdir, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out, parse_constant=pytest.fail) == rlviz.summarise(parl).to_dict()


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_summary_writes_the_same_to_a_file(run_cli, parl_logdir, tmp_path, form):
    output = tmp_path / "summary"
    _, printed, _ = run_cli("summary", parl_logdir, "--format", form)
    assert run_cli("summary", parl_logdir, "--format", form, "-o", output) == (0, f"{output}\n", "")
    assert output.read_text(encoding="utf-8") == printed


def test_export_writes_the_table_by_its_suffix(run_cli, parl_logdir, parl, tmp_path):
    for suffix in ("csv", "jsonl", "npz"):
        output = tmp_path / f"table.{suffix}"
        assert run_cli("export", parl_logdir, "-o", output) == (0, f"{output}\n", "")
    with (tmp_path / "table.csv").open(newline="", encoding="utf-8") as stream:
        assert [int(row["flops/total"]) for row in csv.DictReader(stream)] == parl.exact_flops()


def test_doctor_says_that_a_sound_run_is(run_cli, parl_logdir):
    code, out, err = run_cli("doctor", parl_logdir)
    assert (code, err) == (0, "")
    assert out.startswith(f"{parl_logdir}: sound — 300 steps in 1 session, nothing lost.\n")
    assert len(out.splitlines()) == 5


def test_doctor_tells_by_its_exit_code_that_something_is_lost(run_cli, write_steps, tmp_path):
    state = write_steps([1, 2, 3])
    write_steps([6], state={**state, "step": 5})
    code, out, err = run_cli("doctor", tmp_path / "run")
    assert (code, err) == (1, "")
    assert "PROBLEM  Steps 4 to 5 have no rows" in out
    code, out, err = run_cli("doctor", tmp_path / "run", "--format", "json")
    assert (code, err) == (1, "")
    data = json.loads(out, parse_constant=pytest.fail)
    assert (data["state"], data["findings"][0]["kind"]) == ("losses", "missing")
    assert data["facts"]["missing"] == [[4, 5]]


def test_doctor_prints_json_of_a_sound_run(run_cli, parl_logdir):
    code, out, err = run_cli("doctor", parl_logdir, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out, parse_constant=pytest.fail)["facts"]["steps"] == 300


# --- what it can't do ------------------------------------------------------


def assert_one_sentence(result, *words):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("rlviz: ")
    assert len(err.splitlines()) == 1
    assert "Errno" not in err
    assert "Traceback" not in err
    for word in words:
        assert str(word) in err


@pytest.mark.parametrize("command", ["plot", "summary", "export", "doctor"])
def test_a_missing_run_is_one_sentence(run_cli, tmp_path, command):
    missing = tmp_path / "missing"
    assert_one_sentence(run_cli(command, missing), f"there is no run directory {missing}.")


@pytest.mark.parametrize("command", ["plot", "summary", "export", "doctor"])
def test_an_empty_directory_is_one_sentence(run_cli, tmp_path, command):
    assert_one_sentence(run_cli(command, tmp_path), "holds no steps recorded by rlviz (yet).")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_above_a_run_names_it(run_cli, write_steps, tmp_path):
    write_steps([1])
    assert_one_sentence(run_cli("plot", tmp_path), f"Runs below it: {tmp_path / 'run'}.")


@pytest.mark.parametrize(
    ("command", "words"),
    [("plot", "End it with .png, .svg or .pdf."), ("export", "End it with .csv, .jsonl, .npz.")],
)
@pytest.mark.parametrize("name", ["out.docx", "out"])
def test_a_wrong_suffix_is_one_sentence(run_cli, parl_logdir, tmp_path, command, words, name):
    output = tmp_path / name
    assert_one_sentence(run_cli(command, parl_logdir, "-o", output), f"'{name}'", words)
    assert not output.exists()


@pytest.mark.parametrize(
    ("command", "name"), [("plot", "f.png"), ("summary", "s.md"), ("export", "t.csv")]
)
def test_an_output_that_can_not_be_written_is_one_sentence(
    run_cli, parl_logdir, tmp_path, command, name
):
    nowhere = tmp_path / "missing" / name
    assert_one_sentence(run_cli(command, parl_logdir, "-o", nowhere), "No such file", nowhere)
    folder = tmp_path / name
    folder.mkdir()
    assert_one_sentence(run_cli(command, parl_logdir, "-o", folder), "Is a directory", folder)


# --- as a process ----------------------------------------------------------


def test_the_module_is_the_command_line(run_python, parl_logdir, parl):
    ended = run_python("-W", "error", "-m", "rlviz", "summary", str(parl_logdir))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == rlviz.summarise(parl).markdown()


def test_a_failure_of_the_process_is_exit_code_2_without_a_traceback(run_python, tmp_path):
    ended = run_python("-m", "rlviz", "plot", str(tmp_path / "missing"))
    assert_one_sentence((ended.returncode, ended.stdout, ended.stderr), "there is no run directory")


def test_help_loads_neither_torch_nor_matplotlib_nor_tensorboard(run_python):
    loaded = "print([m for m in ('torch', 'matplotlib', 'tensorboard') if m in sys.modules])"
    ended = run_python(
        "-c", f"import atexit, sys; atexit.register(lambda: {loaded})\n"
        "from rlviz.cli import main; main(['--help'])"
    )  # fmt: skip
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "[]"


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
        assert process.wait(timeout=60) == 0
        shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Run parl-shape" in shown
    assert "Training accuracy" in shown
    assert "|---|" not in shown
    assert "\x1b[" in shown  # bold, colors
