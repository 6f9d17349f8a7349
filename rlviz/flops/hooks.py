"""The hooks around a watched module's forward pass: the hot path of `Watch`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from rlviz.flops.ledger import NO_PASS, Ledger


class _Hook:
    """A hook that a copy or pickle of the module does not take along.

    It has no slots: dynamo of torch 2.6 can't trace them.
    """

    def __init__(self, ledger: Ledger) -> None:
        import torch

        self._ledger = ledger
        self._local = ledger.local
        self._tensor = torch.Tensor
        # In code that dynamo traces, the hooks must vanish: counting would stop compilation.
        self._compiling = torch.compiler.is_compiling
        self._compiled_around = ledger.compiled_around

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Unwatched, ()


class Before(_Hook):
    """Looks up the shapes of a forward pass before it runs. The hot path, hence written out."""

    _frames = 2
    """How many frames up Module._call_impl is; one more where another hook calls this one."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        import torch

        self._grad_enabled = torch.is_grad_enabled
        self._known = ledger.known
        self._extra = ledger.extra

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._compiling():
            self._compiled_around()
            return
        ledger = self._ledger
        key: Any
        try:
            if len(args) == 1 and not kwargs and type(args[0]) is self._tensor:
                first = args[0]
                key = first.shape, first.requires_grad, module.training, self._grad_enabled()
            else:
                shapes = ledger.shapes
                key = shapes(args), shapes(kwargs), module.training, self._grad_enabled()
            known = self._known.get(key)
        except Exception:  # no shape, or an object of unknown kind: count it each time
            key = known = None
        try:
            passes = self._local.passes
        except AttributeError:
            passes = ledger.passes()
        if self._extra.now:
            passes.append(NO_PASS)
            return
        if known is None:
            # The frame of Module._call_impl, which also calls the hooks after a failing forward.
            ledger.start(key, module, args, kwargs, sys._getframe(self._frames))
            return
        if passes:
            ledger.tidy()  # the module runs within itself, or an interrupt has left passes
        passes.append(known)


class After(_Hook):
    """Counts a forward pass after it ran, and awaits its gradient."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._spend = ledger.spent.append

    def __call__(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        if self._compiling():
            return
        try:
            known = self._local.passes.pop()
        except (AttributeError, IndexError):
            return  # the pass was under way when the watch began
        try:
            self._count(known, args, output)
        except Exception as error:
            # Its type alone: its message may differ at each pass, and its frames hold tensors.
            self._ledger.note_failure(type(error).__name__)

    def _count(self, known: Any, args: tuple[Any, ...], output: Any) -> None:
        while type(known) is tuple:
            key, run = known
            known = self._ledger.finish(key, run, args, output) or self._local.passes.pop()
        self._spend(known.forward)
        on_gradient = known.on_gradient
        if on_gradient is None or output is None:
            return
        if type(output) is self._tensor:
            node = output.grad_fn
            if node is not None:
                # Public, and a third cheaper than Tensor.register_hook.
                node.register_prehook(on_gradient)
                return
        self._ledger.await_gradient(on_gradient, output)


class Unwatched:
    """Stands where the hook stood in a copy of a watched module, and does nothing."""

    def __call__(self, *args: Any) -> None:
        return None
