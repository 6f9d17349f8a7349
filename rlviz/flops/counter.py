"""The dispatch mode that sees every operation and adds up what it costs.

Imports torch: only `counting` imports this module, and nothing imports that before it is needed.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rlviz.flops import formulas
from rlviz.flops.arguments import tensors_in

NOTHING_SEEN = "(no operation: compiled code or another thread)"


_OVERLOAD = type(torch.ops.aten.mm.default)


@dataclass(frozen=True, slots=True)
class Count:
    """What one run cost.

    Args:
        flops: FLOPs of everything that ran.
        backward: FLOPs that differentiating it will take; 0 for what ran without gradients.
        uncounted: sorted names of the operations that may multiply matrices but have no formula.
    """

    flops: int
    backward: int
    uncounted: tuple[str, ...]


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
    """Sees every operation below autograd and adds up what each one costs.

    `FlopCounterMode` also hooks every module and tensor to build a tree of counts, and says nothing
    about operations without a formula. Tests hold the two counts equal.
    """

    supports_higher_order_operators = True

    @classmethod
    def is_infra_mode(cls) -> bool:
        """Torch 2.6 keeps dynamo out of other modes by a flag of the whole process, which threads
        that count at once would leave set for good. A `Run` keeps dynamo out by itself."""
        return True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.on = True
        self._flops = 0
        self._backward = 0
        self._uncounted: set[str] = set()
        self._seen = False
        self._differentiable = torch.is_grad_enabled()
        self._hidden = False  # products ran without gradients inside a differentiable pass
        # Of those, the backward passes by the autograd node that would hold them.
        self._in_nodes: dict[str, list[int]] = collections.defaultdict(list)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if not self.on:
            return func(*args, **kwargs)
        self._seen = True
        single = isinstance(func, _OVERLOAD)  # else an operation of higher order
        packet = func.overloadpacket if single else func
        # A nested tensor answers a decomposed operation with the operation itself, for ever.
        if single and not formulas.has_formula(packet) and not any(map(_is_nested, args)):
            # Without autograd above (inference mode), composite operations arrive whole.
            try:
                with self:
                    parts = func.decompose(*args, **kwargs)
            except Exception:  # run it whole: an error in the user's call raises again there
                parts = NotImplemented
            if parts is not NotImplemented:
                return parts
        out = func(*args, **kwargs)
        name = f"{func.namespace}::{packet.__name__}" if single else str(func)
        try:
            count = formulas.flops(packet, args, kwargs, out)
            if count is not None:
                self._add(packet, args, count)
            elif not single or formulas.may_multiply(func.namespace, packet.__name__):
                self._uncounted.add(name)
        except Exception:  # a formula that knows no such arguments must not end the user's step
            self._uncounted.add(name)
        return out

    def _add(self, packet: Any, args: tuple[Any, ...], count: int) -> None:
        self._flops += count
        if not self._differentiable or not any(_needs_grad(arg) for arg in args):
            return
        backward = formulas.backward_flops(packet, args, count)
        if not torch.is_grad_enabled():
            self._hidden = True
            if backward is not None:
                self._in_nodes[_node_of_custom(packet)].append(backward)
        elif backward is None:
            self._uncounted.add(f"backward of {packet}")
        else:
            self._backward += backward

    def result(self, inputs: Any, output: Any) -> Count:
        """The count so far.

        A custom `autograd.Function` (activation checkpointing is one) runs its forward without
        gradients, like a target network under `no_grad`. Only the output's graph tells them apart.
        So does a custom operation, whose cost is known if the graph holds each call of it.
        """
        if not self._seen:
            return Count(0, 0, (NOTHING_SEEN,))
        custom = _custom_backwards(inputs, output) if self._hidden else collections.Counter()
        known = [name for name in custom if custom[name] == len(self._in_nodes.get(name, ()))]
        backward = self._backward + sum(sum(self._in_nodes[name]) for name in known)
        names = self._uncounted | {f"backward of {name}" for name in custom.keys() - set(known)}
        return Count(self._flops, backward, tuple(sorted(names)))


def _node_of_custom(packet: Any) -> str:
    """What torch calls the autograd node of an operation that was given a backward pass later."""
    return f"GeneratedBackwardFor_{str(packet).replace('.', '_')}_defaultBackward"


def _custom_backwards(inputs: Any, output: Any) -> collections.Counter[str]:
    """Names of the custom functions in the graph between inputs and output, and how many."""
    seen: set[Any] = {tensor.grad_fn for tensor in tensors_in(inputs)} | {None}
    waiting: list[Any] = [tensor.grad_fn for tensor in tensors_in(output)]
    names: collections.Counter[str] = collections.Counter()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            names[type(node).__name__] += 1
        waiting += [parent for parent, _ in node.next_functions]
    return names


def _needs_grad(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.requires_grad
    return isinstance(value, (list, tuple)) and any(map(_needs_grad, value))


def _is_nested(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        return value.is_nested
    return isinstance(value, (list, tuple)) and any(map(_is_nested, value))
