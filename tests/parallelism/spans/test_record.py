"""What a plain record may hold."""

import pytest

from rlviz.parallelism import SpanRecord


def test_a_kind_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"kind must be one of 'agent', 'model', .* got 'llm'"):
        SpanRecord(id=1, start=0, kind="llm")


@pytest.mark.parametrize("field", ["prompt_tokens", "cached_tokens", "completion_tokens"])
def test_tokens_are_whole_numbers_from_0_up(field):
    with pytest.raises(ValueError, match=f"{field} of span 'ask' must be >= 0, got -1"):
        SpanRecord(id=1, start=0, name="ask", **{field: -1})
    with pytest.raises(TypeError, match=f"{field} of span 7 must be a whole number >= 0, got 2.5"):
        SpanRecord(id=7, start=0, **{field: 2.5})


def test_no_tokens_are_known_where_none_are_said():
    assert not SpanRecord(id=1, start=0).has_tokens
    assert not SpanRecord(id=1, start=0, prompt_tokens=0, completion_tokens=0).has_tokens
    assert SpanRecord(id=1, start=0, completion_tokens=1).has_tokens
