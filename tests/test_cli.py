"""The command line: what it prints, what it writes, and one sentence for what it can't do."""

import csv
import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import rlviz
from rlviz.cli import main

COMMANDS = ("demo", "plot", "summary", "compare", "export", "import", "doctor", "completion")


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
    examples = out.partition("\nexamples:\n")[2]
    assert f"rlviz {command} " in examples


def test_the_version_is_that_of_the_package(run_cli):
    assert run_cli("--version") == (0, f"rlviz {rlviz.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["paint"], ["plot"], ["plot", "x", "--x", "epochs"]])
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


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("s.md", [], "# Run"),
        ("s.json", [], "{"),
        ("s.HTML", [], "<!doctype html>"),
        ("s.txt", [], "# Run"),
        ("s.html", ["--format", "markdown"], "# Run"),
        ("s.md", ["--format", "json"], "{"),
    ],
)
def test_summary_goes_by_the_suffix_unless_a_format_is_given(
    run_cli, write_steps, tmp_path, name, options, start
):
    write_steps([1, 2])
    output = tmp_path / name
    code, out, err = run_cli("summary", tmp_path / "run", "-o", output, *options)
    assert (code, out, err) == (0, f"{output}\n", "")
    assert output.read_text(encoding="utf-8").startswith(start)


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


READERS = ["plot", "summary", "compare", "export", "doctor"]


@pytest.mark.parametrize("command", READERS)
def test_a_missing_run_is_one_sentence(run_cli, tmp_path, command):
    missing = tmp_path / "missing"
    assert_one_sentence(run_cli(command, missing), f"there is no run directory {missing}.")


@pytest.mark.parametrize("command", READERS)
def test_an_empty_directory_is_one_sentence(run_cli, tmp_path, command):
    assert_one_sentence(run_cli(command, tmp_path), "holds no steps recorded by rlviz (yet).")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_above_a_run_names_it(run_cli, write_steps, tmp_path):
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
def test_a_wrong_suffix_is_one_sentence(run_cli, parl_logdir, tmp_path, command, words, name):
    output = tmp_path / name
    assert_one_sentence(run_cli(command, parl_logdir, "-o", output), f"'{name}'", words)
    assert not output.exists()


OUTPUTS = [
    ("plot", "-o", "f.png"),
    ("summary", "-o", "s.md"),
    ("export", "-o", "t.csv"),
    ("compare", "-o", "c.md"),
    ("compare", "--figure", "c.png"),
]


