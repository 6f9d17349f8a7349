"""What using a decoder costs, from what it costs per token and per pair of tokens."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from rlviz.conventions import CONVENTIONS, ConventionName, PerToken
from rlviz.flops.lengths import Lengths, read_lengths, total
from rlviz.flops.sampling import Pairs, read_rounds, read_turns
from rlviz.flops.shape import whole_number
from rlviz.given import flag


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
        """The same layers with a head of one value for each token in place of a vocabulary: a
        critic, or a reward model that gives a score."""

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
    def _mixing(
        self, lengths: Lengths, cached: Lengths | None = None, *, decoding: bool = False
    ) -> int:
        """FLOPs, forward, of what tokens of a sequence do with each other in all layers: core
        attention, and whatever stands in its place.

        Args:
            lengths: (n,) tokens of each sequence that are fed.
            cached: (n,) tokens of each that were fed before, in a cache; None for none.
            decoding: exact causal pairs, whatever whole sequences count as.
        """

    def forward(
        self,
        lengths: ArrayLike,
        *,
        lora_params: int = 0,
        shared_prefixes: ArrayLike | None = None,
    ) -> int:
        """FLOPs of one forward pass, logits for every token: by "6N" 2·N a token, by "6N-tokens" 0.

        Args:
            lengths: real length of each sequence in tokens, without padding; a scalar, list, array
                or CPU tensor of any shape. Sequences that are packed into a row are one entry each.
            lora_params: weights of adapters that are not merged into the model, which every token
                is multiplied by too: 2·N_lora per token; 0 for none, or merged ones.
            shared_prefixes: as many entries as `lengths`: tokens that come before each in its
                sequence and that another entry feeds, so that they are computed once. That is how
                the branches of a tree of sequences are counted; None for none.

        Raises:
            TypeError, ValueError: they are not whole numbers >= 0, or not as many.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.matmul_params, tiny.forward([1])  # 2 per weight, and 4·d for attention
            (200, 416)
            >>> tree = tiny.forward([5, 2, 3], shared_prefixes=[0, 5, 5])  # a stem, two branches
            >>> tree == tiny.forward([5 + 2, 5 + 3]) - tiny.forward([5])  # the stem once
            True
        """
        read, before = _read_tree(lengths, shared_prefixes)
        adapters: int = whole_number("lora_params", lora_params)
        if (each := self._per_token) is not None:
            return each.forward * self.matmul_params * total(read)
        return 2 * (self.matmul_params + adapters) * total(read) + self._mixing(read, before)

    def training(
        self,
        lengths: ArrayLike,
        *,
        recompute: bool = False,
        lora_params: int = 0,
        shared_prefixes: ArrayLike | None = None,
    ) -> int:
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
            shared_prefixes: as in `forward`.

        Raises:
            TypeError, ValueError: as in `forward`.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.training([1]) == 3 * tiny.forward([1])
            True
        """
        read, before = _read_tree(lengths, shared_prefixes)
        adapters: int = whole_number("lora_params", lora_params)
        if (each := self._per_token) is not None:
            return each.training * self.matmul_params * total(read)
        recompute = flag("recompute", recompute)
        tokens, mixing = total(read), self._mixing(read, before)
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
        lora_params: int = 0,
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
            lora_params: as in `forward`: 0 where an engine serves the merged weights.

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
        prompts = _read_prompts(prompt_lengths)
        responses = read_lengths("response_lengths", response_lengths)
        samples = whole_number("samples_per_prompt", samples_per_prompt)
        adapters: int = whole_number("lora_params", lora_params)
        if samples < 1 or responses.size != samples * prompts.size:
            raise ValueError(
                f"response_lengths must have samples_per_prompt={samples} (at least 1) times as "
                f"many entries as prompt_lengths, got {responses.size} for {prompts.size} prompts. "
                "Give each prompt once, its responses side by side."
            )
        prefix_shared = flag("prefix_shared", prefix_shared)
        each = np.repeat(prompts, samples)
        if (rule := self._per_token) is not None:
            prefilled = total(prompts if prefix_shared else each)
            return rule.forward * self.matmul_params * (prefilled + total(responses))
        prefill = self._prefill(prompts if prefix_shared else each, adapters)
        return prefill + self._decode(responses, each, adapters)

    def turns(
        self,
        episodes: Pairs,
        *,
        samples_per_prompt: int = 1,
        prefix_shared: bool = False,
        lora_params: int = 0,
    ) -> int:
        """FLOPs of sampling in turns, with a KV cache that is kept from turn to turn.

        What a tool answers is not sampled: a turn feeds it in one pass, after the cache, and the LM
        head once. With it goes the token that the turn before sampled last, which was not fed then.
        So an episode costs what its tokens cost as one sequence, less the head for tokens that it
        observes. Where no cache is kept, each turn is a `generation` with all before it as prompt.
        By "6N" every token that is observed or sampled costs 2·N, by "6N-tokens" 0.

        Args:
            episodes: for each, its turns, `(observed, sampled)` tokens: what came in before, >= 1
                in the first turn, which observes the prompt; and what the model then sampled.
            samples_per_prompt: how many episodes, side by side, begin with the same prompt.
            prefix_shared: the episodes of a prompt share its cache, so it is counted once.
            lora_params: as in `generation`.

        Raises:
            TypeError, ValueError: they are no pairs of whole numbers >= 0, a turn feeds no token,
                or episodes of a prompt do not begin with the same number of tokens.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.turns([[(5, 3)]]) == tiny.generation([5], [3])
            True
            >>> spared = 2 * tiny.head_params * (4 + 6)  # no logits for 4 of the prompt, 6 observed
            >>> tiny.turns([[(5, 3), (6, 2)]]) == tiny.forward([5 + 3 + 6 + 1]) - spared
            True
        """
        passes = read_turns(episodes)
        prompts = passes.fed[passes.first]
        samples = whole_number("samples_per_prompt", samples_per_prompt)
        adapters: int = whole_number("lora_params", lora_params)
        if prompts.size % samples or (prompts[::samples] != prompts.reshape(-1, samples).T).any():
            raise ValueError(
                f"episodes must come in groups of samples_per_prompt={samples} with the same "
                f"number of prompt tokens, got prompts of {prompts.tolist()!s:.80}. Leave "
                "samples_per_prompt out where prompts differ."
            )
        fed = passes
        if flag("prefix_shared", prefix_shared):
            fed = passes[~passes.first | (np.cumsum(passes.first) % samples == 1 % samples)]
        if (rule := self._per_token) is not None:
            again = int(np.count_nonzero((passes.sampled[:-1] > 0) & ~passes.first[1:]))
            tokens = total(fed.fed) - again + total(passes.sampled)
            return rule.forward * self.matmul_params * tokens
        return self._prefill(fed.fed, adapters, fed.cached) + self._decode(
            passes.sampled, passes.cached + passes.fed, adapters
        )

    def verification(
        self, prompt_lengths: ArrayLike, rounds: Pairs, *, lora_params: int = 0
    ) -> int:
        """FLOPs of the model whose tokens a draft proposes: the target of speculative decoding.

        The prompt gives the first token, as in `generation`. A round of k drafted tokens is one
        pass of k + 1 tokens after the cache, the last one of the sequence and the drafted ones,
        with logits for each. Of the drafted a are accepted, and the pass gives one more; the
        rejected leave the cache, so the sequence grows by a + 1. Where only sums are known, divide
        them evenly: all but attention depends on sums alone. By "6N" every token of the prompt, the
        first sampled one and those of the rounds' passes cost 2·N, by "6N-tokens" 0.

        Args:
            prompt_lengths: `(responses,)` tokens of the prompt of each response, >= 1.
            rounds: for each response, its rounds, `(drafted, accepted)` tokens. It then has
                1 + Σ (accepted + 1) sampled tokens.
            lora_params: as in `generation`.

        Raises:
            TypeError, ValueError: they are no whole numbers >= 0, a prompt is empty, more tokens
                are accepted than drafted, or there are not as many responses as prompts.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> plain = tiny.generation([5], [4])  # nothing drafted: three rounds of one token
            >>> tiny.verification([5], [[(0, 0)] * 3]) == plain
            True
        """
        prompts = _read_prompts(prompt_lengths)
        its = read_rounds(prompts, rounds)
        adapters: int = whole_number("lora_params", lora_params)
        fed = its.drafted + 1
        if (rule := self._per_token) is not None:
            tokens = total(prompts) + prompts.size + total(fed)  # each prompt gives a first token
            return rule.forward * self.matmul_params * tokens
        verified = 2 * (self.matmul_params + adapters) * total(fed)
        return self._prefill(prompts, adapters) + verified + self._mixing(fed, its.known - 1)

    def drafting(self, prompt_lengths: ArrayLike, rounds: Pairs) -> int:
        """FLOPs of the model that drafts, with a KV cache of its own, for a `verification`.

        In a round of k > 0 drafted tokens it is fed what it has not seen yet, at first the prompt
        and the first token, in one pass; then each token that it drafts but the last. The rejected
        leave its cache. Drafts that no model makes, such as n-grams of the prompt, cost 0. By "6N"
        every token that a round is fed or drafts costs 2·N, by "6N-tokens" 0.

        Args:
            prompt_lengths: as in `verification`.
            rounds: as in `verification`.

        Raises:
            TypeError, ValueError: as in `verification`.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> tiny.drafting([5], [[(3, 1)]]) == tiny.generation([5 + 1], [3])
            True
        """
        passes = read_rounds(_read_prompts(prompt_lengths), rounds).by_draft()
        if (rule := self._per_token) is not None:
            return rule.forward * self.matmul_params * (total(passes.fed) + total(passes.sampled))
        return self._prefill(passes.fed, 0, passes.cached) + self._decode(
            passes.sampled, passes.cached + passes.fed, 0
        )

    def _prefill(self, fed: Lengths, adapters: int, cached: Lengths | None = None) -> int:
        """Passes of so many tokens, (n,), after those `cached`, with logits for the last one."""
        through = (self.body_params + adapters) * total(fed) + self.head_params * fed.size
        return 2 * through + self._mixing(fed, cached)

    def _decode(self, sampled: Lengths, context: Lengths, adapters: int) -> int:
        """Tokens that are sampled one by one after a context, (n,) each; the last is never fed."""
        fed = np.maximum(sampled - 1, 0)
        through = (self.matmul_params + adapters) * total(fed)
        return 2 * through + self._mixing(fed, context, decoding=True)


def _read_tree(
    lengths: ArrayLike, shared_prefixes: ArrayLike | None
) -> tuple[Lengths, Lengths | None]:
    """Tokens that are fed of each sequence, and those before them that another one feeds."""
    read = read_lengths("lengths", lengths)
    if shared_prefixes is None:
        return read, None
    before = read_lengths("shared_prefixes", shared_prefixes)
    if before.size != read.size:
        raise ValueError(
            f"shared_prefixes must have as many entries as lengths, got {before.size} for "
            f"{read.size} lengths. Give 0 for a sequence that shares nothing."
        )
    return read, before


def _read_prompts(prompt_lengths: ArrayLike) -> Lengths:
    prompts = read_lengths("prompt_lengths", prompt_lengths)
    if not prompts.all():
        raise ValueError(
            "prompt_lengths must be at least 1, got 0. A model is fed at least one token, for "
            "example the begin-of-sequence token."
        )
    return prompts
