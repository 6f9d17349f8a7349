"""What is no span is refused in words; the sources themselves have tests of their own."""

from types import SimpleNamespace

import pytest

from rlviz.parallelism import SpanRecord, read_spans


@pytest.mark.parametrize("item", [None, 3, "span", object(), {"rows": 1}, SimpleNamespace(a=1)])
def test_what_is_no_span_is_refused_with_the_sources_that_are_known(item):
    with pytest.raises(TypeError, match=r"no span of a known source: a \w+.*Known are .* OpenTele"):
        read_spans([item])


@pytest.mark.parametrize("items", [{"trace_id": 1}, "spans.jsonl", 3])
def test_one_span_or_a_path_is_no_list_of_spans(items):
    with pytest.raises(TypeError, match="spans must be a list or another iterable of spans, got"):
        read_spans(items)


def test_a_record_that_lacks_what_its_source_always_writes_is_refused_with_its_name():
    with pytest.raises(ValueError, match="a dict looks like a span but lacks 'id'"):
        read_spans([{"object": "trace.span", "started_at": "2026-01-01T00:00:00Z"}])


def test_plain_records_and_any_iterable_are_a_way_in():
    records = (SpanRecord(id=k, start=0, end=k, episode="e") for k in (1, 2))
    [episode] = read_spans(records)
    assert (episode.parallelism().work, episode.parallelism().span) == (3, 2)
