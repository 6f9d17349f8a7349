"""Watches a module while it trains, by two hooks that share a ledger, and adds up its FLOPs."""

from __future__ import annotations

from typing import Any

from rlviz.flops.hooks import After, Before
from rlviz.flops.ledger import Ledger


class Watch:
    """Counts the FLOPs of a module from now on, without being told the shapes.

    A forward pass with shapes not seen before runs under a counter of operations; later ones look
    the count up, except where an argument is an object of unknown kind, such as a key-value cache:
    such a pass is counted each time. The backward pass is derived from the forward one, operation
    by operation, and counted when a gradient arrives at the module's output: what is never
    differentiated, such as rollouts under `no_grad`, costs its forward pass only. Backward counts
    as if every output were used and nothing recomputed (model FLOPs). Freezing or replacing layers
    later needs a new watch.

    A compiled module is counted once per shape by an extra, uncompiled forward pass that leaves the
    random state and the buffers alone. An object of unknown kind might change in it, so such a pass
    is not counted, and `uncounted` says so. Watch what `torch.compile` returned: a module inside a
    compiled region is not counted there, and `uncounted` says so; code that was compiled before the
    watch began has no hooks, and nothing can be said of it. Replays of a captured CUDA graph are
    not seen. Copies and pickles of a watched module are not watched.

    A failure to count raises nothing into the module; `uncounted` names it.

    Args:
        module: an `nn.Module`; the passes of its parts count in it, so watch the outermost.

    Raises:
        TypeError: `module` is no `nn.Module`.
        ValueError: it was compiled in place, by `module.compile()`.

    Example:
        >>> import torch
        >>> policy = torch.nn.Linear(8, 4)
        >>> watch = Watch(policy)
        >>> policy(torch.zeros(2, 8)).sum().backward()
        >>> watch.take()  # 2 * 2 * 8 * 4 forward, the same again for the weights' gradient
        256
        >>> watch.take()
        0
    """

    def __init__(self, module: Any) -> None:
        import torch

        if not isinstance(module, torch.nn.Module):
            raise TypeError(
                f"Watch needs an nn.Module, got {type(module).__name__}. Count a function once "
                "with rlviz.flops.measure(fn, *args)."
            )
        if getattr(module, "_compiled_call_impl", None) is not None:
            raise ValueError(
                f"{type(module).__name__} was compiled in place, so its hooks run inside the "
                "compiled code. Use module = torch.compile(module) and watch that."
            )
        self._ledger = ledger = Ledger(module)
        self._handles = (
            module.register_forward_pre_hook(Before(ledger), with_kwargs=True),
            # Always called, so that a counter entered before a failing forward pass is left.
            module.register_forward_hook(After(ledger), always_call=True),
        )

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Sorted names of operations that may multiply matrices and could not be counted."""
        return tuple(sorted(self._ledger.uncounted))  # a frozenset: replaced, never changed

    def take(self) -> int:
        """FLOPs of all passes since the last `take()`."""
        self._ledger.tidy()
        spent, total = self._ledger.spent, 0
        while spent:
            total += spent.popleft()
        return total

    def close(self) -> None:
        """Stop watching; `take()` still gives what was counted."""
        self._ledger.tidy()
        for handle in self._handles:
            handle.remove()
