"""Counts the operations of a language model built from its config, as a formula of the length.

Imports torch and transformers: only `from_config` imports this module, for architectures that have
no closed formula.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rlviz.flops.counted_model import Chunks, Pairs
from rlviz.flops.fit import CHUNK_SIZES, Fit, fit
from rlviz.flops.meta_model import (
    chunk_sizes,
    input_embeddings,
    output_embeddings,
    passes,
    text_of,
)
from rlviz.flops.meta_operations import CantCountError, Place, Spent
from rlviz.flops.reach import (
    Reached,
    entries,
    reach,
    reach_of_entries,
    unknown_fields,
    working,
)

_SCANS = re.compile(
    r"(Mamba|Bamba|H1|Ssm|SSM)\w*(Mixer|MambaLayer)$|Rglru$|RwkvSelfAttention$|[sm]LSTM(Layer|Cell)$"
)
"""Classes of modules with a recurrence over states beside their matrix products."""
_ROTARY = re.compile(r"Rotary\w*Embedding$")
"""Classes of modules that turn positions into angles, which is no matrix product by definition:
most models of transformers write it as one of a column by a row."""


@dataclass(frozen=True, slots=True)
class Found:
    """The formula of a model: FLOPs of one sequence, forward.

    Attributes:
        per_token: module and operation -> FLOPs per token.
        per_sequence: FLOPs whatever the length.
        pairs, chunks: as in `CountedModel`.
        head: the module that makes the logits.
        width: of what the head reads.
        embedding: weights of the input embedding.
        unseen: as in `CountedModel`.
    """

    per_token: Mapping[Place, int]
    per_sequence: int
    pairs: tuple[Pairs, ...]
    chunks: tuple[Chunks, ...]
    head: str
    width: int
    embedding: int
    unseen: tuple[str, ...]


def count(config: Any, *, share: bool = True) -> Found:
    """Count a model that transformers can build from a config.

    Args:
        config: its config object.
        share: run equal layers once.

    Raises:
        CantCountError: it can't be built or run, or its cost is no formula of the length.
    """
    if strange := unknown_fields(text_of(config)):
        raise CantCountError(f"what {', '.join(strange)} means for its cost is not known")
    if getattr(config, "canvas_length", None):
        raise CantCountError("tokens of a canvas attend to both sides, which has no formula")
    return _formula(*passes(config, share=share))


def _formula(model: Any, passes: Mapping[int, Spent]) -> Found:
    text, fits = text_of(model.config), {}
    sizes = sorted({*CHUNK_SIZES, *chunk_sizes(text)})
    for place in {place: None for spent in passes.values() for place in spent}:
        if _ROTARY.search(type(model.get_submodule(place[0])).__name__):
            continue
        values = {length: spent.get(place, 0) for length, spent in passes.items()}
        fits[place] = fit(values, sizes, entries(text))
    unknown = [f"{name} ({operation})" for (name, operation), found in fits.items() if not found]
    unknown += [
        f"{name} ({operation}), the same for every length,"
        for (name, operation), found in fits.items()
        if found and found.constant and not _explained(model, name, operation, found)
    ]
    if unknown:
        raise CantCountError(f"the cost of {', '.join(unknown[:4])} is no formula of the length")
    known: dict[Place, Fit] = {place: found for place, found in fits.items() if found}
    try:
        pairs = _pairs(model, text, known)
        share = working(text)
    except ValueError as error:
        raise CantCountError(str(error)) from None
    chunks: dict[tuple[int, bool], list[int]] = defaultdict(lambda: [0, 0])
    for found in known.values():
        if found.chunk:
            chunks[found.size, found.padded][0] += found.chunk
            chunks[found.size, found.padded][1] += found.between
    multiplied = {
        type(model.get_submodule(name)) for (name, _), found in known.items() if found.chunk
    }
    for scan in (module for module in model.modules() if type(module) not in multiplied):
        if size := getattr(scan, "chunk_size", 0) if hasattr(scan, "ssm_state_size") else 0:
            flops, between = _of_a_scan(scan, size)
            chunks[size, True][0] += flops
            chunks[size, True][1] += between
    return Found(
        {
            place: int(found.linear * share) if place[0].endswith("experts") else found.linear
            for place, found in known.items()
            if found.linear
        },
        sum(found.constant for found in known.values()),
        pairs,
        tuple(
            Chunks(flops, size, between, padded)
            for (size, padded), (flops, between) in sorted(chunks.items())
        ),
        _head(model),
        _width(model),
        int(input_embeddings(model).weight.numel()),
        tuple(sorted({name for m in model.modules() if _scans(name := type(m).__name__)})),
    )


def _pairs(model: Any, text: Any, known: Mapping[Place, Fit]) -> tuple[Pairs, ...]:
    """What core attention costs, by its reach."""
    flops: dict[Reached, int] = defaultdict(int)
    for (name, _), found in known.items():
        if found.square:
            flops[reach(text, model.get_submodule(name), name)] += found.square
        if found.compressed:
            flops[reach_of_entries(text, name, found.size)] += found.compressed
        if found.inside:
            flops["block", found.size] += found.inside
    return tuple(Pairs(each, *reached) for reached, each in sorted(flops.items(), key=str))


def _of_a_scan(scan: Any, size: int) -> tuple[int, int]:
    """What a chunk and a pair of states cost in a Mamba-2 layer, by its sizes: transformers 5.10
    and older multiplies element by element and adds up, which no counter knows for products.

    Keys by queries and what these weigh, both of whole squares; the state that a chunk leaves, and
    what is read of the one before it.
    """
    state = scan.head_dim * scan.ssm_state_size
    squares = size**2 * (scan.ssm_state_size + scan.head_dim)
    return 2 * scan.num_heads * (squares + 2 * size * state), 2 * scan.num_heads * state


def _explained(model: Any, name: str, operation: str, found: Fit) -> bool:
    """Whether it is known why a part of the cost does not depend on the length: the padding of a
    convolution, tokens that a model adds, or a layer that one token passes, such as a pooler."""
    once = 2 * getattr(getattr(model.get_submodule(name), "weight", None), "numel", int)()
    return operation == "convolution" or found.shifted or found == Fit(constant=once)


def _scans(name: str) -> bool:
    return _SCANS.search(name) is not None


def _head(model: Any) -> str:
    head = output_embeddings(model)
    return next((name for name, module in model.named_modules() if module is head), "")


def _width(model: Any) -> int:
    weight = getattr(output_embeddings(model), "weight", None)
    return int((input_embeddings(model).weight if weight is None else weight).shape[-1])
