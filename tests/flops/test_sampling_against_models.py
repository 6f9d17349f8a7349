"""Turns, rounds and scores against real models with a real cache, by torch's own counter.

Eager attention multiplies every pass with all keys in its cache: `attention="full"`.
"""

import importlib
import inspect
import os
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import from_config

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
import tiny_configs

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own

NAMES = ("llama", "mixtral", "olmo", "glm4_moe", "gpt_neox")
"""Closed formulas first, then counted ones; all attend to their whole cache."""


KNOWS_WINDOWS = "config" in inspect.signature(transformers.DynamicCache.__init__).parameters
"""Whether the cache drops what no window reaches; older versions keep all."""

CACHE = (
    "cache"
    if "cache" in inspect.signature(transformers.LlamaForCausalLM.forward).parameters
    else "past_key_values"  # before transformers 5.24
)


def cache_of(config):
    return transformers.DynamicCache(**{"config": config} if KNOWS_WINDOWS else {})


class Cached:
    """A real model and its real cache; counts what its passes cost."""

    def __init__(self, name):
        self.real = tiny_configs.model(name)
        self.cache = cache_of(self.real.config)
        self.flops = self.seen = 0

    def feed(self, tokens, *, logits=1):
        ids = torch.full((1, tokens), 5)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            given = self.real(
                input_ids=ids, use_cache=True, logits_to_keep=logits, **{CACHE: self.cache}
            )
        assert given.logits.shape[1] == logits
        self.flops += tiny_configs.products(counter, self.real)
        self.seen += tokens

    def sample(self, tokens):
        """One by one after a pass that gave the first; the last is never fed."""
        for _ in range(tokens - 1):
            self.feed(1)

    def keep(self, tokens):
        if tokens < self.seen:
            self.cache.crop(tokens - self.seen)
        self.seen = tokens
        assert self.cache.get_seq_length() == tokens


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", NAMES)
def test_turns_equal_the_real_model_with_its_kept_cache(name):
    run = Cached(name)
    run.feed(9)
    run.sample(4)
    run.feed(1 + 6)  # the fourth sampled token, and what the tool said
    run.sample(3)
    run.feed(1 + 2)
    run.sample(1)
    model = from_config(run.real.config, attention="full")
    assert model.turns([[(9, 4), (6, 3), (2, 1)]]) == run.flops


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", NAMES)
def test_a_target_that_verifies_drafts_equals_the_real_model(name):
    run, known = Cached(name), 9 + 1
    run.feed(9)
    rounds = [(3, 1), (3, 3), (0, 0), (4, 0)]
    for drafted, accepted in rounds:
        run.feed(1 + drafted, logits=1 + drafted)
        run.keep(known + accepted)  # the rejected leave; the one that is added is not fed yet
        known += accepted + 1
    model = from_config(run.real.config, attention="full")
    assert model.verification([9], [rounds]) == run.flops


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", NAMES)
def test_a_draft_model_equals_the_real_model_with_its_own_cache(name):
    run, known = Cached(name), 9 + 1
    rounds = [(3, 1), (3, 3), (0, 0), (4, 0), (1, 1), (2, 0)]
    for drafted, accepted in rounds:
        if drafted:
            run.feed(known - run.seen)
            run.sample(drafted)
            run.keep(min(known + accepted, run.seen))
        known += accepted + 1
    model = from_config(run.real.config, attention="full")
    assert model.drafting([9], [rounds]) == run.flops


@pytest.mark.quick(1)
@pytest.mark.skipif(not KNOWS_WINDOWS, reason="the cache of this transformers has no windows")
@pytest.mark.parametrize("name", ["starcoder2", "olmo3"])
def test_a_window_that_bounds_the_real_cache_bounds_what_it_costs(name):
    """A pass of one token meets the last keys of its window, in the cache as by definition."""
    its = tiny_configs.config(name, sliding_window=4)
    real = transformers.AutoModelForCausalLM.from_config(its, attn_implementation="eager").eval()
    run = Cached(name)
    run.real, run.cache = real, cache_of(its)
    run.feed(3)
    run.sample(5)
    run.feed(1 + 0)  # a turn that goes on without an observation
    run.sample(4)
    assert from_config(its, attention="full").turns([[(3, 5), (0, 4)]]) == run.flops


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["llama", "mixtral", "stablelm"])
def test_a_score_for_each_token_equals_the_real_reward_model(name):
    its = tiny_configs.config(name)
    its.num_labels = 1
    real = transformers.AutoModelForSequenceClassification.from_config(
        its, attn_implementation="eager"
    )
    if hasattr(real, "set_experts_implementation"):
        real.set_experts_implementation("eager")
    ids = torch.full((2, 9), 5)
    with FlopCounterMode(display=False) as counter:
        scores = real(input_ids=ids, use_cache=False).logits
        forward = tiny_configs.products(counter, real)
        scores.sum().backward()
    critic = from_config(its, attention="full").with_value_head()
    assert critic.forward([9, 9]) == forward
    assert critic.training([9, 9]) == tiny_configs.products(counter, real)
