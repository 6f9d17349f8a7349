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
