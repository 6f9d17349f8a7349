"""Counts the operations of a language model built from its config, without memory for its weights.

Imports torch and transformers: only `from_config` imports this module, for architectures that have
no closed formula.

The model stands on PyTorch's `meta` device, where tensors have shapes and no data. One pass of a
sequence gives the FLOPs of each operation of each module. Several lengths show how each depends on
the length, with more lengths than a formula has coefficients.
"""

from __future__ import annotations

import copy
import functools
import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlviz.flops import equal_layers, formulas
from rlviz.flops.counted_model import Chunks, Pairs, Reach
from rlviz.flops.fit import CHUNK_SIZES, Fit, fit
from rlviz.flops.reach import reach, unknown_fields

Place: TypeAlias = tuple[str, str]
"""The name of a module, and of an operation in it."""
Spent: TypeAlias = dict[Place, int]

_LENGTHS = (40, 64, 100, 200, 256, 384, 600)
_LARGEST_CHUNK = 256
"""Of which the lengths hold one, two and three."""
_CHUNKS = ("chunk_size", "mamba_chunk_size", "block_size")
_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
_SCANS = re.compile(r"mamba|rwkv|rglru|lstm|ssm", re.IGNORECASE)
"""Classes of modules with a recurrence over states beside their matrix products."""
_NO_SCANS = re.compile(r"norm|model|block|layer|forcausallm|rotary|attention$", re.IGNORECASE)


_may_multiply = functools.cache(formulas.may_multiply)


