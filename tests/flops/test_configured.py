"""`from_config`: closed formulas where there are any, else counts that equal the real models."""

import builtins
import dataclasses
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlviz.flops import CountedModel, Transformer, census, configured, from_config
from rlviz.flops.counted_model import Chunks

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
import tiny_configs

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own

LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "vocab_size": 100,
}
SLOW = {"falcon_mamba", "jamba", "mamba", "recurrent_gemma", "rwkv"}
"""Their scans are loops over tokens: seconds each."""


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.soak if n in SLOW else ()) for n in tiny_configs.TINY],
)
def test_full_attention_equals_the_real_model_to_the_integer(name):
    model, real = from_config(tiny_configs.config(name), attention="full"), tiny_configs.model(name)
    if name in tiny_configs.SCANS and not tiny_configs.multiplies_scans:
        model = dataclasses.replace(model, chunks=())  # no counter sees these there
    for length in (24, 70):
        spent = tiny_configs.counted(real, length) + tiny_configs.above_diagonal(name, length)
        assert model.forward([length]) == spent


def mixing(name, length, **fields):
    """What tokens do with each other in the causal convention, and the model."""
    its = tiny_configs.config(name, **fields)
    model = from_config(its)
    assert isinstance(model, CountedModel)
    return model.forward([length]) - 2 * model.matmul_params * length, model


PAIR = 4 * 4 * 8  # two products of 4 heads of width 8 for a query and a key
ALL = 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10
NEAR = 1 + 2 + 3 + 7 * 4
"""Pairs of 10 tokens, and of those that attend to 4 keys."""


def test_a_counted_model_counts_by_the_other_conventions_too():
    config = tiny_configs.config("qwen3_next")
    exact, model = from_config(config), from_config(config, convention="6N")
    assert isinstance(model, CountedModel)
    n = exact.matmul_params
    assert (model.training([9, 4]), model.forward([9, 4])) == (6 * n * 13, 2 * n * 13)
    assert model.generation([9], [4]) == 2 * n * 13
    assert exact.training([9, 4]) > model.training([9, 4])
    with pytest.raises(ValueError, match="count_embedding=True is an option of the convention"):
        from_config(config, convention="6N", count_embedding=True)


def test_full_attention_is_halved_exactly_by_its_causal_mask():
    spent, model = mixing("olmo", 10)
    assert spent == 2 * PAIR * ALL
    attention, mlp = 2 * 32 * 32 + 2 * 32 * 16, 3 * 32 * 48
    assert model.matmul_params == 2 * (attention + mlp) + 32 * 64
    assert model.head_params == 32 * 64


def test_a_window_reaches_its_last_tokens():
    spent, _ = mixing("cohere2", 10, sliding_window=4)
    assert spent == PAIR * (NEAR + ALL)


def test_a_window_is_held_by_layers_that_the_config_does_not_tell_apart():
    spent, _ = mixing("starcoder2", 10, sliding_window=4)
    assert spent == 2 * PAIR * NEAR


def test_a_block_reaches_its_own_tokens():
    if tiny_configs.VERSION < (5, 0):
        pytest.skip("transformers 4 can't build it for sequences beyond its first block")
    spent, _ = mixing("llama4_text", 10, attention_chunk_size=4)
    assert spent == PAIR * ((1 + 2 + 3 + 4) * 2 + (1 + 2) + ALL)


def test_an_indexer_scores_all_keys_and_attention_reaches_the_best():
    spent, _ = mixing("deepseek_v32", 10, index_topk=4)
    latent = 2 * 4 * (6 + 4 + 8)  # keys of 6 + 4, values of 8
    indexer = 2 * 2 * 8 + 2 * 2  # 2 heads of width 8, and their weighted sum
    assert spent == 2 * (latent * NEAR + indexer * ALL)


def test_chosen_blocks_are_the_best_ones_and_a_tokens_own():
    sizes = {"index_block_size": 4, "index_topk_blocks": 2, "index_local_blocks": 1}
    spent, _ = mixing("minimax_m3_vl_text", 10, **sizes)
    chosen = (1 + 2 + 3 + 4 + 5 + 6 + 7 + 8) + (4 + 1) + (4 + 2)
    assert spent == PAIR * (chosen + ALL) + 2 * 2 * 8 * ALL  # an indexer of 2 heads of width 8


