"""The documents show what the commands print."""

from pathlib import Path

import numpy as np

import rlviz

SUMMARY = Path(__file__).parents[3] / "docs" / "summary.md"


def test_the_summary_in_the_documents_is_what_the_command_prints(parl):
    shown = SUMMARY.read_text(encoding="utf-8").partition("<!-- parl-shape -->")[2]
    quoted = shown.partition("<!-- end -->")[0].strip().splitlines()
    text = "\n".join(line.removeprefix(">").removeprefix(" ") for line in quoted) + "\n"
    # How long the test's run took is another thing each time.
    expected = rlviz.summarise(parl).markdown()
    assert text.split("RL FLOPs", 1)[1].split(").", 1)[1] == expected.split(").", 1)[1]


def test_no_name_turns_the_text_around():
    step = np.arange(1.0, 61.0)
    columns = {"step": step, "metrics/re\u202ewards": step, "correct": step / 2, "graded": step,
               "correct/a\u2067b": step / 2, "graded/a\u2067b": step}  # fmt: skip
    run = rlviz.History(columns, logdir="runs/we\u202eird")
    summary = rlviz.summarise(run, metrics=["accuracy", "re\u202ewards"])
    other = rlviz.History({**columns, "flops/total": step}, logdir="runs/b\u202ec")
    one = rlviz.History({**columns, "flops/total": step}, logdir="runs/d\x1bc")
    compared = rlviz.compare([one, other])
    for text in (str(summary), summary.markdown(), summary.html(), compared.markdown()):
        assert not set("\u202e\u2067\x1b") & set(text)
        assert r"\u202e" in text
