"""The span processor, in the real SDK's provider, with real Callbacks and real forks."""

import os
import threading
import time

import pytest

import rlviz
from rlviz.flops import Transformer

if os.environ.get("RLVIZ_REQUIRE_ALL") != "1":
    pytest.importorskip("opentelemetry.sdk.trace")

from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider

from rlviz.integrations.opentelemetry import RLVizSpanProcessor, SpanHealth

TINY = Transformer(
    hidden_size=4,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=8,
    vocab_size=10,
)
SECOND = 10**9
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "policy",
    "gen_ai.usage.input_tokens": 9,
    "gen_ai.usage.cache_read.input_tokens": 7,
    "gen_ai.usage.output_tokens": 2,
}


class Kept:
    """What a recorder was given."""

    def __init__(self):
        self.got = []

    def record(self, **record):
        self.got.append(record)


@pytest.fixture
def traced():
    """A provider with a processor of ours, which is shut down."""
    providers = []

    def make(processor):
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        providers.append(provider)
        return provider.get_tracer("test")

    yield make
    for provider in providers:
        provider.shutdown()


def swarm(tracer, **attributes):
    """main [0, 1) and [7, 8), sub-agents [1, 5), [1, 7) and [1, 6): work 17, span 8."""
    main = tracer.start_span(
        "main", start_time=SECOND, context=otel.set_span_in_context(otel.INVALID_SPAN)
    )
    inside = otel.set_span_in_context(main)
    for length in (4, 6, 5):
        sub = tracer.start_span("sub", context=inside, start_time=2 * SECOND, attributes=attributes)
        sub.end((2 + length) * SECOND)
    main.end(9 * SECOND)
    return f"{main.get_span_context().trace_id:032x}"


def test_each_trace_is_recorded_when_it_is_over_with_parallelism_and_flops(tmp_path, traced):
    with rlviz.Callback(tmp_path) as viz:
        processor = RLVizSpanProcessor(viz, model=TINY)
        tracer = traced(processor)
        swarm(tracer, **CALL)
        swarm(tracer, **CALL)
        assert processor.force_flush()
        viz.on_step_end(1, correct=[1, 0])
    history = rlviz.read(tmp_path)
    assert history.parallelism.tolist() == [17 / 8]
    # six calls of 9 tokens, of which 7 are cached, and 2 sampled ones: 3 are fed, 8 to 10 pairs
    each = 2 * 160 * (2 + 1) + 2 * 40 * 2 + 16 * (8 + 9 + 10)
    assert history.exact_flops("rollout")[-1] == 6 * each
    assert processor.health == SpanHealth(recorded=2)


def test_a_trace_is_named_for_the_trainer_where_it_says_in_which_step_it_counts(traced):
    kept = Kept()
    processor = RLVizSpanProcessor(kept, by_episode=True)
    name = swarm(traced(processor))
    processor.force_flush()
    assert [record["episode"] for record in kept.got] == [name]


def test_an_episode_whose_tokens_are_not_all_known_has_its_parallelism_alone(traced, caplog):
    kept = Kept()
    processor = RLVizSpanProcessor(kept, model=TINY)
    swarm(traced(processor), **{"gen_ai.operation.name": "chat"})
    processor.force_flush()
    [record] = kept.got
    assert "flops" not in record
    assert record["parallelism"].parallelism().average == 17 / 8
    assert processor.health == SpanHealth(recorded=1, without_flops=1)
    assert "3 model calls of episode" in caplog.text


def test_what_fails_in_recording_is_counted_and_never_reaches_the_agents(traced, caplog):
    class Broken:
        def record(self, **record):
            raise OSError("the trainer is gone")

    processor = RLVizSpanProcessor(Broken())
    tracer = traced(processor)
    swarm(tracer)
    swarm(tracer)
    processor.force_flush()
    assert processor.health == SpanHealth(errors=2)
    assert caplog.text.count("the trainer is gone") == 1


def test_the_agents_do_not_wait_for_the_recorder(traced):
    class Slow(Kept):
        gate = threading.Event()

        def record(self, **record):
            assert self.gate.wait(20)
            super().record(**record)

    slow = Slow()
    processor = RLVizSpanProcessor(slow)
    tracer = traced(processor)
    began = time.monotonic()
    for _ in range(20):
        swarm(tracer)
    assert time.monotonic() - began < 10  # the recorder holds each for 20
    assert not processor.force_flush(timeout_millis=1)
    slow.gate.set()
    assert processor.force_flush()
    assert len(slow.got) == 20


def test_spans_that_wait_are_bounded_and_the_oldest_trace_is_given_up_whole(traced):
    kept = Kept()
    processor = RLVizSpanProcessor(kept, max_spans=5)
    tracer = traced(processor)
    long = tracer.start_span("long")
    for _ in range(6):
        tracer.start_span("sub", context=otel.set_span_in_context(long)).end()
    long.end()
    swarm(tracer)
    processor.force_flush()
    assert len(kept.got) == 1  # the swarm; nothing of the long trace
    assert processor.health == SpanHealth(recorded=1, dropped=1)
    assert processor._held == 0


def test_a_trace_that_is_not_over_at_the_end_is_counted(traced):
    processor = RLVizSpanProcessor(Kept())
    tracer = traced(processor)
    main = tracer.start_span("main")
    tracer.start_span("sub", context=otel.set_span_in_context(main)).end()
    processor.shutdown()
    assert processor.health == SpanHealth(dropped=1)


def test_traces_of_many_threads_are_kept_apart(traced):
    kept = Kept()
    processor = RLVizSpanProcessor(kept)
    tracer = traced(processor)
    threads = [threading.Thread(target=swarm, args=(tracer,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    processor.force_flush()
    averages = [record["parallelism"].parallelism().average for record in kept.got]
    assert averages == [17 / 8] * 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_records_what_it_begins_itself(traced):
    kept = Kept()
    processor = RLVizSpanProcessor(kept)
    tracer = traced(processor)
    swarm(tracer)
    processor.force_flush()  # its thread runs, and is not in the child
    begun_before = tracer.start_span("before")
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        swarm(tracer)
        begun_before.end()
        reached = processor.force_flush(5_000)
        os.write(writing, b"%d %d" % (len(kept.got), reached))
        os._exit(0)
    os.close(writing)
    told = os.read(reading, 100)
    os.waitpid(child, 0)
    os.close(reading)
    assert told == b"2 1"  # that of before the fork, and its own
    begun_before.end()
    processor.force_flush()
    assert len(kept.got) == 2


def test_arguments_are_refused_in_words():
    with pytest.raises(TypeError, match=r"recorder must have record\(\), got str. Pass the run's"):
        RLVizSpanProcessor("runs/swarm")
    with pytest.raises(ValueError, match="max_spans must be at least 1, got 0"):
        RLVizSpanProcessor(Kept(), max_spans=0)


def test_where_no_thread_is_left_traces_wait_and_are_recorded_or_counted(
    traced, caplog, no_threads
):
    kept = Kept()
    processor = RLVizSpanProcessor(kept)
    tracer = traced(processor)
    with no_threads():
        assert processor.force_flush()  # there is nothing to record
        swarm(tracer)
        assert not processor.force_flush()
        assert "traces wait, for no thread can be started: can't start" in caplog.text
    swarm(tracer)
    assert processor.force_flush()
    assert processor.health == SpanHealth(recorded=2)
    other = RLVizSpanProcessor(kept)
    tracer = traced(other)
    with no_threads():
        swarm(tracer)
        other.shutdown()
    assert other.health == SpanHealth(dropped=1)
    assert "a trace was given up: there was no thread" in caplog.text