@pytest.mark.slow
def test_compressed_keys_are_reached_when_complete_and_beside_a_window():
    rates = {"heavily_compressed_attention": 4, "compressed_sparse_attention": 2}
    spent, _ = mixing("deepseek_v4", 10, compress_rates=rates, index_topk=3, sliding_window=4)
    heavily = 0 + 0 + 0 + 1 + 1 + 1 + 1 + 2 + 2 + 2
    of_two = 0 + 1 + 1 + 2 + 2 + 3 + 3 + 4 + 4 + 5
    best = 0 + 1 + 1 + 2 + 2 + 3 + 3 + 3 + 3 + 3
    pair, indexer = 4 * 4 * 16, 2 * 2 * 16  # 4 heads and 2 of width 16; the indexer only scores
    assert spent == pair * (3 * NEAR + heavily + best) + indexer * of_two


@pytest.mark.slow
def test_complete_blocks_are_chosen_whole_and_the_tokens_after_them_always_reached():
    spent, _ = mixing("qwen4_exp_text", 10, indexer_budget=4, layer_types=["indexed_attention"] * 2)
    reached = 1 + 2 + 3 + 4 + 5 + 6 + 7 + 4 + 5 + 6
    scored = 3 * 0 + 4 * 1 + 3 * 2
    assert spent == 2 * (PAIR * reached + 2 * 2 * 8 * scored)


def test_experts_that_do_nothing_count_as_chosen_like_the_others():
    its = tiny_configs.config("longcat_flash")
    one, more = from_config(its), from_config(tiny_configs.config("longcat_flash", moe_topk=6))
    assert more.body_params - one.body_params == 3 * 8 * (3 * 32 * 16) // 12


@pytest.mark.slow
def test_chunks_that_are_not_padded_are_left_out_of_the_full_count():
    model = from_config(tiny_configs.config("xlstm"), attention="full")
    (part,) = model.chunks
    assert not part.padded
    assert model.forward([128]) - model.forward([64]) == model.forward([64])