@pytest.mark.parametrize(("command", "option", "name"), OUTPUTS)
def test_an_output_that_can_not_be_written_is_one_sentence(
    run_cli, parl_logdir, tmp_path, command, option, name
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
def test_an_output_is_looked_at_before_any_run_is_read(run_cli, tmp_path, command, option, name):
    output = tmp_path / name if "." not in name or "docx" in name else tmp_path / "none" / name
    code, out, err = run_cli(command, tmp_path / "no-run", option, output)
    assert_one_sentence((code, out, err))
    assert output.name in err or "there is no directory" in err
    assert "no-run" not in err


@pytest.mark.parametrize("options", [["-o", "t.parquet"], ["-o", "-", "--format", "parquet"]])
def test_a_missing_package_is_said_before_any_run_is_read(run_cli, tmp_path, monkeypatch, options):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.chdir(tmp_path)
    words = "a Parquet file needs pyarrow: pip install rlviz[parquet]."
    assert_one_sentence(run_cli("export", tmp_path / "no-run", *options), words)


@pytest.mark.parametrize("command", READERS)
def test_a_file_that_is_given_as_a_run_is_told_from_one(run_cli, write_steps, tmp_path, command):
    write_steps([1])
    run = tmp_path / "run"
    (events,) = run.glob("*tfevents*")
    words = f"{events} is a file of a run, which is a directory. Give the directory", f" {run}."
    assert_one_sentence(run_cli(command, events), *words)
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n1,2\n")
    assert_one_sentence(run_cli(command, log), f"{log} is a file", "`rlviz import log.csv`")


# --- several runs ----------------------------------------------------------


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """One needs half the compute of the other; three seeds of each."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    for name, cost in (("slow", 2), ("fast", 1)):
        for seed in range(3):
            with rlviz.Callback(folder / f"{name}{seed}", figure_seconds=None) as viz:
                for step in range(1, 61):
                    accuracy = 0.2 + 0.6 * step / 60 + 0.02 * rng.standard_normal()
                    viz.on_step_end(
                        step, accuracy=accuracy, graded=64, flops=cost * 10**20, parallelism=2.0
                    )
    return folder


def test_compare_says_which_run_needs_less_compute(run_cli, two_runs, tmp_path):
    slow, fast = two_runs / "slow0", two_runs / "fast0"
    drawn = tmp_path / "ab.png"
    code, out, err = run_cli("compare", slow, fast, "--figure", drawn)
    assert (code, err) == (0, "")
    assert "fast0" in out
    with Image.open(drawn) as image:
        assert image.size[0] > 500
    code, out, err = run_cli("compare", slow, fast, "--format", "json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    multiplier = found["multipliers"]["fast0"]
    assert multiplier["low"] < 2 < multiplier["high"]
    assert multiplier["high"] < 1.5 * multiplier["low"]


def test_compare_takes_less_for_better_where_it_is_told_so(run_cli, two_runs):
    arguments = ("compare", two_runs / "slow0", two_runs / "fast0", "--format", "json")
    _, out, _ = run_cli(*arguments)
    assert json.loads(out)["leader"]["name"] == "fast0"
    _, out, _ = run_cli(*arguments, "--lower-is-better")
    assert json.loads(out)["leader"]["name"] == "slow0"


def test_compare_goes_by_the_suffix_too(run_cli, two_runs, tmp_path):
    runs = two_runs / "slow0", two_runs / "fast0"
    output = tmp_path / "c.json"
    assert run_cli("compare", *runs, "-o", output)[0] == 0
    assert json.loads(output.read_text())["reference"] == "slow0"
    words = "'c.html' can't be written: there is no html of it. Take one of markdown, json."
    assert_one_sentence(run_cli("compare", *runs, "-o", tmp_path / "c.html"), words)


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
def test_a_name_without_a_run_or_a_run_without_a_name_is_one_sentence(run_cli, text):
    assert_one_sentence(run_cli("plot", text), f"{text!r} names no run", "NAME=RUN")


def test_two_runs_of_one_name_are_asked_for_names(run_cli, two_runs):
    run = two_runs / "slow0"
    assert_one_sentence(run_cli("compare", run, run), "two runs are called 'slow0'", "NAME=")


def test_plot_takes_metrics_styles_and_a_forecast(run_cli, two_runs, tmp_path):
    output = tmp_path / "paper.pdf"
    arguments = ("--metrics", "accuracy", "--style", "paper", "--log-x", "--forecast")
    code, _, err = run_cli("plot", two_runs / "slow0", "-o", output, *arguments)
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("rlviz: no forecast of slow0: ")
    assert output.read_bytes().startswith(b"%PDF")
    seeds = f"a={two_runs / 'slow0'},{two_runs / 'slow1'}"
    _, _, err = run_cli("plot", seeds, "-o", output, "--forecast")
    assert err == "rlviz: no forecast of a: it is a group of seeds.\n"
    assert_one_sentence(run_cli("plot", two_runs / "slow0", "--metrics", "rouge"), "rouge")


def test_plot_draws_a_forecast_where_the_data_show_a_ceiling(run_cli, tmp_path):
    rng = np.random.default_rng(0)
    with rlviz.Callback(tmp_path / "saturating", figure_seconds=None) as viz:
        for step in range(1, 301):
            accuracy = 0.3 + 0.4 / (1 + (60 / step) ** 2) + 0.01 * rng.standard_normal()
            viz.on_step_end(step, accuracy=accuracy, graded=512, flops=10**20)
    drawn = {}
    for option in ([], ["--forecast"]):
        output = tmp_path / "figure.svg"
        metrics = ("--metrics", "accuracy")
        code, _, err = run_cli("plot", tmp_path / "saturating", *metrics, "-o", output, *option)
        assert (code, err) == (0, "")
        drawn[bool(option)] = output.read_text()
    assert "stroke-dasharray" in drawn[True]
    assert "stroke-dasharray" not in drawn[False]


# --- reports, streams, imports ---------------------------------------------


def test_the_report_is_a_page_with_the_figure(run_cli, parl_logdir, tmp_path):
    page = tmp_path / "report.html"
    code, out, err = run_cli("summary", parl_logdir, "--format", "html", "-o", page)
    assert (code, out, err) == (0, f"{page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert text.index("<svg") < text.index("<h1>Run parl-shape</h1>")
    assert "<table>" in text
    assert "http://" not in text.split("<h1>")[1]


def test_a_table_goes_through_a_pipe_whose_reader_leaves(parl_logdir):
    shell = f'"{sys.executable}" -m rlviz export "{parl_logdir}" -o - | head -2'
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, check=True)
    header, row = done.stdout.splitlines()
    assert header.startswith("step,")
    assert row.startswith("1,")
    assert done.stderr == ""


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
def test_an_option_that_would_be_ignored_is_refused(run_cli, parl_logdir, options, words):
    assert_one_sentence(run_cli("export", parl_logdir, *options), words)


def test_import_makes_a_run_and_says_of_what(run_cli, tmp_path):
    log = tmp_path / "train.log"
    line = "step:{} - critic/score/mean:0.{} - perf/total_num_tokens:1000 - actor/lr:1e-06\n"
    log.write_text("".join(line.format(n, 10 + n) for n in range(1, 31)))
    code, out, err = run_cli("import", log, "--params", "1e9", "-o", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "30 steps" in out
    run = rlviz.read(tmp_path / "run")
    assert run.accuracy[-1] == pytest.approx(0.40)
    assert run.exact_flops()[-1] == 30 * 1000 * 8 * 10**9
    assert_one_sentence(run_cli("import", log, "-o", tmp_path / "run"), "already holds a run")
    assert_one_sentence(run_cli("import", tmp_path / "no.log", "-o", tmp_path / "b"), "no.log")


@pytest.mark.parametrize(
    ("log", "options", "words"),
    [
        ("step,accuracy\n1,40\n2,70\n", [], "give --accuracy accuracy with --full-score 70."),
        ("step,a b\n1,4\n2,7\n", ["--accuracy", "a b"], "say how much with --full-score."),
        ("step,eval/accuracy\n1,0.4\n2,0.7\n", [], "give --accuracy eval/accuracy."),
        ("step,accuracy,tokens\n1,0.4,3\n2,0.7,9\n", [], "(--params)"),
        ("step,accuracy\n1,0.4\n2,0.7\n", ["--params", "1e9"], "column with --tokens."),
        (
            "step,accuracy,response_length/mean\n1,0.4,3\n2,0.7,9\n",
            [],
            "give --tokens response_length/mean with --sequences and --params.",
        ),
        (
            "step,accuracy,tokens\n1,0.4,3\n2,0.7,9\n",
            ["--params", "7"],
            "--params 7.6e+09 for 7.6 billion",
        ),
        ("step,accuracy\n1,0.4\n", ["--sequences", "3"], "--sequences needs --tokens"),
        ("step,accuracy\n1,0.4\n", ["--full-score", "0"], "--full-score must be a finite"),
        ("step,accuracy\n1,0.4\n", ["--kind", "verl"], "give --kind csv, or none."),
        ("prose\n", [], "say so: --kind."),
        (
            "step,accuracy,total_flops\n1,0.4,3\n",
            ["--x", "total_flops", "--flops", "step"],
            "--x total_flops stands for flops, but --flops step was given",
        ),
    ],
)
def test_import_speaks_of_the_options_of_the_command_line(run_cli, tmp_path, log, options, words):
    (tmp_path / "log.txt").write_text(log)
    _, out, err = run_cli("import", tmp_path / "log.txt", "-o", tmp_path / "run", *options)
    assert words in out + err
    assert "full_score" not in out + err
    assert "kind=" not in out + err


def test_plot_draws_the_return_of_a_log_that_has_no_accuracy(run_cli, tmp_path):
    log, run = tmp_path / "log.csv", tmp_path / "run"
    log.write_text("step,episode_return\n" + "".join(f"{n},{10 * n}\n" for n in range(1, 31)))
    assert run_cli("import", log, "-o", run)[0] == 0
    assert run_cli("plot", run, "-o", tmp_path / "usual.png")[0] == 0
    assert run_cli("plot", run, "--metrics", "return", "-o", tmp_path / "asked.png")[0] == 0
    assert (tmp_path / "usual.png").read_bytes() == (tmp_path / "asked.png").read_bytes()


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_that_knows_the_commands(run_cli, shell):
    code, out, err = run_cli("completion", shell)
    assert (code, err) == (0, "")
    assert "doctor" in out
    assert "--until-idle" in out


def test_bash_takes_the_completion(run_cli, tmp_path):
    script = tmp_path / "rlviz.bash"
    script.write_text(run_cli("completion", "bash")[1])
    typed = f'source "{script}"; COMP_WORDS=(rlviz su); COMP_CWORD=1; _shtab_rlviz; echo $COMPREPLY'
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "summary"


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


def test_a_misspelt_option_is_answered_by_its_command_with_the_right_one(run_cli, two_runs):
    code, _, err = run_cli("plot", two_runs / "slow0", "--forcast")
    assert code == 2
    assert err.startswith("usage: rlviz plot ")
    assert err.endswith("unrecognized arguments: --forcast. Did you mean --forecast?\n")
    code, _, err = run_cli("doctor", two_runs / "slow0", "--zzz")
    assert (code, err.splitlines()[-1]) == (
        2,
        "rlviz doctor: error: unrecognized arguments: --zzz",
    )
