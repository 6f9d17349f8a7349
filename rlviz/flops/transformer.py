"""FLOPs of a decoder-only Transformer, counted exactly from its shape and the real lengths."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import cast

from rlviz.conventions import ConventionName
from rlviz.flops import hf_config
from rlviz.flops.language_model import LanguageModel
from rlviz.flops.lengths import Attention, Lengths, attended_twice
from rlviz.flops.shape import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer(Shape, LanguageModel):
    """The shape of a decoder-only Transformer, and the FLOPs that its uses cost.

    One multiply-add is two FLOPs, and only matrix products count: norms, activations, softmax,
    rotary embeddings and biases do not. The LM head counts once and the input embedding not at all,
    whether they are tied or not. Every result is a Python int and exact under these conventions.

    Args:
        hidden_size: d, the width of the residual stream.
        num_hidden_layers: L.
        num_attention_heads: H.
        num_key_value_heads: Hkv; None for H. Grouped queries change the projections only.
        head_dim: dh; None for d/H.
        intermediate_size: f, the width of a dense MLP.
        vocab_size: V.
        gated_mlp: three matrices per MLP (SwiGLU, GeGLU); False for two.
        num_experts: E, routed experts of a mixture-of-experts layer; 0 for a dense model.
        num_experts_per_tok: routed experts that each token passes.
        num_shared_experts: experts that every token passes, of the same width.
        moe_intermediate_size: f_e, the width of one expert; None for `intermediate_size`.
        first_k_dense: how many first layers keep a dense MLP in a mixture-of-experts model.
        sliding_window: attention window in tokens, the token itself included; one number for all
            layers, or one entry per layer, None being full attention.
        mla: multi-head latent attention (DeepSeek): a mapping with `q_lora_rank` (None for a full
            query projection), `kv_lora_rank`, `qk_nope_head_dim`, `qk_rope_head_dim`, `v_head_dim`.
        attention: how core attention counts: `"causal"`, the pairs a causal mask leaves;
            `"causal_half"`, half the square (verl, Megatron); `"full"`, the square (PaLM, nanoGPT,
            torchtitan); `"none"`.
        count_embedding: count V·d for the input embedding of each token too (verl).
        convention: `"exact"`, or by tokens and weights alone: `"6N"` or `"6N-tokens"`, which take
            neither `attention` nor `count_embedding`. Give the `Callback` the same.
        head_outputs: what the head gives for each token; None for V. A critic and a reward model
            give 1.

    Raises:
        TypeError: a size is not a whole number.
        ValueError: sizes are out of range or do not fit together.

    Example:
        >>> gpt2 = Transformer(
        ...     hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        ...     intermediate_size=3072, vocab_size=50257, gated_mlp=False, attention="full",
        ... )
        >>> gpt2.matmul_params
        123532032
        >>> gpt2.training([1024])  # forward and backward of one sequence, as nanoGPT counts
        874944921600
    """

    @classmethod
    def from_config(
        cls,
        config: object,
        *,
        attention: Attention = "causal",
        count_embedding: bool = False,
        convention: ConventionName = "exact",
    ) -> Transformer:
        """Read the shape from a Hugging Face config.

        It knows the text models of Llama, Mistral, Mixtral, Qwen2, Qwen3, Qwen3-MoE, DeepSeek-V2
        and V3, Kimi-K2, Gemma 2 and 3, gpt-oss, GPT-2, OLMo 2, Phi-3, SmolLM3 and Granite. It reads
        the `text_config` of a multimodal config; image tokens then cost what text tokens cost.
        `rlviz.flops.from_config` takes any other architecture too.

        Args:
            config: a `transformers` config object, or the mapping of its `config.json`.
            attention: as in the constructor.
            count_embedding: as in the constructor.
            convention: as in the constructor.

        Raises:
            ValueError: the architecture is unknown or fields are missing; the message names them.

        Example:
            >>> config = {
            ...     "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
            ...     "num_attention_heads": 32, "intermediate_size": 11008, "vocab_size": 32000,
            ... }
            >>> Transformer.from_config(config).matmul_params
            6607077376
        """
        return cls(
            **hf_config.read(config),
            attention=attention,
            count_embedding=count_embedding,
            convention=convention,
        )

    def with_value_head(self) -> Transformer:
        return replace(self, head_outputs=1)

    def _mixing(
        self, lengths: Lengths, cached: Lengths | None = None, *, decoding: bool = False
    ) -> int:
        """Scores and weighted values of all layers, forward: 2·(qk + v) FLOPs per head and pair."""
        attention = "causal" if decoding and self.attention != "none" else self.attention
        pairs = sum(
            layers * attended_twice(lengths, window, attention, cached)
            for window, layers in self._layers_by_window().items()
        )
        return pairs * self.num_attention_heads * self.qk_and_v_dims

    def _layers_by_window(self) -> Counter[int | None]:
        window = self.sliding_window
        if isinstance(window, tuple):
            return Counter(window)
        return Counter({cast("int | None", window): self.num_hidden_layers})