class CantCountError(ValueError):
    """The model can't be built or its cost is no formula; the message says why."""


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Notes what each operation below autograd costs, by the module that calls it."""

    def __init__(self, inside: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.inside = inside
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
            dtype = args[0].dtype
            return True if dtype is torch.bool else 0.0 if dtype.is_floating_point else 0
        out = func(*args, **kwargs)
        packet = func.overloadpacket
        count = formulas.flops(packet, args, kwargs, out)
        if count:
            self.spent[self.inside[-1], packet.__name__] += count
        elif count is None and _may_multiply(func.namespace, packet.__name__):
            self.uncounted.add(f"{self.inside[-1]} ({packet.__name__})")
        return out

    def measure(self, call: Callable[[], Any]) -> tuple[Any, Spent]:
        """The output of a call, and what it alone costs."""
        before = dict(self.spent)
        output = call()
        spent = {p: n - before.get(p, 0) for p, n in self.spent.items() if n != before.get(p, 0)}
        return output, spent

    def repeat(self, spent: Spent) -> None:
        for place, flops in spent.items():
            self.spent[place] += flops


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
    text = _text(config)
    if strange := unknown_fields(text):
        raise CantCountError(f"what {', '.join(strange)} makes a token attend to is not known")
    with _quiet(), torch.no_grad(), torch.device("meta"):
        model = _built(config, text)
        with _watched(model, share) as passed:
            passes = {length: passed(length) for length in _lengths(text)}
    return _formula(model, passes)


def _text(config: Any) -> Any:
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _lengths(text: Any) -> tuple[int, ...]:
    """Lengths that the model has positions for, and that hold several of its chunks."""
    larger = -(-max(_sizes(text, _CHUNKS), default=1) // _LARGEST_CHUNK)
    most = min(_sizes(text, _POSITIONS), default=_LENGTHS[-1] + 4) - 4
    if larger == 1 and most < _LENGTHS[-1]:
        return tuple(sorted({max(1, most * length // _LENGTHS[-1]) for length in _LENGTHS}))
    return tuple(larger * length for length in _LENGTHS)


def _sizes(text: Any, fields: Iterable[str]) -> list[int]:
    values = vars(text)
    return [v for f in fields if isinstance(v := values.get(f), int) and v > 0]


def _built(config: Any, text: Any) -> Any:
    """The model, on the meta device, after a pass that shows that it runs."""
    import transformers

    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    kinds: list[tuple[Any, Any]] = [
        (transformers.AutoModelForCausalLM, text if text.model_type in known else config)
    ]
    if text is not config:
        kinds.append((transformers.AutoModelForImageTextToText, config))
    errors: list[Exception] = []
    for kind, its in kinds:
        for attention in ("eager", None):
            for dtype in (torch.bfloat16, torch.float32):
                own = copy.deepcopy(its)
                if getattr(own, "is_encoder_decoder", False) is False:
                    own.is_decoder = True  # BERT and its kin attend to both sides without it
                try:
                    model = kind.from_config(own, attn_implementation=attention, dtype=dtype)
                    model.eval()
                    with _watched(model, share=True) as passed:
                        passed(8)
                    return model
                except Exception as error:  # whatever a model's code raises
                    errors.append(error)
    for said in errors:
        if isinstance(said, CantCountError):
            raise said
    first = re.sub(r"\s+", " ", f"{type(errors[0]).__name__}: {errors[0]}")[:300]
    raise CantCountError(f"its model can't be built and run without data ({first})")


@contextmanager
def _quiet() -> Iterator[None]:
    import transformers

    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)


@contextmanager
def _watched(model: Any, share: bool) -> Iterator[Callable[[int], Spent]]:
    """A function that passes a sequence of some length and says what each place spent."""
    inside = [""]
    hooks = []
    for name, module in model.named_modules():
        hooks += [
            module.register_forward_pre_hook(lambda *_, name=name: inside.append(name)),
            module.register_forward_hook(lambda *_: inside.pop() and None),
        ]
    equal = equal_layers.groups(model) if share else {}
    layers = {layer: (look, layer.forward) for layer, look in equal.items()}

    def passed(length: int) -> Spent:
        del inside[1:]
        census = _Census(inside)
        repeats = equal_layers.Repeats(census.measure, census.repeat)
        for layer, (look, forward) in layers.items():
            layer.forward = _repeating(repeats, look, forward)
        with census:
            model(input_ids=torch.zeros(1, length, dtype=torch.long), use_cache=False)
        if census.uncounted:
            places = ", ".join(sorted(census.uncounted)[:4])
            raise CantCountError(f"these of its operations have no formula: {places}")
        return dict(census.spent)

    try:
        yield passed
    finally:
        for layer in layers:
            del layer.forward
        for hook in hooks:
            hook.remove()


def _repeating(repeats: equal_layers.Repeats, look: Any, forward: Any) -> Any:
    return lambda *args, **kwargs: repeats.call(look, forward, args, kwargs)


def _formula(model: Any, passes: Mapping[int, Spent]) -> Found:
    text, fits = _text(model.config), {}
    sizes = sorted({*CHUNK_SIZES, *_sizes(text, _CHUNKS)})
    for place in {place: None for spent in passes.values() for place in spent}:
        values = {length: spent.get(place, 0) for length, spent in passes.items()}
        fits[place] = fit(values, sizes)
    unknown = [f"{name} ({operation})" for (name, operation), found in fits.items() if not found]
    unknown += [
        f"{name} ({operation}), the same for every length,"
        for (name, operation), found in fits.items()
        if found and found.constant and operation != "convolution"
    ]
    if unknown:
        raise CantCountError(f"the cost of {', '.join(unknown[:4])} is no formula of the length")
    known: dict[Place, Fit] = {place: found for place, found in fits.items() if found}
    pairs: dict[tuple[Reach, int | None], int] = defaultdict(int)
    chunks: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for (name, _), found in known.items():
        if found.square:
            try:
                pairs[reach(text, model.get_submodule(name), name)] += found.square
            except ValueError as error:
                raise CantCountError(str(error)) from None
        if found.inside:
            pairs["block", found.size] += found.inside
        if found.chunk:
            chunks[found.size][0] += found.chunk
            chunks[found.size][1] += found.between
    return Found(
        {place: found.linear for place, found in known.items() if found.linear},
        sum(found.constant for found in known.values()),
        tuple(Pairs(flops, *reached) for reached, flops in sorted(pairs.items(), key=str)),
        tuple(Chunks(flops, size, between) for size, (flops, between) in sorted(chunks.items())),
        _head(model),
        _width(model),
        int(model.get_input_embeddings().weight.numel()),
        tuple(sorted({name for m in model.modules() if _scans(name := type(m).__name__)})),
    )


def _scans(name: str) -> bool:
    return _SCANS.search(name) is not None and _NO_SCANS.search(name) is None


def _head(model: Any) -> str:
    head = model.get_output_embeddings()
    return next((name for name, module in model.named_modules() if module is head), "")


def _width(model: Any) -> int:
    weight = getattr(model.get_output_embeddings(), "weight", None)
    return int((model.get_input_embeddings().weight if weight is None else weight).shape[-1])
