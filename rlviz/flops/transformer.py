"""FLOPs of a decoder-only Transformer, counted exactly from its shape and the real lengths."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from rlviz.flops import hf_config
from rlviz.flops.lengths import Attention, Lengths, attended_twice, read_lengths, total
from rlviz.flops.shape import Shape, whole_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer(Shape):
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
        cls, config: object, *, attention: Attention = "causal", count_embedding: bool = False
    ) -> Transformer:
        """Read the shape from a Hugging Face config.

        It knows the text models of Llama, Mistral, Mixtral, Qwen2, Qwen3, Qwen3-MoE, DeepSeek-V2
        and V3, Kimi-K2, Gemma 2 and 3, gpt-oss, GPT-2, OLMo 2, Phi-3, SmolLM3 and Granite. It reads
        the `text_config` of a multimodal config; image tokens then cost what text tokens cost.

        Args:
            config: a `transformers` config object, or the mapping of its `config.json`.
            attention: as in the constructor.
            count_embedding: as in the constructor.

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
        return cls(**hf_config.read(config), attention=attention, count_embedding=count_embedding)

    def forward(self, lengths: ArrayLike) -> int:
        """FLOPs of one forward pass, logits for every token.

        Args:
            lengths: real length of each sequence in tokens, without padding; a scalar, list, array
                or CPU tensor of any shape.

        Raises:
            TypeError, ValueError: lengths are not whole numbers >= 0.

        Example:
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.matmul_params, tiny.forward([1])  # 2 per weight, and 4·d for attention
            (200, 416)
        """
        read = read_lengths("lengths", lengths)
        return 2 * self.matmul_params * total(read) + self._core_attention(read)

    def training(self, lengths: ArrayLike, *, recompute: bool = False, lora_params: int = 0) -> int:
        """FLOPs of forward and backward on a batch: three forward passes.

        Args:
            lengths: as in `forward`; every token that passes the layers, prompts and observations
                included. One call per epoch.
            recompute: add the forward pass that full activation checkpointing repeats. That makes
                it hardware FLOPs, not model FLOPs: leave it out for an MFU.
            lora_params: trainable adapter weights of a frozen model, which then counts
                4·N_frozen + 6·N_lora per token, for frozen weights need no gradient of their own;
                `sum(p.numel() for p in model.parameters() if p.requires_grad)`. 0 trains all.

        Raises:
            TypeError, ValueError: as in `forward`, or `lora_params` is not a whole number >= 0.

        Example:
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.training([1]) == 3 * tiny.forward([1])
            True
        """
        read = read_lengths("lengths", lengths)
        tokens, attention = total(read), self._core_attention(read)
        adapters = whole_number("lora_params", lora_params)
        frozen = self.matmul_params
        per_token = 4 * frozen + 6 * adapters if adapters else 6 * frozen
        if recompute:
            per_token += 2 * (frozen + adapters)
        return per_token * tokens + (4 if recompute else 3) * attention

    def generation(
        self,
        prompt_lengths: ArrayLike,
        response_lengths: ArrayLike,
        *,
        samples_per_prompt: int = 1,
        prefix_shared: bool = False,
    ) -> int:
        """FLOPs of sampling responses with a KV cache.

        A prompt of P tokens passes the layers once and the LM head once. Then every sampled token
        but the last is fed: token t = P+1 ... P+R-1 costs 2N and attends to t keys. The last one is
        never fed. A response of 0 tokens costs its prompt.

        Args:
            prompt_lengths: `(prompts,)` tokens of each prompt, >= 1.
            response_lengths: `(prompts * samples_per_prompt,)` sampled tokens of each response, the
                end-of-sequence token included, grouped by prompt; any shape.
            samples_per_prompt: how many responses each prompt has, >= 1.
            prefix_shared: the samples of a prompt share its cache, so it is counted once.

        Raises:
            TypeError, ValueError: lengths are not whole numbers >= 0, a prompt is empty, or the
                numbers of prompts and responses do not fit.

        Example:
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.generation([1], [2]) == tiny.forward([2])  # the first token and the second
            True
        """
        prompts = read_lengths("prompt_lengths", prompt_lengths)
        responses = read_lengths("response_lengths", response_lengths)
        samples = whole_number("samples_per_prompt", samples_per_prompt)
        if samples < 1 or responses.size != samples * prompts.size:
            raise ValueError(
                f"response_lengths must have samples_per_prompt={samples} (at least 1) times as "
                f"many entries as prompt_lengths, got {responses.size} for {prompts.size} prompts. "
                "Give each prompt once, its responses side by side."
            )
        if not prompts.all():
            raise ValueError(
                "prompt_lengths must be at least 1, got 0. A model is fed at least one token, for "
                "example the begin-of-sequence token."
            )
        each = np.repeat(prompts, samples)
        fed = np.maximum(responses - 1, 0)
        prefills = prompts if prefix_shared else each
        through_layers = total(prefills) + total(fed)
        through_head = prefills.size + total(fed)
        return (
            2 * (self.body_params * through_layers + self.head_params * through_head)
            + self._core_attention(prefills)
            + self._decode_attention(each, fed)
        )

    def _decode_attention(self, prompts: Lengths, fed: Lengths) -> int:
        """Core attention of the fed tokens: exact pairs, whatever whole sequences count as."""
        if self.attention == "none":
            return 0
        return self._core_attention(prompts + fed, "causal") - self._core_attention(
            prompts, "causal"
        )

    def _core_attention(self, lengths: Lengths, attention: str | None = None) -> int:
        """Scores and weighted values of all layers, forward: 2·(qk + v) FLOPs per head and pair."""
        pairs = sum(
            layers * attended_twice(lengths, window, attention or self.attention)
            for window, layers in self._layers_by_window().items()
        )
        return pairs * self.num_attention_heads * self.qk_and_v_dims

    def _layers_by_window(self) -> Counter[int | None]:
        window = self.sliding_window
        if isinstance(window, tuple):
            return Counter(window)
        return Counter({cast("int | None", window): self.num_hidden_layers})
