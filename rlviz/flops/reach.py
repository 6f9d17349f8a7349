"""Which keys the attention of a layer reaches, as the model's config says.

Eager attention multiplies whole squares whatever the mask says, so this can't be counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from rlviz.flops.counted_model import Reach

Reached: TypeAlias = tuple[Reach, int | None] | tuple[Reach, int, int | None]

_ALL: Reached = ("all", None)
_FULL = frozenset(
    ("full_attention", "attention", "global", "hybrid", "linear_attention", "mamba", "conv", "moe")
)
_COMPRESSED = frozenset(("compressed_sparse_attention", "heavily_compressed_attention"))
_SLIDING = frozenset(("sliding_attention", "hybrid_sliding", "local")) | _COMPRESSED
_WINDOWS = ("sliding_window", "sliding_window_size", "attention_window_size", "window_size")
_PER_LAYER = ("layer_types", "attention_layers")
_POOLS = ("index_kpool", "indexer_compress_ratio")

# Fields that tell of windows, chunks or selected keys, and that are read here or say nothing of
# which keys a token reaches.
_UNDERSTOOD = frozenset(
    (
        *_WINDOWS,
        *_PER_LAYER,
        *_POOLS,
        "index_kpool_always_select_tail",
        "indexer_budget",
        "compress_rates",
        "compress_rope_theta",
        "attention_chunk_size",
        "index_topk",
        "keep_window_size",
        # which layers slide: `layer_types` or the module itself says so
        "use_sliding_window",
        "max_window_layers",
        "sliding_window_pattern",
        "_sliding_window_pattern",
        "prefix_dense_sliding_window_pattern",
        "num_sliding_attention_heads",
        "swa_num_attention_heads",
        "swa_num_key_value_heads",
        "swa_head_dim",
        "swa_v_head_dim",
        "swa_rope_theta",
        "add_swa_attention_sink_bias",
        "local_layer_ids",
        "mtp_local_layer_ids",
        # the size of an indexer, and where it stands: counted as it runs
        "index_head_dim",
        "index_n_heads",
        "indexer_head_dim",
        "indexer_n_heads",
        "indexer_kv_heads",
        "indexer_types",
        "index_share_for_mtp_iteration",
        "index_topk_freq",
        "index_topk_pattern",
        "index_skip_topk_offset",
        # chunks of linear attention and of state spaces: counted as they run
        "chunk_size",
        "mamba_chunk_size",
        "chunkwise_kernel",
        "max_inference_chunksize",
        # other chunks
        "chunk_size_feed_forward",
        "chunk_size_lm_head",
        # experts that do nothing: `working` is the share of the others
        "zero_expert_num",
        "local_attention",
    )
)
_TELLING = re.compile(
    r"swa|slid|window|chunk|block_size|sparse_(?:attn|attention|block|topk)|compress|lsh_"
    r"|^index|^zero_expert|^local_|attention_type$|lookback|routing_attention"
)
_HARMLESS = {
    "index_topk_blocks": ("minimax_m3_vl_text",),  # in layers of its own kind
    "index_block_size": ("minimax_m3_vl_text",),
    "index_local_blocks": ("minimax_m3_vl_text",),
    "block_size": ("minimax", "big_bird", "bigbird_pegasus"),
    "attention_type": ("original_full", "bigbird_pegasus"),
}


def unknown_fields(config: Any) -> list[str]:
    """Fields of the config that may tell of sparse attention and are not known here, `a=1`."""
    kind = getattr(config, "model_type", "")
    found = []
    for name, value in sorted(vars(config).items()):
        telling = _TELLING.search(name) and name not in _UNDERSTOOD
        if not telling or value is None or value is False:
            continue
        if {kind, str(value)} & set(_HARMLESS.get(name, ())):
            continue
        found.append(f"{name}={value!r:.40}")
    return found


def reach(config: Any, module: Any, name: str) -> Reached:
    """Which keys the attention of a module reaches, the size of its window or block, and how many
    blocks, if there are several.

    Args:
        config: the model's text config.
        module: what multiplies queries by keys.
        name: its name in the model.

    Raises:
        ValueError: the layer is of a kind that is not known.
    """
    kind = _kind(config, name)
    config = _of_layer(config, name)
    if "indexer" in name:
        return _ALL  # it scores all keys to choose among them
    if kind is None:
        return _of_all_layers(config, module)
    if kind == "chunked_attention":
        return "block", _size(config, kind, "attention_chunk_size")
    if kind in ("indexed_attention", None, *_FULL) and (pool := _first(config, _POOLS)) is not None:
        if getattr(config, "index_kpool_always_select_tail", True) is not True:
            raise ValueError("an indexer of pools that leaves out the last tokens is not known")
        return "complete", pool, _size(config, "pools", "index_topk", "indexer_budget") // pool
    if kind == "indexed_attention":
        return "window", _size(config, kind, "index_topk")
    if kind == "minimax_m3_sparse" and getattr(config, "index_local_blocks", 0) > 0:
        size = _size(config, kind, "index_block_size")
        return "blocks", size, _size(config, kind, "index_topk_blocks")
    if kind in _SLIDING:
        window = getattr(module, "sliding_window", None)
        return "window", window if _is_size(window) else _size(config, kind, *_WINDOWS)
    if kind in _FULL:
        return _of_full_layers(config)
    raise ValueError(f"layer_types has {kind}, of which it is not known what a token attends to")


def entries(config: Any) -> list[int]:
    """How many tokens an entry of compressed keys stands for, of all kinds that the config has."""
    rates = getattr(config, "compress_rates", None)
    sizes = [*(rates.values() if isinstance(rates, Mapping) else ()), _first(config, _POOLS)]
    return sorted({size for size in sizes if _is_size(size) and size > 1})


def reach_of_entries(config: Any, name: str, size: int) -> Reached:
    """How many entries of `size` tokens each the module of this name reaches.

    Raises:
        ValueError: the layer is of a kind that is not known.
    """
    kind = _kind(config, name)
    if "indexer" in name or kind == "heavily_compressed_attention":
        return "compressed", size, None
    if kind == "compressed_sparse_attention":
        return "compressed", size, _size(config, kind, "index_topk")
    raise ValueError(f"{name} compresses keys, of which it is not known how many a token reaches")


def working(config: Any) -> Fraction:
    """The share of experts that multiply; LongCat-Flash sends tokens to others, which do nothing.
    Which ones a token chooses is in its data, so all count as chosen alike."""
    idle: Any = getattr(config, "zero_expert_num", None)
    if not _is_size(idle):
        return Fraction(1)
    experts = _size(config, "zero experts", "n_routed_experts")
    return Fraction(experts, experts + idle)


def _kind(config: Any, name: str) -> str | None:
    kinds = next((k for n in _PER_LAYER if (k := getattr(config, n, None))), None)
    index = _index(name)
    return None if kinds is None or index is None or index >= len(kinds) else str(kinds[index])


def _of_layer(config: Any, name: str) -> Any:
    """The config of one layer, where layers have their own."""
    index = _index(name)
    if index is None or getattr(config, "is_heterogeneous", False) is not True:
        return config
    return config.per_layer_config[index]


def _index(name: str) -> int | None:
    return next((int(part) for part in name.split(".") if part.isdigit()), None)


def _of_all_layers(config: Any, module: Any) -> Reached:
    """The reach where the config doesn't tell layers apart."""
    window = getattr(module, "sliding_window", getattr(config, "sliding_window", None))
    if _is_size(window) and getattr(config, "use_sliding_window", None) is not False:
        return "window", window
    return _of_full_layers(config)


def _of_full_layers(config: Any) -> Reached:
    chosen = _first(config, ("index_topk", "keep_window_size"))
    return _ALL if chosen is None else ("window", chosen)


def _size(config: Any, kind: str, *names: str) -> int:
    size = _first(config, names)
    if size is None:
        raise ValueError(f"layer_types has {kind}, but the config has no {' or '.join(names)}")
    return size


def _first(config: Any, names: Iterable[str]) -> int | None:
    return next((v for n in names if _is_size(v := getattr(config, n, None))), None)


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
