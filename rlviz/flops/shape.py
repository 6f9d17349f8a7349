"""The sizes of a decoder-only Transformer, checked, and the weights that follow from them."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from rlviz import conventions
from rlviz.conventions import ConventionName
from rlviz.flops.lengths import Attention, read_attention
from rlviz.given import flag

_MLA_FIELDS = ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The fields of `Transformer`, which documents them, and numbers of weights; no FLOPs."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    intermediate_size: int
    vocab_size: int
    gated_mlp: bool = True
    num_experts: int = 0
    num_experts_per_tok: int = 0
    num_shared_experts: int = 0
    moe_intermediate_size: int | None = None
    first_k_dense: int = 0
    sliding_window: int | Sequence[int | None] | None = None
    mla: Mapping[str, int | None] | None = None
    attention: Attention = "causal"
    count_embedding: bool = False
    convention: ConventionName = "exact"
    head_outputs: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name.startswith(("hidden", "num", "head", "inter", "vocab", "moe", "first")):
                self._set(field.name, whole_number(field.name, getattr(self, field.name)))
        if self.num_key_value_heads is None:
            self._set("num_key_value_heads", self.num_attention_heads)
        if self.moe_intermediate_size is None:
            self._set("moe_intermediate_size", self.intermediate_size)
        if self.mla is not None:
            self._set("mla", _read_mla(self.mla))
        elif self.head_dim is None:
            if self.hidden_size % self.num_attention_heads:
                raise ValueError(
                    f"head_dim must be given when hidden_size={self.hidden_size} is no multiple of "
                    f"num_attention_heads={self.num_attention_heads}."
                )
            self._set("head_dim", self.hidden_size // self.num_attention_heads)
        self._set("sliding_window", _read_windows(self.sliding_window, self.num_hidden_layers))
        self._set("gated_mlp", flag("gated_mlp", self.gated_mlp))
        read_counting(self.attention, self.count_embedding, self.convention)
        self._check_experts()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # frozen: only while it is made

    def _check_experts(self) -> None:
        if not 0 <= self.first_k_dense <= self.num_hidden_layers:
            raise ValueError(
                f"first_k_dense must be in [0, num_hidden_layers={self.num_hidden_layers}], got "
                f"{self.first_k_dense}."
            )
        if self.num_experts and not 1 <= self.num_experts_per_tok <= self.num_experts:
            raise ValueError(
                f"num_experts_per_tok must be in [1, num_experts={self.num_experts}], got "
                f"{self.num_experts_per_tok}. It is the number of routed experts per token."
            )
        if not self.num_experts and (self.num_experts_per_tok or self.num_shared_experts):
            raise ValueError(
                "num_experts must be given with num_experts_per_tok or num_shared_experts, got 0. "
                "Leave all three out for a dense model."
            )

    @property
    def total_params(self) -> int:
        """Weights held: all experts, the LM head and the input embedding as two matrices.

        Norms and biases are left out (about 0.01 %); a tied model holds V·d fewer.
        """
        d, moe = self.hidden_size, self.num_hidden_layers - self.first_k_dense
        resting = (self.num_experts - self.num_experts_per_tok) if self.num_experts else 0
        asleep = moe * resting * self._mlp_matrices * d * cast(int, self.moe_intermediate_size)
        layers = self._layer_params
        return layers + asleep + self.head_params + d * self.vocab_size

    @property
    def qk_and_v_dims(self) -> int:
        """Widths of one head's keys and values together: 2·dh, or nope + rope + v with MLA."""
        if self.mla is None:
            return 2 * cast(int, self.head_dim)
        mla = cast("Mapping[str, int]", self.mla)
        return mla["qk_nope_head_dim"] + mla["qk_rope_head_dim"] + mla["v_head_dim"]

    @property
    def head_params(self) -> int:
        """Weights of the LM head, or of what stands in its place."""
        return self.hidden_size * (self.head_outputs or self.vocab_size)

    @property
    def body_params(self) -> int:
        """Weights that every token passes before the LM head."""
        embedding = self.hidden_size * self.vocab_size if self.count_embedding else 0
        return self._layer_params + embedding

    @property
    def _layer_params(self) -> int:
        d, f = self.hidden_size, self.intermediate_size
        dense = self._mlp_matrices * d * f
        layers = self.num_hidden_layers * self._attention_params
        if not self.num_experts:
            return layers + self.num_hidden_layers * dense
        active = self.num_experts_per_tok + self.num_shared_experts
        expert = self._mlp_matrices * d * cast(int, self.moe_intermediate_size)
        sparse = active * expert + d * self.num_experts  # the router scores every expert
        return (
            layers
            + self.first_k_dense * dense
            + (self.num_hidden_layers - self.first_k_dense) * sparse
        )

    @property
    def _mlp_matrices(self) -> int:
        return 3 if self.gated_mlp else 2

    @property
    def _attention_params(self) -> int:
        d, heads = self.hidden_size, self.num_attention_heads
        if self.mla is None:
            dh, kv_heads = cast(int, self.head_dim), cast(int, self.num_key_value_heads)
            return 2 * d * heads * dh + 2 * d * kv_heads * dh
        # DeepSeek-V2 (arXiv 2405.04434), section 2.1: low-rank queries, keys and values.
        rank = self.mla["q_lora_rank"]
        mla = cast("Mapping[str, int]", self.mla)
        nope, rope, v = mla["qk_nope_head_dim"], mla["qk_rope_head_dim"], mla["v_head_dim"]
        query = heads * (nope + rope)
        queries = d * rank + rank * query if rank else d * query
        kv = mla["kv_lora_rank"]
        return queries + d * (kv + rope) + kv * heads * (nope + v) + heads * v * d


