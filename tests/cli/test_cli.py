"""The command line as a whole: help, exit codes, misspelt options, and it as a process."""

import pytest

import rlviz

COMMANDS = ("demo", "plot", "summary", "compare", "export", "import", "doctor", "completion")


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


def test_the_module_is_the_command_line(run_python, parl_logdir, parl):
    ended = run_python("-W", "error", "-m", "rlviz", "summary", str(parl_logdir))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == rlviz.summarise(parl).markdown()


def test_a_failure_of_the_process_is_exit_code_2_without_a_traceback(
    assert_one_sentence, run_python, tmp_path
):
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


@pytest.mark.parametrize(
    ("written", "meant"), [("sumary", "summary"), ("improt", "import"), ("docter", "doctor")]
)
def test_the_command_that_was_probably_meant_is_asked_after(run_cli, written, meant):
    code, _, err = run_cli(written, "runs/a")
    assert code == 2
    assert err.endswith(f"Did you mean {meant!r}?\n")
