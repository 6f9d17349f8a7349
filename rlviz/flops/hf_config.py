"""Shapes of known architectures, read from Hugging Face configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

Fields: TypeAlias = dict[str, Any]

# A gated MLP in every layer, attention as in Llama. Sliding windows, if any, stand in `layer_types`
# or hold for all layers.
_DENSE = frozenset(
    (
        "gemma2",
        "gemma3_text",
        "granite",
        "llama",
        "mistral",
        "olmo2",
        "phi3",
        "qwen2",
        "qwen3",
        "smollm3",
    )
)
_EXPERTS = frozenset(("gpt_oss", "mixtral", "qwen3_moe"))
_LATENT = frozenset(("deepseek_v2", "deepseek_v3", "kimi_k2"))
# Where the config does not say, the last of every so many layers is full and the others slide, as
# Gemma2Config, Gemma3TextConfig and GptOssConfig of transformers fill it in.
_PATTERNS = {"gemma2": 2, "gemma3_text": 6, "gpt_oss": 2}


class NoClosedFormulaError(ValueError):
    """The architecture, or this variant of it, has no closed formula here; the message says why."""


_COUNT = (
    "rlviz.flops.from_config(config) counts it from its model, rlviz.flops.measure(model, *inputs) "
    "as it runs."
)


class _Config:
    """Reads fields of a config object or a mapping, and remembers which were missing."""

    def __init__(self, config: object) -> None:
        self._config = config
        self.missing: list[str] = []

    def get(self, *names: str, default: Any = None) -> Any:
        for name in names:
            if isinstance(self._config, Mapping):
                value = self._config.get(name)
            else:
                value = getattr(self._config, name, None)
            if value is not None:
                return value
        return default

    def need(self, *names: str) -> Any:
        value = self.get(*names)
        if value is None:
            self.missing.append(" or ".join(names))
            return 0
        return value


def read(config: object) -> Fields:
    """Keyword arguments of `Transformer` from a config object or the mapping of a `config.json`.

    Raises:
        NoClosedFormulaError: the architecture is unknown.
        ValueError: fields are missing; the message names them.

    Example:
        >>> shape = read({"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12,
        ...               "vocab_size": 50257})
        >>> shape["intermediate_size"], shape["gated_mlp"]
        (3072, False)
    """
    source = _Config(config)
    text = source.get("text_config")
    if text is not None:
        return read(text)
    kind = source.get("model_type", default="")
    if source.get("per_layer_config" if isinstance(config, Mapping) else "is_heterogeneous"):
        raise NoClosedFormulaError(f"the layers of this {kind} config differ in size. {_COUNT}")
    reader = _reader(kind)
    if reader is None:
        _sizes(source)  # only to learn which fields are missing
        lack = f", and its config lacks {', '.join(source.missing)}" if source.missing else ""
        raise NoClosedFormulaError(
            f"architecture {kind or type(config).__name__!r} is not known{lack}. {_COUNT} If it is "
            "a plain decoder, rlviz.flops.Transformer(...) takes its sizes."
        )
    shape = reader(source)
    if source.missing:
        raise ValueError(
            f"the {kind} config lacks {', '.join(source.missing)}. Load it with "
            "transformers.AutoConfig, which fills in defaults, build rlviz.flops.Transformer(...) "
            "by hand, or count the model with rlviz.flops.measure(model, *inputs)."
        )
    return shape


def _reader(kind: str) -> Callable[[_Config], Fields] | None:
    if kind in _DENSE:
        return _llama
    if kind in _EXPERTS:
        return _experts
    if kind in _LATENT:
        return _latent
    return _gpt2 if kind == "gpt2" else None


def _llama(source: _Config) -> Fields:
    return _sizes(source) | {"sliding_window": _windows(source)}


def _sizes(source: _Config) -> Fields:
    return {
        "hidden_size": source.need("hidden_size"),
        "num_hidden_layers": source.need("num_hidden_layers"),
        "num_attention_heads": source.need("num_attention_heads"),
        "num_key_value_heads": source.get("num_key_value_heads"),
        "head_dim": source.get("head_dim"),
        "intermediate_size": source.need("intermediate_size"),
        "vocab_size": source.need("vocab_size"),
    }


def _windows(source: _Config) -> Any:
    """One window for all layers, one entry per layer, or None."""
    window = source.get("sliding_window") or None
    layers = source.get("num_hidden_layers", default=0)
    kinds = source.get("layer_types")
    if kinds is not None:
        return _windows_by_kind(kinds, window)
    if window is None or source.get("use_sliding_window") is False:
        return None
    default = _PATTERNS.get(source.get("model_type"))
    pattern = source.get("sliding_window_pattern", "_sliding_window_pattern", default=default)
    if pattern:  # Gemma: every pattern-th layer is full
        return tuple(None if (k + 1) % pattern == 0 else window for k in range(layers))
    if source.get("use_sliding_window"):  # Qwen2: the first max_window_layers are full
        full = source.get("max_window_layers", default=layers)
        return tuple(None if k < full else window for k in range(layers))
    return window


def _windows_by_kind(kinds: Any, window: Any) -> Any:
    known = {"full_attention": None, "sliding_attention": window}
    other = sorted(set(kinds) - set(known))
    if other:
        raise NoClosedFormulaError(
            f"layer_types has {', '.join(other)}; known are full_attention and sliding_attention. "
            f"{_COUNT}"
        )
    windows = tuple(known[kind] for kind in kinds)
    return windows if any(windows) else None


def _experts(source: _Config) -> Fields:
    shape = _llama(source)
    _all_layers_sparse(source)
    shape["num_experts"] = source.need("num_experts", "num_local_experts")
    shape["num_experts_per_tok"] = source.need("num_experts_per_tok")
    # gpt-oss and Mixtral have no dense MLP: their intermediate_size is the expert's.
    shape["moe_intermediate_size"] = source.get("moe_intermediate_size")
    return shape


def _all_layers_sparse(source: _Config) -> None:
    dense, step = source.get("mlp_only_layers"), source.get("decoder_sparse_step", default=1)
    frequency = source.get("moe_layer_freq", default=1)
    if dense or step != 1 or frequency != 1:
        raise NoClosedFormulaError(
            f"experts in some layers only (mlp_only_layers={dense}, decoder_sparse_step={step}, "
            f"moe_layer_freq={frequency}) are not known. {_COUNT}"
        )


def _latent(source: _Config) -> Fields:
    shape = _llama(source)
    _all_layers_sparse(source)
    shape["head_dim"] = None  # DeepSeek configs store the rotary dimension there
    shape["mla"] = {
        "q_lora_rank": source.get("q_lora_rank"),
        "kv_lora_rank": source.need("kv_lora_rank"),
        "qk_nope_head_dim": source.need("qk_nope_head_dim"),
        "qk_rope_head_dim": source.need("qk_rope_head_dim"),
        "v_head_dim": source.need("v_head_dim"),
    }
    shape["num_experts"] = source.need("n_routed_experts")
    shape["num_experts_per_tok"] = source.need("num_experts_per_tok")
    shape["num_shared_experts"] = source.get("n_shared_experts", default=0)
    shape["moe_intermediate_size"] = source.need("moe_intermediate_size")
    shape["first_k_dense"] = source.get("first_k_dense_replace", default=0)
    return shape


def _gpt2(source: _Config) -> Fields:
    width = source.need("n_embd")
    return {
        "hidden_size": width,
        "num_hidden_layers": source.need("n_layer"),
        "num_attention_heads": source.need("n_head"),
        "intermediate_size": source.get("n_inner", default=4 * width),
        "vocab_size": source.need("vocab_size"),
        "gated_mlp": False,
    }
