"""`rlviz import`: runs of logs, and words that name its own options."""

import pytest

import rlviz


def test_import_makes_a_run_and_says_of_what(assert_one_sentence, run_cli, tmp_path):
    log = tmp_path / "train.log"
    line = "step:{} - critic/score/mean:0.{} - perf/total_num_tokens:1000 - actor/lr:1e-06\n"
    log.write_text("".join(line.format(n, 10 + n) for n in range(1, 31)))
    code, out, err = run_cli("import", log, "--params", "1e9", "-o", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "30 steps" in out
    run = rlviz.read(tmp_path / "run")
    assert run.accuracy[-1] == pytest.approx(0.40)
    assert run.exact_flops()[-1] == 30 * 1000 * 8 * 10**9
    options = ["--params", "1e9", "--flops-convention"]
    code, out, _ = run_cli("import", log, *options, "6N-tokens", "-o", tmp_path / "tokens")
    assert code == 0
    assert "6·N for update, N = 1e+09 parameters, by the convention 6N-tokens" in out
    assert rlviz.read(tmp_path / "tokens").exact_flops()[-1] == 30 * 1000 * 6 * 10**9
    refused = run_cli("import", log, *options, "exact", "-o", tmp_path / "exact")
    assert_one_sentence(refused, "or name a column of FLOPs that were counted so with --flops.")
    assert_one_sentence(run_cli("import", log, "-o", tmp_path / "run"), "already holds a run")
    assert_one_sentence(run_cli("import", tmp_path / "no.log", "-o", tmp_path / "b"), "no.log")


@pytest.mark.parametrize(
    ("log", "options", "words"),
    [
        (
            "step,accuracy\n1,40\n2,70\n",
            [],
            "give --full-score 100 (the accuracy then goes from 40.0 % to 70.0 %).",
        ),
        ("step,a b\n1,4\n2,7\n", ["--accuracy", "a b"], "give --full-score 7"),
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


@pytest.mark.parametrize(
    ("written", "number"), [("7b", 7e9), ("7.6B", 7.6e9), ("494m", 494e6), ("7.6e9", 7.6e9)]
)
def test_parameters_are_written_as_models_are_called(run_cli, tmp_path, written, number):
    (tmp_path / "log.csv").write_text("step,accuracy,num_tokens\n1,0.4,3\n2,0.7,9\n")
    arguments = ("import", tmp_path / "log.csv", "-o", tmp_path / "run", "--params", written)
    assert run_cli(*arguments)[0] == 0
    assert rlviz.read(tmp_path / "run").exact_flops()[-1] == round(9 * 8 * number)


@pytest.mark.parametrize(
    ("option", "written", "words"),
    [
        ("--params", "7x", "'7x' is no number of parameters. Write 7.6e9 or 7.6b."),
        ("--scores", "1", "Write -1:1 or 0:2."),
        ("--scores", "-1,1", "Write -1:1 or 0:2."),
        ("--kind", "csvv", "Did you mean 'csv'?"),
    ],
)
def test_what_an_option_can_not_be_is_said_with_what_it_can(run_cli, option, written, words):
    code, _, err = run_cli("import", "log.csv", option, written)
    assert code == 2
    assert words in err


def test_all_runs_of_a_log_go_into_folders_of_their_own(run_cli, tmp_path):
    (tmp_path / "log.csv").write_text("step,seed,accuracy\n1,0,0.4\n2,0,0.5\n1,1,0.1\n2,1,0.2\n")
    code, _, err = run_cli("import", tmp_path / "log.csv", "--all-runs")
    assert code == 2
    assert "-o FOLDER" in err
    code, out, _ = run_cli("import", tmp_path / "log.csv", "--all-runs", "-o", tmp_path / "runs")
    assert code == 0
    assert [place.name for place in sorted((tmp_path / "runs").iterdir())] == ["0", "1"]
    assert out.count("2 steps (1 to 2)") == 2
    assert run_cli("import", "a", "--all-runs", "--run", "b", "-o", tmp_path)[0] == 2


def test_scores_that_begin_below_0_are_no_option(run_cli, tmp_path):
    (tmp_path / "log.csv").write_text("step,reward\n1,-0.5\n2,0.5\n")
    arguments = ("import", tmp_path / "log.csv", "-o", tmp_path / "run", "--scores", "-1:1")
    assert run_cli(*arguments)[0] == 0
    assert rlviz.read(tmp_path / "run").accuracy.tolist() == [0.25, 0.75]
