"""The conventions of RL FLOPs: what they are called, and what a run says of its own."""

import pytest

from rlviz import conventions


def test_the_first_one_is_the_default_and_alone_needs_more_than_tokens():
    first, *others = conventions.CONVENTIONS.values()
    assert first.name == conventions.EXACT
    assert first.per_token is None
    assert all(other.per_token is not None for other in others)


@pytest.mark.parametrize("name", ["6n", "", None, 6, "GPU hours", "tokens"])
def test_another_name_is_refused_and_what_are_axes_is_said(name):
    with pytest.raises(ValueError, match=r"one of 'exact', '6N', '6N-tokens', got .* is a metric"):
        conventions.check(name)


def test_runs_that_differ_are_named_with_what_they_say_and_many_are_counted():
    said = {"a": ("6N",), "b": ("",), "none": (), **{f"r{i}": ("exact",) for i in range(9)}}
    assert conventions.of_runs(said) == (
        "different conventions, 6N (a), convention not said (b) and exact (9 runs, such as r0)"
    )


def test_one_run_that_mixes_them_says_so():
    assert conventions.of_runs({"a": ("exact", "6N")}) == "conventions exact and 6N"
