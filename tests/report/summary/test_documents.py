"""The documents show what the commands print."""

from pathlib import Path

import rlviz

SUMMARY = Path(__file__).parents[3] / "docs" / "summary.md"


def test_the_summary_in_the_documents_is_what_the_command_prints(parl):
    shown = SUMMARY.read_text(encoding="utf-8").partition("<!-- parl-shape -->")[2]
    quoted = shown.partition("<!-- end -->")[0].strip().splitlines()
    text = "\n".join(line.removeprefix(">").removeprefix(" ") for line in quoted) + "\n"
    # How long the test's run took is another thing each time.
    expected = rlviz.summarise(parl).markdown()
    assert text.split("RL FLOPs", 1)[1].split(").", 1)[1] == expected.split(").", 1)[1]
