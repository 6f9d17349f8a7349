"""Shapes from plain mappings, as in a `config.json`; no transformers needed."""

import pytest

from rlviz.flops import Transformer

QWEN2 = {
    "model_type": "qwen2",
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 64,
}
# config.json of moonshotai/Kimi-K2-Instruct
KIMI_K2 = {
    "model_type": "kimi_k2",
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "num_attention_heads": 64,
    "num_key_value_heads": 64,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "vocab_size": 163840,
    "n_routed_experts": 384,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}


def test_kimi_k2_has_a_trillion_weights_of_which_32_billion_are_active():
    model = Transformer.from_config(KIMI_K2)
    assert model.total_params == pytest.approx(1.026e12, rel=2e-3)
    assert model.matmul_params == pytest.approx(32e9, rel=2e-2)


def test_conventions_are_arguments():
    model = Transformer.from_config(KIMI_K2, attention="causal_half", count_embedding=True)
    assert (model.attention, model.count_embedding) == ("causal_half", True)


def test_a_nested_text_config_is_read():
    assert Transformer.from_config({"model_type": "kimi_k25", "text_config": KIMI_K2}) == (
        Transformer.from_config(KIMI_K2)
    )


@pytest.mark.parametrize(
    ("extra", "windows"),
    [
        ({"sliding_window": 8, "use_sliding_window": False}, None),
        (
            {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 3},
            (None, None, None, 8),
        ),
        (
            {
                "sliding_window": 8,
                "layer_types": ["full_attention", "sliding_attention"] * 2,
            },
            (None, 8, None, 8),
        ),
    ],
)
def test_qwen_windows_are_used_only_where_the_config_says_so(extra, windows):
    assert Transformer.from_config(QWEN2 | extra).sliding_window == windows


@pytest.mark.parametrize(
    ("kind", "extra", "windows"),
    [
        ("gemma2", {}, (8, None) * 6),
        ("gemma3_text", {}, ((8,) * 5 + (None,)) * 2),
        ("gemma3_text", {"sliding_window_pattern": 3}, (8, 8, None) * 4),
        ("gpt_oss", {"num_local_experts": 4, "num_experts_per_tok": 2}, (8, None) * 6),
        ("mistral", {}, 8),
    ],
)
def test_windows_without_layer_types_are_those_that_transformers_fills_in(kind, extra, windows):
    raw = QWEN2 | {"model_type": kind, "num_hidden_layers": 12, "sliding_window": 8} | extra
    assert Transformer.from_config(raw).sliding_window == windows


def test_missing_fields_of_a_known_architecture_are_named():
    with pytest.raises(ValueError, match=r"qwen2 config lacks hidden_size, vocab_size\. Load it"):
        Transformer.from_config(
            {k: v for k, v in QWEN2.items() if k not in ("hidden_size", "vocab_size")}
        )


def test_missing_fields_of_an_unknown_architecture_are_named():
    with pytest.raises(
        ValueError,
        match=r"'my_ssm' is not known, and its config lacks num_attention_heads.*flops\.measure",
    ):
        Transformer.from_config(
            {k: v for k, v in QWEN2.items() if k != "num_attention_heads"}
            | {"model_type": "my_ssm"}
        )


def test_a_config_without_a_type_is_refused():
    with pytest.raises(ValueError, match="architecture 'dict' is not known"):
        Transformer.from_config({k: v for k, v in QWEN2.items() if k != "model_type"})


@pytest.mark.parametrize(
    "extra", [{"mlp_only_layers": [0]}, {"decoder_sparse_step": 2}, {"moe_layer_freq": 2}]
)
def test_experts_in_some_layers_only_are_refused(extra):
    raw = QWEN2 | {"model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2} | extra
    with pytest.raises(ValueError, match=r"experts in some layers only.*flops\.measure"):
        Transformer.from_config(raw)
