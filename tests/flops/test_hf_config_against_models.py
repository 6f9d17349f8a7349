"""Shapes from Hugging Face configs, held against the real models where conventions agree.

The real models run with eager attention, which multiplies the whole square whatever the mask or
window says: so the formula runs with `attention="full"` and without windows there. Everything else
agrees to the integer, forward and backward. Where torch's own counter disagrees, it misses
something: grouped products (experts run by `grouped_mm`) read as a silent 0 there.
"""

import dataclasses
import functools
import importlib
import inspect
import os
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import Transformer, measure

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
import tiny_configs

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own

COMMON = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "vocab_size": 64,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}
LATENT = {
    "num_key_value_heads": 4,
    "q_lora_rank": 12,
    "kv_lora_rank": 10,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 4,
    "v_head_dim": 8,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "first_k_dense_replace": 1,
    "n_group": 2,
    "topk_group": 1,
}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
TINY = {
    "Llama": COMMON | GROUPED,
    "Mistral": COMMON | GROUPED | {"sliding_window": 4},
    "Mixtral": COMMON | EXPERTS | {"num_key_value_heads": 2},
    "Qwen2": COMMON | {"num_key_value_heads": 2},
    "Qwen3": COMMON | GROUPED | {"head_dim": 16},
    "Qwen3Moe": COMMON
    | GROUPED
    | {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "DeepseekV2": COMMON | LATENT | {"n_shared_experts": 2},
    "DeepseekV3": COMMON | LATENT | {"n_shared_experts": 1},
    "Gemma2": COMMON | GROUPED | {"sliding_window": 4},
    "Gemma3": COMMON | GROUPED | {"sliding_window": 4},
    "GptOss": COMMON | GROUPED | EXPERTS | {"sliding_window": 4},
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 64, "n_positions": 64},
    "Olmo2": COMMON | {"num_key_value_heads": 2},
    "Phi3": COMMON | {"num_key_value_heads": 2},
    "SmolLM3": COMMON | {"num_key_value_heads": 2},
    "Granite": COMMON | {"num_key_value_heads": 2},
}
QWEN3_30B_A3B = {"num_hidden_layers": 48, "num_experts": 128, "num_experts_per_tok": 8} | {
    "head_dim": 128
}
BATCH, LENGTH = 2, 9


@functools.cache
def tiny(name):
    """The config and a real, untrained model of it; the tests that use both change neither."""
    config_class = "Gemma3TextConfig" if name == "Gemma3" else f"{name}Config"
    suffix = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
    config = class_of(config_class)(**TINY[name])
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = getattr(transformers, name + suffix)(config)
    if hasattr(config, "num_experts_per_tok") and tiny_configs.VERSION >= (5, 0):
        model.set_experts_implementation("eager")
    return config, model


def class_of(config):
    """A config class by its name; older versions of transformers lack some."""
    if not hasattr(transformers, config) and os.environ.get("RLVIZ_REQUIRE_ALL") != "1":
        pytest.skip(f"transformers {transformers.__version__} has no {config}")
    return getattr(transformers, config)


def square(config):
    """The shape as eager attention runs it."""
    return dataclasses.replace(
        Transformer.from_config(config, attention="full"), sliding_window=None
    )


def tokens():
    return torch.randint(0, 64, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))


@pytest.mark.quick(4)
@pytest.mark.parametrize("name", TINY)
def test_the_formula_equals_the_real_model_to_the_integer(name):
    config, model = tiny(name)
    shape, ids = square(config), tokens()
    with FlopCounterMode(display=False) as counter:
        logits = model(ids, use_cache=False).logits
        forward = tiny_configs.products(counter, model)
        logits.sum().backward()
    assert forward == shape.forward([LENGTH] * BATCH)
    assert tiny_configs.products(counter, model) == shape.training([LENGTH] * BATCH)


@pytest.mark.quick(4)
@pytest.mark.parametrize("name", TINY)
def test_the_weights_equal_the_real_models_matrices(name):
    config, model = tiny(name)
    held = sum(
        p.numel()
        for name, p in model.named_parameters()
        if p.dim() >= 2 and "bias" not in name and "wpe" not in name  # positions are only looked up
    )
    tied = config.vocab_size * config.hidden_size if config.tie_word_embeddings else 0
    assert Transformer.from_config(config).total_params == held + tied


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["Mixtral", "Qwen3Moe", "DeepseekV3", "GptOss"])
def test_measure_counts_grouped_experts_where_torchs_counter_reads_zero(name):
    config, model = tiny(name)
    if tiny_configs.VERSION < (5, 0):
        pytest.skip(f"transformers {transformers.__version__} has no grouped experts")
    shape, ids = square(config), tokens()
    model.set_experts_implementation("grouped_mm")
    try:
        forward = measure(lambda: model(ids, use_cache=False))
        both = measure(lambda: model(ids, use_cache=False).logits.sum().backward())
        with FlopCounterMode(display=False) as torchs:
            model(ids, use_cache=False)
    finally:
        model.set_experts_implementation("eager")
    angles = tiny_configs.angles(torchs, model)
    assert (forward.flops, forward.uncounted) == (shape.forward([LENGTH] * BATCH) + angles, ())
    assert (both.flops, both.uncounted) == (shape.training([LENGTH] * BATCH) + angles, ())
    assert torchs.get_total_flops() < forward.flops