def read_counting(attention: str, count_embedding: bool, convention: str) -> None:
    """Check how a model is to count.

    Raises:
        ValueError: there is no such convention, or it does not have these options.
        TypeError: `count_embedding` is neither True nor False.
    """
    read_attention(attention)
    count_embedding = flag("count_embedding", count_embedding)
    if conventions.check(convention) == conventions.EXACT:
        return
    if attention != "causal" or count_embedding:
        given = "count_embedding=True" if count_embedding else f"attention={attention!r}"
        raise ValueError(
            f"{given} is an option of the convention 'exact', but convention={convention!r} was "
            f"given, which counts {conventions.CONVENTIONS[convention].counts}. Leave one of them "
            "out."
        )


_MAY_BE_ZERO = frozenset(
    ("num_experts", "num_experts_per_tok", "num_shared_experts", "first_k_dense", "lora_params")
)
_MAY_BE_NONE = frozenset(
    ("num_key_value_heads", "head_dim", "moe_intermediate_size", "head_outputs")
)


def whole_number(name: str, value: Any) -> Any:
    """A whole number, at least 1 (0 for counts that may be 0), as a Python int."""
    if value is None and name in _MAY_BE_NONE:
        return None
    least = 0 if name in _MAY_BE_ZERO else 1
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number >= {least}, got {value!r}.") from None
    if number < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}.")
    return number


def _read_mla(mla: Mapping[str, int | None]) -> dict[str, int | None]:
    if set(mla) != set(_MLA_FIELDS):
        raise ValueError(
            f"mla must have exactly the fields {', '.join(_MLA_FIELDS)}, got "
            f"{', '.join(sorted(mla)) or 'none'}. A model without query compression has "
            "q_lora_rank None."
        )
    return {
        name: None
        if name == "q_lora_rank" and not mla[name]
        else whole_number(f"mla {name}", mla[name])
        for name in _MLA_FIELDS
    }


def _read_windows(
    window: int | Sequence[int | None] | None, layers: int
) -> int | tuple[int | None, ...] | None:
    if window is None:
        return None
    if not isinstance(window, Sequence):
        return cast(int, whole_number("sliding_window", window))
    if len(window) != layers:
        raise ValueError(
            f"sliding_window must have one entry per layer ({layers}), got {len(window)}. Write "
            "None for a layer with full attention."
        )
    return tuple(
        None if w is None else cast(int, whole_number("sliding_window", w)) for w in window
    )
