"""What the user says of a log, checked and called as it was typed."""

import pytest

from rlviz.importers.options import Options, of_the_command_line, option, role_of_axis


@pytest.mark.parametrize(
    ("x", "role"),
    [("perf/total_FLOPS", "flops"), ("num_tokens", "tokens"), ("epoch", "step")],
)
def test_the_axis_stands_for_what_its_name_says(x, role):
    columns = {"step": None, "flops": None, "tokens": None}
    assert role_of_axis(x, None, None, None) == {**columns, role: x}
    assert role_of_axis(None, "a", "b", "c") == {"step": "a", "flops": "b", "tokens": "c"}


def test_an_axis_may_be_named_twice_but_not_two_ways():
    assert role_of_axis("flops", None, "flops", None)["flops"] == "flops"
    with pytest.raises(ValueError, match="x='flops' stands for flops, but flops='other' was given"):
        role_of_axis("flops", None, "other", None)


@pytest.mark.parametrize("name", ["full_score", "flops_unit", "sequences", "params"])
@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
def test_numbers_are_finite_and_above_0(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number > 0, got"):
        Options(**{"tokens": "tokens", name: value})
    with of_the_command_line(), pytest.raises(ValueError, match=f"--{name.replace('_', '-')} must"):
        Options(**{"tokens": "tokens", name: value})


def test_sentences_speak_of_flags_only_within_the_command_line():
    with pytest.raises(ValueError, match="--params must be"), of_the_command_line():
        Options(params=0)
    assert option("return_", "a b") == "return_='a b'"


def test_all_columns_that_were_named_are_looked_up():
    said = Options(step="s", accuracy="a", return_="r", parallelism="p", graded="g", flops="f")
    assert set(said.columns()) == {"s", "a", "r", "p", "g", "f", None}
