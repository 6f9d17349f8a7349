"""Counting on the meta device: equal layers once or each, and what no formula gives."""

import importlib
import os
import sys
from pathlib import Path

import pytest

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
import tiny_configs

from rlviz.flops import census

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own

DEEP = {"num_hidden_layers": 4}
SAMPLE = {
    "olmo": DEEP,
    "cohere2": DEEP | {"layer_types": ["sliding_attention", "full_attention"] * 2},
    "qwen3_next": DEEP | {"layer_types": ["linear_attention", "full_attention"] * 2},
    "deepseek_v32": DEEP,
    "gemma3n_text": DEEP | {"layer_types": ["sliding_attention", "full_attention"] * 2},
    "mamba2": DEEP,
    "granitemoehybrid": DEEP | {"layer_types": ["mamba", "attention"] * 2},
    "zamba2": DEEP | {"layers_block_type": ["mamba", "hybrid"] * 2, "hybrid_layer_ids": [1, 3]},
}


def in_all(found):
    body = sum(n for (name, _), n in found.per_token.items() if name != found.head)
    head = sum(n for (name, _), n in found.per_token.items() if name == found.head)
    return body, head, found.per_sequence, found.pairs, found.chunks, found.unseen


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", SAMPLE)
def test_layers_that_run_once_count_like_layers_that_all_run(name):
    its = tiny_configs.config(name, **SAMPLE[name])
    once, each = census.count(its), census.count(its, share=False)
    assert in_all(once) == in_all(each)
    assert len(once.per_token) <= len(each.per_token)


@pytest.mark.soak
@pytest.mark.parametrize("name", tiny_configs.TINY)
def test_all_layers_that_run_once_count_like_layers_that_all_run(name):
    its = tiny_configs.config(name)
    assert in_all(census.count(its)) == in_all(census.count(its, share=False))


def test_equal_layers_really_run_once():
    found = census.count(tiny_configs.config("olmo", num_hidden_layers=4))
    places = {name for name, _ in found.per_token if ".layers." in name}
    assert places
    assert all(name.startswith("model.layers.0.") for name in places)


@pytest.mark.slow
def test_chunks_longer_than_the_usual_lengths_are_found():
    (part,) = census.count(tiny_configs.config("mamba2", chunk_size=1024)).chunks
    assert part.size == 1024
