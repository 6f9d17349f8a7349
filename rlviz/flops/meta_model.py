"""Runs a language model built from its config, without memory for its weights or data.

Imports torch and transformers: only `census` imports this module.

The model stands on PyTorch's `meta` device, where tensors have shapes and no data. One pass of a
sequence gives the FLOPs of each operation of each module.
"""

from __future__ import annotations

import copy
import functools
import itertools
import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlviz.flops import equal_layers, formulas

Place: TypeAlias = tuple[str, str]
"""The name of a module, and of an operation in it."""
Spent: TypeAlias = dict[Place, int]

_LENGTHS = (40, 64, 100, 200, 256, 384, 600)
_OF_LOOPS = (8, 16, 24, 300)
"""After the first two, where a model without its kernels loops over tokens: seconds each."""
_LARGEST_CHUNK = 256
"""Of which the lengths hold one, two and three."""
_CHUNKS = ("chunk_size", "mamba_chunk_size", "block_size")
_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")

_TRIES = tuple(itertools.product(("eager", None), (torch.bfloat16, torch.float32)))

_may_multiply = functools.cache(formulas.may_multiply)


class CantCountError(ValueError):
    """The model can't be built or its cost is no formula; the message says why."""


def passes(config: Any, *, share: bool = True) -> tuple[Any, dict[int, Spent]]:
    """The model of a config, and what sequences of several lengths spend in it.

    Args:
        config: as transformers has it.
        share: run equal layers once.

    Raises:
        CantCountError: the model can't be built or run, or has operations without a formula.
    """
    errors: list[Exception] = []
    with _quiet(), torch.no_grad(), torch.device("meta"):
        for build in _ways(config):
            try:
                model = build().to("meta").eval()  # some parameters are born elsewhere
                return model, _passes(model, lengths(text_of(config)), share)
            except Exception as error:  # whatever a model's code raises
                errors.append(error)
    for said in errors:
        if isinstance(said, CantCountError):
            raise said
    last = errors[-len(_TRIES)]  # the first one of the kind of model that was tried last
    said_there = re.sub(r"\s+", " ", f"{type(last).__name__}: {last}")[:300]
    raise CantCountError(f"its model can't be built and run without data ({said_there})")


def _passes(model: Any, chosen: tuple[int, ...], share: bool) -> dict[int, Spent]:
    first, second, *others = chosen
    with _watched(model, share) as passed:
        done = {length: passed(length) for length in (first, second)}
        if done[second].calls - done[first].calls >= second - first:
            others = [length for length in _OF_LOOPS if length < others[-1]]
        done |= {length: passed(length) for length in others}
    return {length: census.spent for length, census in done.items()}


def _ways(config: Any) -> Iterator[Callable[[], Any]]:
    """Ways to build the model, the first one that runs being right."""
    import transformers

    text = text_of(config)
    known = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    alone = text if text.model_type in known else config
    kinds: list[tuple[Any, Any]] = [(transformers.AutoModelForCausalLM, alone)]
    if text is not config:
        kinds.append((transformers.AutoModelForImageTextToText, config))
    for kind, its in kinds:
        for attention, dtype in _TRIES:
            own = copy.deepcopy(its)
            # As another model of this config runs its experts may be one that needs data.
            for part in {id(each): each for each in (own, text_of(own))}.values():
                if getattr(part, "_experts_implementation", None) is not None:
                    part._experts_implementation = None
            if getattr(own, "is_encoder_decoder", False) is False:
                own.is_decoder = True  # BERT and its kin attend to both sides without it
            yield functools.partial(
                kind.from_config, own, attn_implementation=attention, dtype=dtype
            )


def text_of(config: Any) -> Any:
    """The config of the text model.

    Raises:
        CantCountError: there are several.
    """
    if not hasattr(config, "get_text_config"):
        return config
    try:
        return config.get_text_config()
    except ValueError as error:
        raise CantCountError(f"its config has several text models ({error})") from error


def chunk_sizes(text: Any) -> list[int]:
    """Tokens of a chunk, as far as the config says."""
    return _sizes(text, _CHUNKS)


def lengths(text: Any) -> tuple[int, ...]:
    """Lengths that the model has positions for, and that hold several of its chunks."""
    larger = -(-max(chunk_sizes(text), default=1) // _LARGEST_CHUNK)
    most = min(_sizes(text, _POSITIONS), default=_LENGTHS[-1] + 4) - 4
    if larger == 1 and most < _LENGTHS[-1]:
        return tuple(sorted({max(1, most * length // _LENGTHS[-1]) for length in _LENGTHS}))
    return tuple(larger * length for length in _LENGTHS)


def _sizes(text: Any, fields: Iterable[str]) -> list[int]:
    values = vars(text)
    return [v for f in fields if isinstance(v := values.get(f), int) and v > 0]


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Notes what each operation below autograd costs, by the module that calls it."""

    def __init__(self, inside: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.inside = inside
        self.spent: Spent = defaultdict(int)
        self.calls = 0
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
        if func is torch.ops.aten.nonzero.default and args[0].is_meta:
            return self._chosen(args[0])
        out = func(*args, **kwargs)
        self.calls += 1
        packet = func.overloadpacket
        count = formulas.flops(packet, args, kwargs, out)
        if count:
            self.spent[self.inside[-1], packet.__name__] += count
        elif count is None and _may_multiply(func.namespace, packet.__name__):
            self.uncounted.add(f"{self.inside[-1]} ({packet.__name__})")
        return out

    def _chosen(self, mask: Any) -> Any:
        """Which experts were chosen (one of them), and for which tokens (all): the experts are of
        one size, so it is the same as if each had its share."""
        if not self.inside[-1].endswith("experts") or mask.dim() not in (1, 2):
            raise NotImplementedError(f"{self.inside[-1]} asks for data (nonzero)")
        count = 1 if mask.dim() == 1 else mask.numel()
        return torch.empty(count, mask.dim(), dtype=torch.long, device="meta")

    def measure(self, call: Callable[[], Any]) -> tuple[Any, Spent]:
        """The output of a call, and what it alone costs."""
        before = dict(self.spent)
        output = call()
        spent = {p: n - before.get(p, 0) for p, n in self.spent.items() if n != before.get(p, 0)}
        return output, spent

    def repeat(self, spent: Spent) -> None:
        for place, flops in spent.items():
            self.spent[place] += flops


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
def _watched(model: Any, share: bool) -> Iterator[Callable[[int], _Census]]:
    """A function that passes a sequence of some length, and what each place spent."""
    inside = [""]
    hooks = []
    for name, module in model.named_modules():
        hooks += [
            module.register_forward_pre_hook(lambda *_, name=name: inside.append(name)),
            module.register_forward_hook(lambda *_: inside.pop() and None),
        ]
    equal = equal_layers.groups(model) if share else {}
    layers = {layer: (look, layer.forward) for layer, look in equal.items()}

    def passed(length: int) -> _Census:
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
        return census

    try:
        yield passed
    finally:
        for layer in layers:
            del layer.forward
        for hook in hooks:
            hook.remove()


def _repeating(repeats: equal_layers.Repeats, look: Any, forward: Any) -> Any:
    return lambda *args, **kwargs: repeats.call(look, forward, args, kwargs)
