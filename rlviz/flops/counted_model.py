"""A formula in the length of a sequence, for a model whose operations were counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from rlviz.conventions import ConventionName
from rlviz.flops.language_model import LanguageModel
from rlviz.flops.lengths import Attention, Lengths, attended_twice, compressed_twice, total
from rlviz.flops.shape import read_counting

Reach: TypeAlias = Literal["all", "window", "block", "blocks", "compressed", "complete"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a model spends on pairs of tokens.

    Attributes:
        flops: for each (query, key) pair, forward.
        reach: which keys a token t attends to, itself included: `all` t before it; those in a
            `window` of `size` tokens, or the `size` best ones (sparse attention): min(t, size);
            those in its own `block` of `size` tokens; those in `count` `blocks` of `size` tokens,
            its own and the best ones before it; `compressed` entries, each of which stands for
            `size` tokens up to t, all or the `count` best ones; the tokens themselves of the
            `count` best `complete` blocks, and those after the last complete one.
        size: None for `all`.
        count: None for all entries.
    """

    flops: int
    reach: Reach = "all"
    size: int | None = None
    count: int | None = 1

    def spent(self, lengths: Lengths, attention: str, cached: Lengths | None = None) -> int:
        """FLOPs for so many tokens of each sequence, (n,), after those `cached` before, (n,)."""
        if self.reach == "compressed":
            twice = compressed_twice(lengths, self.size or 1, self.count, attention, cached)
        elif cached is None:
            twice = self._twice(lengths, attention)
        elif attention == "full":
            twice = self._twice_full(lengths, cached)
        else:
            twice = self._twice(cached + lengths, attention) - self._twice(cached, attention)
        return self.flops * twice // 2

    def _twice(self, lengths: Lengths, attention: str) -> int:
        """Twice the pairs of whole sequences."""
        if self.reach == "block":
            return self._inside_blocks(lengths, attention)
        if self.reach in ("blocks", "complete"):
            size, most = self.size or 1, self._most or 1
            if attention == "causal" and self.reach == "complete":
                whole = size * compressed_twice(lengths, size, self.count, attention)
                return whole + self._after_blocks(lengths)
            if attention != "causal":
                return attended_twice(lengths, most, attention)
            near, far = np.minimum(lengths, most), np.maximum(lengths - most, 0)
            twice = attended_twice(near, None, attention) + self._inside_blocks(far, attention)
            return twice + 2 * (most - size) * total(far)
        return attended_twice(lengths, self.size, attention)

    def _twice_full(self, lengths: Lengths, cached: Lengths) -> int:
        """The same for tokens after cached ones, whatever the mask says."""
        if self.reach == "block":
            begun = cached % (self.size or 1)
            filling = np.where(begun > 0, np.minimum(lengths, (self.size or 1) - begun), 0)
            within = attended_twice(filling, None, "full", begun)
            return within + self._inside_blocks(lengths - filling, "full")
        return attended_twice(lengths, self._most, "full", cached)

    @property
    def _most(self) -> int | None:
        """The most keys that a token attends to."""
        if self.reach not in ("blocks", "complete") or self.size is None:
            return self.size
        rest = self.size - 1 if self.reach == "complete" else 0
        return (self.count or 1) * self.size + rest

    def _after_blocks(self, lengths: Lengths) -> int:
        """Twice the pairs of tokens and those after the last block that they complete."""
        size = self.size or 1
        whole, rest = np.divmod(lengths, size)
        return size * (size - 1) * total(whole) + attended_twice(rest, None, "causal")

    def _inside_blocks(self, lengths: Lengths, attention: str) -> int:
        """Twice the pairs of tokens of the same block."""
        size = self.size or 1
        whole, rest = np.divmod(lengths, size)
        full = attended_twice(np.array([size]), None, attention) * total(whole)
        return full + attended_twice(rest, None, attention)


@dataclass(frozen=True, slots=True)
class Chunks:
    """What linear attention spends on each chunk of a sequence.

    Attributes:
        flops: for one chunk, forward.
        size: tokens in a chunk.
        between: for each of the (c + 1)² pairs that the states before, between and after c chunks
            make, where a model without its kernels multiplies their decays as a matrix. Kernels
            hand the state on from chunk to chunk, which costs no products.
        padded: whether the last chunk is padded; else its tokens pass one by one, which costs no
            chunk.
    """

    flops: int
    size: int
    between: int = 0
    padded: bool = True

    def spent(self, lengths: Lengths, attention: str, cached: Lengths | None = None) -> int:
        """FLOPs for so many tokens of each sequence, (n,), after those `cached` before, (n,), of
        which a state is kept: a chunk's are shared by its tokens; with `full` attention, as it
        runs: the last chunk is padded or left out, and states are paired."""
        if attention == "full":
            count = -(-lengths // self.size) if self.padded else lengths // self.size
            states = total((count[count > 0] + 1) ** 2)
            return self.flops * total(count) + self.between * states
        before = 0 if cached is None else total(cached)
        reached = before + total(lengths)
        return self.flops * reached // self.size - self.flops * before // self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedModel(LanguageModel):
    """A decoder whose operations were counted: `rlviz.flops.from_config` makes it.

    It has the interface of `Transformer`. All numbers are forward FLOPs, exact integers.

    Attributes:
        architecture: the `model_type` of its config.
        body_params, head_params: weights that a token is multiplied by, of experts the active ones
            alone; also products of fixed size that a token costs otherwise.
        hidden_size: the width of what the head reads.
        per_sequence: FLOPs of a sequence whatever its length, such as the padding of convolutions.
        pairs: what core attention costs, by its reach.
        chunks: what chunked linear attention costs.
        attention: how pairs of tokens count, as in `Transformer`.
        convention: as in `Transformer`.
        unseen: kinds of work that multiply no matrices and so count nothing, such as a scan over
            states.
    """

    architecture: str
    body_params: int = field()  # without a default: the base class has properties of these names
    head_params: int = field()
    hidden_size: int
    per_sequence: int = 0
    pairs: tuple[Pairs, ...] = ()
    chunks: tuple[Chunks, ...] = ()
    attention: Attention = "causal"
    convention: ConventionName = "exact"
    unseen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        read_counting(self.attention, False, self.convention)

    def with_value_head(self) -> CountedModel:
        return replace(self, head_params=self.hidden_size)

    def _mixing(
        self, lengths: Lengths, cached: Lengths | None = None, *, decoding: bool = False
    ) -> int:
        if self.attention == "none":
            return 0
        attention = "causal" if decoding else self.attention
        spent = sum(part.spent(lengths, attention, cached) for part in self.pairs)
        spent += sum(part.spent(lengths, attention, cached) for part in self.chunks)
        begun = lengths if cached is None else lengths[cached == 0]
        return spent + self.per_sequence * int(np.count_nonzero(begun))
