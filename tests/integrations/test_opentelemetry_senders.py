"""Agents in processes of their own: the real SDK there, a real sender, and the run's row here."""

import os
import pickle
import subprocess
import sys
import textwrap

import pytest

import rlviz

if os.environ.get("RLVIZ_REQUIRE_ALL") != "1":
    pytest.importorskip("opentelemetry.sdk.trace")

AGENT = """
    import pickle, sys
    from opentelemetry import trace as otel
    from opentelemetry.sdk.trace import TracerProvider
    from rlviz.flops import Transformer
    from rlviz.integrations.opentelemetry import RLVizSpanProcessor, SpanHealth

    sender, by_episode, ends = pickle.load(sys.stdin.buffer)
    model = Transformer(
        hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        vocab_size=10,
    )
    processor = RLVizSpanProcessor(sender, model=model, by_episode=by_episode)
    provider = TracerProvider()
    provider.add_span_processor(processor)
    otel.set_tracer_provider(provider)
    tracer = otel.get_tracer("agents")
    call = {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "policy",
        "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 2,
    }
    second = 10**9
    for episode in range(3):  # main [0, 1) and [7, 8), sub-agents [1, 5), [1, 7) and [1, 6)
        main = tracer.start_span("main", start_time=second)
        inside = otel.set_span_in_context(main)
        for length in (4, 6, 5):
            sub = tracer.start_span(
                "sub", context=inside, start_time=2 * second, attributes=call
            )
            sub.end((2 + length) * second)
        main.end(9 * second)
        print(f"{main.get_span_context().trace_id:032x}", flush=True)
    if ends == "by force":
        import os
        ok = provider.force_flush()
        print(ok, processor.health == SpanHealth(recorded=3), sender.health.delivered, flush=True)
        os._exit(0)
"""
# 9 tokens, of which none is cached, and 2 sampled ones: 10 are fed, over 1 to 10 pairs
CALL_FLOPS = 2 * 160 * (9 + 1) + 2 * 40 * 2 + 16 * sum(range(1, 11))


def agents(sender, *, by_episode=False, ends=""):
    """Runs the agents to their end; -> the lines that they printed."""
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(AGENT)],
        input=pickle.dumps((sender, by_episode, ends)),
        capture_output=True,
        timeout=240,
    )
    assert process.returncode == 0, process.stderr
    assert b"rlviz" not in process.stderr, process.stderr
    return process.stdout.decode().splitlines()


@pytest.mark.parametrize("ends", ["by force", "by itself"])
def test_episodes_of_another_process_are_in_the_row_however_it_ends(tmp_path, ends):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    said = agents(viz.sender(), ends=ends)
    if ends == "by force":
        assert said[3] == "True True 3"  # a flush of the provider is one to the trainer
    viz.on_step_end(1, correct=[1])
    assert viz.close(60)
    history = rlviz.read(tmp_path)
    assert history.parallelism.tolist() == [17 / 8]
    assert history.columns["parallelism_count"].tolist() == [3]
    assert history.exact_flops("rollout") == [9 * CALL_FLOPS]
    assert (viz.health.errors, viz.health.late) == (ends == "by force", 0)  # which broke off


def test_the_trainer_says_by_the_trace_in_which_step_an_episode_counts(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    first, *others = agents(viz.sender(), by_episode=True)
    viz.on_step_end(1, episodes=[first])
    viz.on_step_end(2, episodes=others)
    assert viz.close(60)
    history = rlviz.read(tmp_path)
    assert history.columns["parallelism_count"].tolist() == [1, 2]
    assert history.exact_flops("rollout") == [3 * CALL_FLOPS, 9 * CALL_FLOPS]
    assert (viz.health.errors, viz.health.unbound) == (0, 0)
