"""Counts the operations of a language model built from its config, without memory for its weights.

Imports torch and transformers: only `from_config` imports this module, for architectures that have
no closed formula.

The model stands on PyTorch's `meta` device, where tensors have shapes and no data. One pass of a
sequence gives the FLOPs of each operation of each module. A few lengths show how each depends on
the length: not at all, linearly, quadratically, or by chunks. Another length checks the formula.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlviz.flops import formulas
from rlviz.flops.counted_model import Chunks, Pairs, Reach

Place: TypeAlias = tuple[str, str]
"""The name of a module, and of an operation in it."""
Spent: TypeAlias = dict[Place, int]

_LENGTHS = (128, 256, 384)
"""Multiples of every chunk size in use, so that chunks look linear there."""
_ODD = 200
"""No multiple of one: here they don't."""
_CHUNK_SIZES = (16, 32, 64, 128, 256)


class CantCountError(ValueError):
    """The model can't be built or its cost is no formula; the message says why."""


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Notes what each operation below autograd costs, by the module that calls it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.inside: list[str] = [""]
        self.spent: Spent = defaultdict(int)
        self.uncounted: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default and args[0].is_meta:
            # A mask asks whether everything is seen: yes. Other questions are about positions.
            return args[0].dtype is torch.bool or args[0].dtype.is_floating_point * 0.0
        out = func(*args, **kwargs)
        packet = func.overloadpacket
        count = formulas.flops(packet, args, kwargs, out)
        if count:
            self.spent[self.inside[-1], packet.__name__] += count
        elif count is None and formulas.may_multiply(func.namespace, packet.__name__):
            self.uncounted.add(f"{self.inside[-1]} ({packet.__name__})")
        return out


@dataclass(frozen=True, slots=True)
class Found:
    """The formula of a model: FLOPs of one sequence, forward.

    Attributes:
        per_token: module and operation -> FLOPs per token.
        per_sequence: FLOPs whatever the length.
        pairs, chunks: as in `CountedModel`.
        head: the module that makes the logits.
    """

    per_token: Spent
    per_sequence: int
    pairs: tuple[Pairs, ...]
    chunks: tuple[Chunks, ...]
    head: str


def count(config: Any) -> Found:
    """Count a model that transformers can build from a config.

    Raises:
        CantCountError: it can't be built or run, or its cost is no formula of the length.
    """
    model = _built(config)
    passes = {length: _passed(model, length) for length in (*_LENGTHS, _ODD)}
    return _formula(model, passes)


def _built(config: Any) -> Any:
    import transformers

    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    kinds = [(transformers.AutoModelForCausalLM, text if text.model_type in known else config)]
    if text is not config:
        kinds.append((transformers.AutoModelForImageTextToText, config))
    errors = []
    for kind, its in kinds:
        for attention in ("eager", None):
            for dtype in (torch.bfloat16, torch.float32):
                try:
                    with _quiet(), torch.device("meta"):
                        model = kind.from_config(its, attn_implementation=attention, dtype=dtype)
                        _passed(model.eval(), 8)
                        return model
                except Exception as error:  # whatever a model's code raises
                    errors.append(f"{type(error).__name__}: {error}")
    said = re.sub(r"\s+", " ", errors[0])[:300]
    raise CantCountError(f"its model can't be built and run without data ({said})")


@contextmanager
def _quiet() -> Iterator[None]:
    import transformers

    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)


def _passed(model: Any, length: int) -> Spent:
    """One forward pass of a sequence."""
    census = _Census()
    names = {module: name for name, module in model.named_modules()}
    hooks = []
    for module, name in names.items():
        hooks += [
            module.register_forward_pre_hook(lambda *_, name=name: census.inside.append(name)),
            module.register_forward_hook(lambda *_: census.inside.pop() and None),
        ]
    tokens = torch.zeros(1, length, dtype=torch.long, device="meta")
    try:
        with _quiet(), torch.no_grad(), torch.device("meta"), census:
            model(input_ids=tokens, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    if census.uncounted:
        raise CantCountError(
            f"these of its operations have no formula: {', '.join(sorted(census.uncounted)[:4])}"
        )
    return census.spent


def _formula(model: Any, passes: Mapping[int, Spent]) -> Found:
    per_token: Spent = {}
    pairs: dict[tuple[Reach, int | None], int] = defaultdict(int)
    chunks: dict[int, int] = defaultdict(int)
    per_sequence, unknown = 0, []
    for place in {place: None for spent in passes.values() for place in spent}:
        values = {length: spent.get(place, 0) for length, spent in passes.items()}
        fit = _polynomial(values)
        if fit is not None and min(fit) >= 0:
            constant, linear, square = fit
            per_sequence += constant
            if linear:
                per_token[place] = linear
            if square:
                pairs[_reach(model, place[0])] += square
        elif (chunk := _chunk(values)) is not None:
            chunks[chunk.size] += chunk.flops
        else:
            unknown.append(f"{place[0]} ({place[1]})")
    if unknown:
        raise CantCountError(f"the cost of {', '.join(unknown[:4])} is no formula of the length")
    return Found(
        per_token,
        per_sequence,
        tuple(Pairs(flops, *reach) for reach, flops in sorted(pairs.items(), key=str)),
        tuple(Chunks(flops, size) for size, flops in sorted(chunks.items())),
        _head(model),
    )


def _polynomial(values: Mapping[int, int]) -> tuple[int, int, int] | None:
    """Whole coefficients of 1, S and S² that give all values; None if there are none."""
    (a, b, c) = _LENGTHS
    first, second = values[b] - values[a], values[c] - values[b]
    square, rest = divmod(second - first, 2 * (b - a) ** 2)  # the three are equally far apart
    linear, more = divmod(first - square * (b * b - a * a), b - a)
    constant = values[a] - linear * a - square * a * a
    fits = values[_ODD] == constant + linear * _ODD + square * _ODD**2
    return None if rest or more or not fits else (constant, linear, square)


def _chunk(values: Mapping[int, int]) -> Chunks | None:
    """What a chunk costs where a sequence is cut into chunks, the last one padded."""
    for size in _CHUNK_SIZES:
        flops, rest = divmod(values[_LENGTHS[-1]] * size, _LENGTHS[-1])
        if not rest and all(spent == -(-length // size) * flops for length, spent in values.items()):
            return Chunks(flops, size)
    return None


def _reach(model: Any, name: str) -> tuple[Reach, int | None]:
    """Which keys the attention of a module reaches, as its config says."""
    config = model.config.get_text_config()
    parts = name.split(".")
    index = next((int(part) for part in parts if part.isdigit()), None)
    kinds = getattr(config, "layer_types", None)
    kind = kinds[index] if kinds and index is not None and index < len(kinds) else None
    if kind == "chunked_attention":
        return "block", config.attention_chunk_size
    module = model.get_submodule(name)
    window = getattr(module, "sliding_window", None)
    if kind == "full_attention":
        window = None
    elif kind == "sliding_attention" and window is None:
        window = getattr(config, "sliding_window", None)
    if isinstance(window, int) and window > 0:
        return "window", window
    if isinstance(top := getattr(module, "index_topk", None), int) and "indexer" not in name:
        return "window", top
    return "all", None


def _head(model: Any) -> str:
    head = model.get_output_embeddings()
    return next((name for name, module in model.named_modules() if module is head), "")