def test_blocks_of_linear_attention_are_pairs_within_them():
    spent, _ = mixing("minimax", 40, block_size=16)
    inside = 2 * (16 * 17 // 2) + 8 * 9 // 2
    assert spent == PAIR * (inside + 40 * 41 // 2)


def test_chunks_of_the_delta_rule_are_shared_by_their_tokens():
    spent, _ = mixing("qwen3_next", 96)
    chunk, keys, values = 64, 8, 8
    within = 2 * (2 * chunk**2 * keys) + 2 * chunk**2 * values  # two of keys, one of values
    solved = chunk**2 * (keys + values)  # a triangle, its columns
    if "solve_triangular" not in inspect.getsource(
        transformers.models.qwen3_next.modeling_qwen3_next
    ):
        solved *= 2  # older versions multiply by its inverse, a whole square
    states = 3 * 2 * chunk * keys * values
    padding = 2 * 4 * 3 * (2 * 2 * 8 + 4 * 8)  # 3 tokens before the first, of a kernel of 4
    linear = 4 * (within + solved + states) * 96 // 64 + padding
    assert spent == linear + PAIR * 96 * 97 // 2


def test_chunks_of_a_state_space_are_shared_and_its_states_handed_on():
    spent, model = mixing("mamba2", 40)
    chunk, head, state = 16, 8, 8
    each = 2 * chunk**2 * state + 2 * chunk**2 * head + 2 * (2 * chunk * state * head)
    padding = 2 * 4 * 3 * (8 * 8 + 2 * 8)
    assert spent == 2 * (8 * each * 40 // 16 + padding)
    assert model.unseen == ("Mamba2Mixer",)


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", tiny_configs.SCANS)
def test_chunks_of_a_state_space_follow_from_its_sizes_however_transformers_runs_them(name):
    layers = 2 if name in ("falcon_h1", "mamba2", "zamba2") else 1  # of 8 heads
    each = 2 * 16**2 * (8 + 8) + 2 * (2 * 16 * 8 * 8)  # FLOPs of a chunk of 16
    model = from_config(tiny_configs.config(name))
    assert model.chunks == (Chunks(layers * 8 * each, 16, between=layers * 8 * 2 * 8 * 8),)


def test_no_attention_leaves_the_weights():
    model = from_config(tiny_configs.config("qwen3_next"), attention="none")
    assert model.forward([96]) == 2 * model.matmul_params * 96


@pytest.mark.parametrize("name", ["llama", "olmo", "qwen3_next"])
def test_the_embedding_counts_where_it_is_asked_for(name):
    its = tiny_configs.config(name)
    without, counted = from_config(its), from_config(its, count_embedding=True)
    assert counted.matmul_params == without.matmul_params + 64 * 32
    assert counted.head_params == without.head_params


@pytest.mark.parametrize("name", ["llama", "olmo", "qwen3_next"])
def test_a_critic_has_a_head_of_one_value(name):
    model = from_config(tiny_configs.config(name))
    critic = model.with_value_head()
    assert (critic.body_params, critic.head_params) == (model.body_params, 32)


def test_known_shapes_stay_closed_formulas_without_torch():
    assert from_config(LLAMA, attention="full") == Transformer.from_config(LLAMA, attention="full")
    code = (
        f"import sys, rlviz.flops; rlviz.flops.from_config({LLAMA!r}).training([3]);"
        "print(*{'torch', 'transformers'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_a_mapping_reads_like_its_config_object():
    its = tiny_configs.config("olmo")
    assert from_config(its.to_dict()) == from_config(its)


@pytest.mark.slow
def test_a_multimodal_config_counts_its_text_model():
    text = tiny_configs.config("qwen3_5_text")
    whole = transformers.Qwen3_5Config(text_config=text.to_dict())
    assert from_config(whole).forward([70]) == from_config(whole.get_text_config()).forward([70])


def test_a_config_is_counted_once(monkeypatch):
    calls = []
    count = census.count
    monkeypatch.setattr(census, "count", lambda its: calls.append(its) or count(its))
    monkeypatch.setattr(configured, "_counted", {})
    for attention in ("causal", "full"):
        from_config(tiny_configs.config("olmo"), attention=attention)
    assert len(calls) == 1
    from_config(tiny_configs.config("olmo", intermediate_size=49))
    assert len(calls) == 2


def test_the_config_of_a_model_that_runs_its_experts_one_by_one_counts_the_same(monkeypatch):
    monkeypatch.setattr(configured, "_counted", {})
    its = tiny_configs.model("glm4_moe").config
    assert its._experts_implementation == "eager"
    found = from_config(its)
    monkeypatch.setattr(configured, "_counted", {})
    assert found == from_config(tiny_configs.config("glm4_moe"))
    assert its._experts_implementation == "eager"


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("blt", "(local_attention_window_len=|asks for data)"),
        ("reformer", "lsh_attn_chunk_length="),
    ],
)
def test_what_a_model_lacks_a_formula_for_is_named(name, lacking):
    with pytest.raises(ValueError, match=rf"'{name}' can't be counted.*{lacking}.*measure"):
        from_config(tiny_configs.known(name))


@pytest.mark.parametrize("name", tiny_configs.REFUSED)
def test_what_can_not_be_counted_with_older_versions_is_refused_in_words(name):
    with pytest.raises(ValueError, match=rf"'{name}' can't be counted.*flops\.measure"):
        from_config(tiny_configs.built(name))


def test_unknown_models_and_other_things_are_refused_in_words():
    with pytest.raises(ValueError, match=r"can't read the config of 'nobody_knows'.*rlviz\.flops"):
        from_config({"model_type": "nobody_knows"})
    with pytest.raises(ValueError, match=r"has no model_type, got fields hidden_size"):
        from_config({"hidden_size": 4})
    with pytest.raises(ValueError, match=r"config lacks num_hidden_layers"):
        from_config({k: v for k, v in LLAMA.items() if k != "num_hidden_layers"})
    with pytest.raises(ValueError, match=r"attention must be one of causal.*got 'half'"):
        from_config({"model_type": "olmo"}, attention="half")


def test_without_transformers_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args):
        if name == "transformers":
            raise ImportError("No module named 'transformers'")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"'olmo' is not known.*install transformers and torch"):
        from_config({"model_type": "olmo"})


def test_an_unknown_architecture_of_transformer_points_here():
    with pytest.raises(ValueError, match=r"rlviz\.flops\.from_config\(config\) counts it"):
        Transformer.from_config({"model_type": "olmo"})


def test_layers_of_known_shapes_that_differ_in_size_have_no_closed_formula():
    its = tiny_configs.config("llama")
    if not hasattr(its, "is_heterogeneous"):
        pytest.skip(f"transformers {transformers.__version__} has equal layers alone")
    its.per_layer_config = {1: {"intermediate_size": 96}}
    with pytest.raises(ValueError, match=r"layers of this llama config differ in size"):
        Transformer.from_config(its)
    with pytest.raises(ValueError, match=r"'llama' can't be counted.*intermediate_size"):
        from_config(its)  # its model in transformers has one size for all layers
