"""Episodes from finished OpenTelemetry spans, made by the real SDK."""

import importlib
import os

import pytest

from rlviz.parallelism import Parallelism, Trace

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    importlib.import_module("opentelemetry.sdk.trace")
else:
    pytest.importorskip("opentelemetry.sdk.trace")

from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

EPOCH = 1_700_000_000_000_000_001  # nanoseconds: more than a float64 can tell apart


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test")


def start(tracer, name, at, parent=None):
    context = None if parent is None else otel.set_span_in_context(parent)
    return tracer.start_span(name, context=context, start_time=EPOCH + at)


def test_spans_of_the_sdk_give_the_same_numbers_as_agents_of_these_times(tracer, exporter):
    # main [0, 1) and [6, 8), left [1, 5), right [2, 6): work 3 + 8, span 1 + 4 + 2
    main = start(tracer, "main", 0)
    left, right = start(tracer, "left", 1, main), start(tracer, "right", 2, main)
    left.end(EPOCH + 5)
    right.end(EPOCH + 6)
    main.end(EPOCH + 8)
    trace = Trace.from_opentelemetry(exporter.get_finished_spans())  # children come before main
    got = trace.parallelism()
    assert got.work == pytest.approx(11e-9)
    assert got.span == pytest.approx(7e-9)
    assert trace.concurrency().peak == 2
    assert {s.name: s.parent for s in trace.spans()} == {"left": 2, "right": 2, "main": None}


def test_nesting_by_the_sdks_own_context_managers_is_understood(tracer, exporter):
    with (
        tracer.start_as_current_span("main"),
        tracer.start_as_current_span("sub"),
        tracer.start_as_current_span("tool"),
    ):
        pass
    spans = Trace.from_opentelemetry(exporter.get_finished_spans()).spans()
    assert [(s.name, s.parent) for s in spans] == [("tool", 1), ("sub", 2), ("main", None)]


def test_a_parent_that_is_not_among_the_spans_counts_as_none(tracer, exporter):
    outside = start(tracer, "http request", 0)
    start(tracer, "agent", 1, outside).end(EPOCH + 3)
    trace = Trace.from_opentelemetry(exporter.get_finished_spans())
    assert trace.spans()[0].parent is None
    assert trace.parallelism() == Parallelism(2e-9, 2e-9)


def test_a_span_without_an_end_is_clipped_and_counted(tracer):
    main = start(tracer, "main", 0)
    sub = start(tracer, "sub", 1, main)
    sub.end(EPOCH + 4)
    trace = Trace.from_opentelemetry([main, sub])
    assert trace.unfinished == 1
    assert trace.parallelism().work == pytest.approx(4e-9)


def test_no_spans_are_an_empty_episode():
    assert Trace.from_opentelemetry([]).parallelism() == Parallelism(0, 0)


def test_a_span_given_twice_is_refused(tracer):
    span = start(tracer, "main", 0)
    with pytest.raises(ValueError, match=r"span id 0x[0-9a-f]+ \('main'\) appears twice"):
        Trace.from_opentelemetry([span, span])


def test_the_record_takes_no_live_agents(tracer, exporter):
    start(tracer, "main", 0).end(EPOCH + 1)
    trace = Trace.from_opentelemetry(exporter.get_finished_spans())
    with pytest.raises(RuntimeError, match="finished record"):
        trace.agent("late")
