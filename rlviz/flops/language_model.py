"""What using a decoder costs, from what it costs per token and per pair of tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from rlviz.conventions import CONVENTIONS, ConventionName, PerToken
from rlviz.flops.lengths import Lengths, read_lengths, total
from rlviz.flops.shape import whole_number


class LanguageModel(ABC):
    """The interface of `Transformer` and of what `rlviz.flops.from_config` counts.

    A model says what its layers and its head cost per token, and what its core attention costs for
    sequences of given lengths; everything else follows.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def body_params(self) -> int:
        """Weights that every token passes before the LM head."""

    @property
    @abstractmethod
    def head_params(self) -> int:
        """Weights of the LM head."""

    @abstractmethod
    def with_value_head(self) -> LanguageModel:
        """The same layers with a head of one value in place of a vocabulary: a critic."""

    @property
    @abstractmethod
    def convention(self) -> ConventionName:
        """How its FLOPs are counted; say it to the `Callback` that records them."""

    @property
    def _per_token(self) -> PerToken | None:
        """Multiples of N, where the convention counts by tokens alone."""
        return CONVENTIONS[self.convention].per_token

    @property
    def matmul_params(self) -> int:
        """N, the weights that one token is multiplied by: of experts, the active ones alone."""
        return self.body_params + self.head_params

    @abstractmethod
    def _mixing(self, lengths: Lengths, *, decoding: bool = False) -> int:
        """FLOPs, forward, of what tokens of a sequence do with each other in all layers: core
        attention, and whatever stands in its place.

        Args:
            lengths: (n,) tokens of each sequence.
            decoding: exact causal pairs, whatever whole sequences count as.
        """

    def forward(self, lengths: ArrayLike) -> int:
        """FLOPs of one forward pass, logits for every token: by "6N" 2·N a token, by "6N-tokens" 0.

        Args:
            lengths: real length of each sequence in tokens, without padding; a scalar, list, array
                or CPU tensor of any shape.

        Raises:
            TypeError, ValueError: lengths are not whole numbers >= 0.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.matmul_params, tiny.forward([1])  # 2 per weight, and 4·d for attention
            (200, 416)
        """
        read = read_lengths("lengths", lengths)
        if (each := self._per_token) is not None:
            return each.forward * self.matmul_params * total(read)
        return 2 * self.matmul_params * total(read) + self._mixing(read)

    def training(self, lengths: ArrayLike, *, recompute: bool = False, lora_params: int = 0) -> int:
        """FLOPs of forward and backward on a batch: three forward passes; by "6N" and "6N-tokens"
        6·N a token, whatever is recomputed or frozen.

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
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.training([1]) == 3 * tiny.forward([1])
            True
        """
        read = read_lengths("lengths", lengths)
        adapters = whole_number("lora_params", lora_params)
        if (each := self._per_token) is not None:
            return each.training * self.matmul_params * total(read)
        tokens, mixing = total(read), self._mixing(read)
        frozen = self.matmul_params
        per_token = 4 * frozen + 6 * adapters if adapters else 6 * frozen
        if recompute:
            per_token += 2 * (frozen + adapters)
        return per_token * tokens + (4 if recompute else 3) * mixing

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
        never fed. A response of 0 tokens costs its prompt. By "6N" every token of prompts and
        responses costs 2·N, by "6N-tokens" 0.

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
            >>> from rlviz.flops import Transformer
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
        if (rule := self._per_token) is not None:
            return rule.forward * self.matmul_params * (total(prefills) + total(responses))
        through_layers = total(prefills) + total(fed)
        through_head = prefills.size + total(fed)
        return (
            2 * (self.body_params * through_layers + self.head_params * through_head)
            + self._mixing(prefills)
            + self._mixing(each + fed, decoding=True)
            - self._mixing(each, decoding=True)
        )
