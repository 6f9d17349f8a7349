"""Runs operations on tensors without data, and notes what each costs by the module that calls it.

Imports torch: only `census` and `meta_model` import this module.

On the meta device an operation works out shapes alone, in Python and slowly. So one that was called
with tensors of the same shapes before gives an empty tensor of the shape that it gave then.
"""

from __future__ import annotations

import functools
import operator
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, TypeAlias

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlviz.flops import formulas

Place: TypeAlias = tuple[str, str]
"""The name of a module, and of an operation in it."""
Spent: TypeAlias = dict[Place, int]

_aten = torch.ops.aten
_empty = _aten.empty_strided.default
_ATTENTION = re.compile(r"(?:attn|attention|indexer)$")
_ROUTER = re.compile(r"(?:router|gate|experts)$")
_PLAIN = (bool, int, float, str, complex, type(None), torch.dtype, torch.device, torch.layout)
_may_multiply = functools.cache(formulas.may_multiply)


class CantCountError(ValueError):
    """The model can't be built or its cost is no formula; the message says why."""


class _Given(NamedTuple):
    """What an operation gave: what is needed to make it again, and what it cost."""

    again: Callable[[tuple[Any, ...]], Any]
    flops: int | None


class Census(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Notes what each operation below autograd costs, by the module that calls it.

    Args:
        inside: the names of the modules that run, the innermost last.
        given: what operations gave before, which this adds to.
    """

    def __init__(self, inside: list[str], given: dict[Hashable, _Given]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.inside = inside
        self.spent: Spent = defaultdict(int)
        self.calls = 0
        self.uncounted: set[str] = set()
        self._sent: set[str] = set()
        """Modules of experts that have all their tokens."""
        self._given = given

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        answer = _ANSWERS.get(func)
        if answer is not None and args[0].is_meta:
            answered = answer(self, args, kwargs)
            if answered is not NotImplemented:
                return answered
        self.calls += 1
        key = _call(func, args, kwargs) if _repeats(func) else None
        if key is not None and (given := self._given.get(key)) is not None:
            self._note(func, given.flops)
            return given.again(args)
        out = func(*args, **kwargs)
        count = formulas.flops(func.overloadpacket, args, kwargs, out)
        self._note(func, count)
        if key is not None and (again := _again(out, func, args, key)) is not None:
            self._given[key] = _Given(again, count)
        return out

    def _note(self, func: Any, count: int | None) -> None:
        if count:
            self.spent[self.inside[-1], func.overloadpacket.__name__] += count
        elif count is None and _may_multiply(func.namespace, func.overloadpacket.__name__):
            self.uncounted.add(f"{self.inside[-1]} ({func.overloadpacket.__name__})")

    def measure(self, call: Callable[[], Any]) -> tuple[Any, Spent]:
        """The output of a call, and what it alone costs."""
        before = dict(self.spent)
        output = call()
        spent = {p: n - before.get(p, 0) for p, n in self.spent.items() if n != before.get(p, 0)}
        return output, spent

    def repeat(self, spent: Spent) -> None:
        for place, flops in spent.items():
            self.spent[place] += flops

    def _scalar(self, args: Any, kwargs: Any) -> Any:
        """A mask asks whether everything is seen: yes. Other questions are about positions."""
        dtype = args[0].dtype
        return True if dtype is torch.bool else 0.0 if dtype.is_floating_point else 0

    def _chosen(self, args: Any, kwargs: Any) -> Any:
        """Which experts were chosen (one of them), and for which tokens (all): the experts are of
        one size, so it is the same as if each had its share. Which keys attention sees: all. The
        one sequence of the batch: yes."""
        mask, place = args[0], self.inside[-1]
        if mask.numel() == 1 or (place.endswith("experts") and mask.dim() == 1):
            count = 1
        elif place.endswith("experts") and mask.dim() == 2 and place not in self._sent:
            self._sent.add(place)  # DBRX of transformers 4 asks so for every expert, not the chosen
            count = mask.numel()
        elif _ATTENTION.search(place) and mask.dim() == 1:
            count = mask.numel()
        else:
            raise CantCountError(f"{place} asks for data (nonzero)")
        return torch.empty(count, mask.dim(), dtype=torch.long, device="meta")

    def _masked(self, args: Any, kwargs: Any) -> Any:
        """Those that a mask chose, as `_chosen` says."""
        tensor, indices = args
        if not any(each is not None and each.dtype is torch.bool for each in indices):
            return NotImplemented
        places: list[Any] = []
        for each in indices:
            masks = each is not None and each.dtype is torch.bool
            places += self._chosen((each,), {}).unbind(1) if masks else [each]
        return torch.ops.aten.index.Tensor(tensor, places)

    def _listed(self, args: Any, kwargs: Any) -> Any:
        """How many tokens each expert gets, as a list: `_split` sends all of them to one."""
        counts = args[0].dtype is torch.long and _ROUTER.search(self.inside[-1])
        if kwargs.get("device") != torch.device("cpu") or not counts:
            return NotImplemented
        return torch.zeros(args[0].shape, dtype=torch.long, device="cpu")

    def _split(self, args: Any, kwargs: Any) -> Any:
        """Tokens sent to experts whose numbers came as `_listed`."""
        tensor, sizes, *dim = args
        if not sizes or any(sizes):
            return NotImplemented
        along = (dim or [kwargs.get("dim", 0)])[0]
        return torch.split_with_sizes(tensor, [tensor.shape[along], *sizes[1:]], along)


_ANSWERS: dict[Any, Callable[[Census, Any, Any], Any]] = {
    _aten._local_scalar_dense.default: Census._scalar,
    _aten.nonzero.default: Census._chosen,
    _aten.index.Tensor: Census._masked,
    _aten._to_copy.default: Census._listed,
    _aten.split_with_sizes.default: Census._split,
}


@functools.cache
def _repeats(func: Any) -> bool:
    """Whether an operation gives new tensors or its first argument, not views of its arguments."""
    schema = func._schema
    if any(a.alias_info is not None for a in schema.arguments[1:]) or not schema.returns:
        return False
    first = schema.arguments[0].alias_info if schema.arguments else None
    if first is not None and (not first.is_write or len(schema.returns) != 1):
        return False
    return first is not None or all(r.alias_info is None for r in schema.returns)


def _call(func: Any, args: Any, kwargs: Any) -> tuple[Hashable, ...] | None:
    """What the shapes that a call gives depend on; None if that may be data."""
    try:
        return func, _looks(args), _looks(kwargs.items()) if kwargs else ()
    except _UnknownError:
        return None


class _UnknownError(Exception):
    pass


def _looks(values: Iterable[Any]) -> tuple[Hashable, ...]:
    return tuple([_look(value) for value in values])


def _look(value: Any) -> Hashable:
    if isinstance(value, torch.Tensor):
        if not value.is_meta:
            raise _UnknownError
        return value.shape, value.stride(), value.dtype
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, (tuple, list)):
        return _looks(value)
    raise _UnknownError


def _again(out: Any, func: Any, args: Any, key: tuple[Hashable, ...]) -> Any:
    """A function of the arguments that gives what the operation gave; None if there is none."""
    if args and out is args[0]:
        same = _looks(args) == key[1]  # else it changed the shape of its argument
        return operator.itemgetter(0) if same else None
    if isinstance(out, torch.Tensor):
        return _maker(out)
    if isinstance(out, (tuple, list)) and all(isinstance(each, torch.Tensor) for each in out):
        kind, makers = type(out), [_maker(each) for each in out]
        if None not in makers and kind in (tuple, list):
            return lambda args: kind(make(args) for make in makers if make is not None)
    return None


def _maker(like: Any) -> Callable[[tuple[Any, ...]], Any] | None:
    if not like.is_meta:
        return None
    size, stride, dtype, device = like.shape, like.stride(), like.dtype, like.device
    return lambda args: _empty(size, stride, dtype=dtype, device=device)