def generated(model):
    """Measured FLOPs of sampling 6 tokens after prompts of LENGTH, with the real cache, without
    `angles`."""
    model.eval()
    with FlopCounterMode(display=False) as torchs:
        measured = measure(
            lambda: model.generate(
                tokens(),
                attention_mask=torch.ones(BATCH, LENGTH, dtype=torch.long),
                min_new_tokens=6,
                max_new_tokens=6,
                do_sample=False,
            )
        )
    return measured.flops - tiny_configs.angles(torchs, model)


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", ["Llama", "Qwen3Moe", "Gemma3", "GPT2"])
def test_generation_equals_the_real_model_with_its_cache(name):
    config, model = tiny(name)
    # eager prefill multiplies the square; each decoded token its real keys
    windows = Transformer.from_config(config).sliding_window if name == "Gemma3" else None
    shape = square(config)
    expected = shape.generation([LENGTH] * BATCH, [6] * BATCH)
    if "logits_to_keep" not in inspect.signature(model.forward).parameters:  # older GPT-2
        expected += BATCH * (LENGTH - 1) * 2 * shape.head_params
    if windows:  # its cache drops what has left the window, so decoded tokens see 4 keys at most
        pair = 2 * shape.num_attention_heads * shape.qk_and_v_dims
        beyond = sum(max(t - 4, 0) for t in range(LENGTH + 1, LENGTH + 6))
        expected -= BATCH * len(windows) * pair * beyond
    assert generated(model) == expected


def test_transformers_expands_the_latents_of_all_keys_again_for_each_token():
    """Where conventions part: by definition a fed token costs 2N, its own latent expanded once."""
    config, model = tiny("DeepseekV3")
    expand = 2 * config.kv_lora_rank * config.num_attention_heads
    expand *= config.qk_nope_head_dim + config.v_head_dim
    cached = sum(t - 1 for t in range(LENGTH + 1, LENGTH + 6))  # keys before the fed token
    expected = square(config).generation([LENGTH] * BATCH, [6] * BATCH)
    again = BATCH * config.num_hidden_layers * expand * cached
    if tiny_configs.VERSION < (5, 11):
        again = 0  # its cache held them expanded
    assert generated(model) == expected + again


@pytest.mark.parametrize(
    ("name", "windows"),
    [
        ("Llama", None),
        ("Mistral", 4),
        ("Qwen2", None),
        ("Gemma2", (4, None)),
        ("Gemma3", (4, 4)),
        ("GptOss", (4, None)),
    ],
)
def test_windows_are_those_of_the_config(name, windows):
    assert Transformer.from_config(tiny(name)[0]).sliding_window == windows


def test_gemma_3_has_a_full_layer_after_every_five():
    config = transformers.Gemma3TextConfig(num_hidden_layers=12, sliding_window=512)
    expected = ((512,) * 5 + (None,)) * 2
    assert Transformer.from_config(config).sliding_window == expected
    raw = config.to_dict() | {"layer_types": None, "sliding_window_pattern": 6}
    assert Transformer.from_config(raw).sliding_window == expected


@pytest.mark.parametrize("name", ["Gemma2", "Gemma3Text", "GptOss"])
def test_layer_types_that_are_missing_are_those_of_transformers(name):
    config = class_of(f"{name}Config")(num_hidden_layers=12, sliding_window=512)
    raw = config.to_dict() | {"layer_types": None}
    raw.pop("_sliding_window_pattern", None)
    assert Transformer.from_config(raw) == Transformer.from_config(config)


def test_a_multimodal_config_is_read_for_its_text_model():
    config = transformers.Gemma3Config()
    text = Transformer.from_config(config.get_text_config())
    assert Transformer.from_config(config) == text


@pytest.mark.parametrize("name", TINY)
def test_a_dictionary_reads_like_its_config(name):
    config, _ = tiny(name)
    assert Transformer.from_config(config.to_dict()) == Transformer.from_config(config)


@pytest.mark.parametrize(
    ("config", "fields", "total", "active"),
    [
        ("DeepseekV3Config", {}, 671.0e9, 36.6e9),
        ("GptOssConfig", {}, 116.8e9, 5.13e9),  # gpt-oss-120b model card
        ("Qwen3MoeConfig", QWEN3_30B_A3B, 30.5e9, 3.0e9),  # 3.3e9 active with the embedding
    ],
)
def test_released_mixtures_have_their_published_weights(config, fields, total, active):
    model = Transformer.from_config(class_of(config)(**fields))
    assert model.total_params == pytest.approx(total, rel=5e-3)
    assert model.matmul_params == pytest.approx(active, rel=2e-2)


@pytest.mark.parametrize("name", ["Mamba", "RecurrentGemma", "Llama4Text", "T5"])
def test_an_unknown_architecture_is_refused_and_pointed_to_measure(name):
    config = class_of(f"{name}Config")()
    with pytest.raises(ValueError, match=r"architecture '.*' is not known.*rlviz\.flops\.measure"):
        Transformer.from_config(config)


def test_layers_of_linear_attention_are_refused():
    raw = TINY["Qwen3"] | {"model_type": "qwen3", "layer_types": ["linear_attention"] * 2}
    with pytest.raises(ValueError, match=r"layer_types has linear_attention.*flops\.measure"):
        Transformer.from_config(raw)
