"""Small models of many architectures, and the FLOPs that torch's own counter sees in them."""

import inspect
import math
import os

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 48,
    "vocab_size": 64,
    "max_position_embeddings": 1024,
    "sliding_window": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MLA = {
    "num_key_value_heads": 4,
    "q_lora_rank": 12,
    "kv_lora_rank": 10,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 4,
    "qk_head_dim": 10,
    "v_head_dim": 8,
    "head_dim": 4,
}
EXPERTS = {
    "num_experts": 8,
    "num_local_experts": 8,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "num_shared_experts": 1,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
DELTA = {
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
DSA = {"index_head_dim": 8, "index_n_heads": 2, "index_topk": 128}
MIXED = {"layer_types": ["linear_attention", "full_attention"]}
COMPRESSED = ["heavily_compressed_attention", "compressed_sparse_attention"]
SLIDING = {"layer_types": ["sliding_attention", "full_attention"]}

# model_type -> fields beside SIZES. Fields that a config class doesn't have are left out.
TINY = {
    "afmoe": EXPERTS | SLIDING,
    "apertus": {},
    "arcee": {},
    "aria_text": {"moe_num_experts": 4, "moe_topk": 2, "moe_num_shared_experts": 1},
    "axk1": MLA | EXPERTS,
    "axk2": MLA | EXPERTS | DSA,
    "bailing_hybrid": MLA | EXPERTS | MIXED,
    "bamba": {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
    | {"mamba_chunk_size": 16, "attn_layer_indices": [1]},
    "beam": {},
    "bert": {},
    "biogpt": {},
    "bitnet": {},
    "bloom": {"n_layer": 2, "n_head": 4},
    "codegen": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024, "rotary_dim": 4},
    "cohere": {},
    "cohere2": SLIDING | {"sliding_window_pattern": 2},  # as transformers 4 says it
    "cwm": SLIDING,
    "dbrx": {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 1024}
    | {"attn_config": {"kv_n_heads": 2, "rope_theta": 5e5, "clip_qkv": 8}}
    | {"ffn_config": {"ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2}},
    "deepseek_v4": EXPERTS
    | {"head_dim": 16, "q_lora_rank": 12, "o_groups": 2, "o_lora_rank": 8, "num_key_value_heads": 1}
    | {"index_head_dim": 16, "index_n_heads": 2, "index_topk": 64, "num_hidden_layers": 3}
    | {"compress_rates": dict(zip(COMPRESSED, (16, 4), strict=True))}
    | {"layer_types": [*COMPRESSED, "sliding_attention"], "partial_rotary_factor": 0.5},
    "deepseek_v3": MLA | EXPERTS,
    "deepseek_v32": MLA | EXPERTS | DSA,
    "diffllama": {},
    "dots1": EXPERTS | {"n_group": 1},
    "ernie4_5": {},
    "ernie4_5_moe": EXPERTS | {"moe_num_experts": 8, "moe_k": 2, "moe_num_shared_experts": 1},
    "exaone4": SLIDING,
    "falcon": {},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8}
    | {"mamba_n_groups": 1, "mamba_chunk_size": 16},
    "falcon_mamba": {"state_size": 4, "time_step_rank": 4},
    "flex_olmo": EXPERTS,
    "gemma": {},
    "gemma4_text": {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 64}
    | SLIDING
    | {"head_dim": None, "num_kv_shared_layers": 0},
    "glm": {},
    "glm4": {},
    "glm4_moe": EXPERTS,
    "glm_moe_dsa": MLA | EXPERTS | DSA,
    "gpt_bigcode": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024},
    "gemma3n_text": {"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 64}
    | SLIDING
    | {"num_kv_shared_layers": 0, "laurel_rank": 4, "activation_sparsity_pattern": None},
    "gpt_neo": {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]]}
    | {"window_size": 128},
    "gpt_neox": {},
    "gptj": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024, "rotary_dim": 4},
    "granitemoe": EXPERTS,
    "granitemoehybrid": EXPERTS
    | {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
    | {"mamba_chunk_size": 16, "layer_types": ["mamba", "attention"]},
    "helium": {},
    "hunyuan_v1_dense": {},
    "hunyuan_v1_moe": {"num_experts": 4, "moe_topk": 2},
    "jamba": EXPERTS
    | {"mamba_d_state": 4, "mamba_dt_rank": 4, "attn_layer_period": 2}
    | {"attn_layer_offset": 1, "expert_layer_period": 2, "expert_layer_offset": 1},
    "jais2": {},
    "jetmoe": EXPERTS | {"kv_channels": 8},
    "kimi_linear": MLA | EXPERTS | MIXED | {"short_conv_kernel_size": 4},
    "longcat_flash": MLA
    | {"num_layers": 1, "ffn_hidden_size": 48, "expert_ffn_hidden_size": 16, "moe_topk": 3}
    | {"n_routed_experts": 8, "zero_expert_num": 4},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": EXPERTS | {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "llama": {},
    "llama4_text": EXPERTS
    | {"intermediate_size_mlp": 48, "attention_chunk_size": 1024}
    | {"layer_types": ["chunked_attention", "full_attention"], "interleave_moe_layer_step": 1},
    "mamba": {"state_size": 4, "time_step_rank": 4},
    "mamba2": {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1, "chunk_size": 16},
    "minicpm3": MLA,
    "minimax": EXPERTS | MIXED | {"block_size": 16},
    "minimax_m3_vl_text": EXPERTS
    | {"layer_types": ["minimax_m3_sparse", "full_attention"], "index_n_heads": 2}
    | {"index_head_dim": 8, "index_block_size": 16, "index_topk_blocks": 8, "rotary_dim": 4},
    "minimax_m2": EXPERTS,
    "mixtral": EXPERTS,
    "mpt": {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 1024},
    "nanochat": {},
    "nemotron": {},
    "nemotron_h": {"mamba_num_heads": 8, "mamba_head_dim": 8, "ssm_state_size": 8, "n_groups": 1}
    | {
        "chunk_size": 16,
        "hybrid_override_pattern": "M*",
        "layers_block_type": ["mamba", "attention"],
    },
    "olmo": {},
    "olmo2": {},
    "olmo3": SLIDING,
    "olmo_hybrid": DELTA | MIXED,
    "olmoe": EXPERTS,
    "opt": {"word_embed_proj_dim": 32, "ffn_dim": 48},
    "persimmon": {},
    "phi": {},
    "phimoe": EXPERTS,
    "qwen2_moe": EXPERTS,
    "qwen3_5_text": DELTA | MIXED,
    "qwen3_5_moe_text": DELTA | MIXED | EXPERTS,
    "qwen4_exp_text": DELTA
    | EXPERTS
    | {"layer_types": ["linear_attention", "indexed_attention"], "hc_lowrank": 4}
    | {"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8}
    | {"indexer_budget": 128, "indexer_compress_ratio": 4},
    "qwen3_next": DELTA | MIXED | EXPERTS,
    "recurrent_gemma": {"lru_width": 32, "attention_window_size": 128}
    | {"block_types": ["recurrent", "attention"]},
    "rwkv": {"attention_hidden_size": 32},
    "seed_oss": {},
    "stablelm": {},
    "starcoder2": {},
    "vaultgemma": SLIDING,
    "xmod": {"languages": ["en_XX", "de_DE"], "default_language": "de_DE"},
    "xlstm": {"num_heads": 2, "mode": "inference"},
    "xglm": {"d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 48},
    "zamba2": {"mamba_ngroups": 1, "n_mamba_heads": 8, "mamba_headdim": 8, "mamba_d_state": 8}
    | {"chunk_size": 16, "layers_block_type": ["mamba", "hybrid"], "hybrid_layer_ids": [1]},
}


VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))
REFUSED_BEFORE = dict.fromkeys(("jamba", "nemotron", "olmoe", "phimoe"), (5, 0))
REFUSED_BEFORE |= dict.fromkeys(("qwen2_moe", "xmod", "zamba2"), (5, 0)) | {
    "aria_text": (5, 9),
    "dbrx": (5, 11),
}
"""Architectures whose models ask for data, or can't be built at these sizes, in older versions."""
REFUSED = [name for name, version in REFUSED_BEFORE.items() if version > VERSION]
SCANS = ("bamba", "falcon_h1", "granitemoehybrid", "mamba2", "nemotron_h", "zamba2")
"""Architectures with layers of Mamba 2."""
multiplies_scans = "einsum(" in inspect.getsource(transformers.models.mamba2.modeling_mamba2)
"""Whether these are products; older versions multiply element by element and add up."""


def config(name, **changes):
    """The tiny config of an architecture; older versions of transformers lack some, and refuse
    some."""
    if name in REFUSED:
        pytest.skip(f"transformers {transformers.__version__} has no {name} that can be counted")
    return built(name, **changes)


def built(name, **changes):
    """The same of what is refused too."""
    kind = type(known(name))
    names = {*inspect.signature(kind.__init__).parameters, *vars(kind()), *kind.attribute_map}
    fields = {
        k: v for k, v in (SIZES | TINY[name] | changes).items() if k in names and v is not None
    }
    return transformers.AutoConfig.for_model(name, **fields)


def known(name):
    """The config of an architecture with its own defaults; older versions lack some."""
    if name not in transformers.CONFIG_MAPPING and os.environ.get("RLVIZ_REQUIRE_ALL") != "1":
        pytest.skip(f"transformers {transformers.__version__} has no {name}")
    return transformers.AutoConfig.for_model(name)


def model(name):
    """A real, untrained model, which multiplies whole squares and runs each expert on its own."""
    torch.manual_seed(0)
    its = config(name)
    if getattr(its, "is_decoder", None) is False:
        its.is_decoder = True
    real = transformers.AutoModelForCausalLM.from_config(its, attn_implementation="eager")
    if hasattr(real, "set_experts_implementation"):
        real.set_experts_implementation("eager")
    for router in real.modules():
        if getattr(its, "zero_expert_num", 0) and hasattr(router, "e_score_correction_bias"):
            router.e_score_correction_bias[[0, 1, -1]] += 10  # the mean: two that work, one idle
    return real.eval().requires_grad_(False)


def _triangles(a, b, *args, out_shape=None, **kwargs):
    return a[-1] * math.prod(b)


def above_diagonal(name, length):
    """FLOPs of keys after their query, in a full square, that the code never computes: Qwen4-Exp's
    indexer, 2 heads of width 8, scores the entries of 4 keys before each token in a loop."""
    entries = length * (length // 4) - sum(t // 4 for t in range(1, length + 1))
    return 2 * 2 * 8 * entries if name == "qwen4_exp_text" else 0


def counted(real, length):
    """FLOPs of one pass, by torch's counter with a formula for the solver that it lacks."""
    ids = torch.randint(3, 60, (1, length), generator=torch.Generator().manual_seed(0))
    own = {torch.ops.aten.linalg_solve_triangular: _triangles}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=own) as counter:
        real(input_ids=ids, use_cache=False)
    return products(counter, real)


def products(counter, real):
    """FLOPs that torch's counter saw in a model, without its `angles`."""
    return counter.get_total_flops() - angles(counter, real)


def angles(counter, real):
    """FLOPs that torch's counter saw in rotary embeddings, which are no products by definition:
    before 5.19 transformers multiplies a column of frequencies by a row of positions."""
    rotary = [n for n, m in real.named_modules() if "Rotary" in type(m).__name__]
    seen = counter.get_flop_counts()
    return sum(sum(seen.get(f"{type(real).__name__}.{name}", {}).values()) for name in rotary)
