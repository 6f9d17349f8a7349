"""`rlviz compare`: which run needs less compute."""

import json

from PIL import Image


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


def test_compare_goes_by_the_suffix_too(assert_one_sentence, run_cli, two_runs, tmp_path):
    runs = two_runs / "slow0", two_runs / "fast0"
    output = tmp_path / "c.json"
    assert run_cli("compare", *runs, "-o", output)[0] == 0
    assert json.loads(output.read_text())["reference"] == "slow0"
    words = "'c.html' can't be written: there is no html of it. Take one of markdown, json."
    assert_one_sentence(run_cli("compare", *runs, "-o", tmp_path / "c.html"), words)
