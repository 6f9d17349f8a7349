"""Watches modules that are entered by their methods and submodules, not only by `forward`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rlviz.flops.hooks import After, Before, Unwatched
from rlviz.flops.ledger import Ledger, constant
from rlviz.flops.watch import Watch


class SubmoduleWatch:
    """Counts the FLOPs of whatever submodule of some modules is called, each call once.

    `Watch` sees a module's own forward passes. Policies are often entered elsewhere: by
    `policy.evaluate_actions(obs)`, which calls `policy.encoder(obs)`. Here every submodule has the
    hooks of a watch, and where they run within each other the outermost counts. It sees neither
    what a method does between submodules, such as a product of two tensors, nor a submodule that is
    added later. A pass that a backward pass repeats (activation checkpointing) counts once.

    Torch takes a slower path for modules with hooks, some µs for each submodule that runs. A module
    that is only called as a whole is cheaper as one of `whole`.

    Args:
        modules: the modules, with all their submodules.
        whole: further modules, whose submodules only they themselves call.

    Raises:
        TypeError: one is no `nn.Module`.

    Example:
        >>> import torch
        >>> class Policy(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.net = torch.nn.Linear(8, 4)
        ...     def act(self, obs):
        ...         return self.net(obs).argmax(-1)
        >>> policy = Policy()
        >>> watch = SubmoduleWatch([policy])
        >>> actions = policy.act(torch.zeros(2, 8))
        >>> watch.take()  # 2 * 2 * 8 * 4
        128
    """

    def __init__(self, modules: Iterable[Any], *, whole: Iterable[Any] = ()) -> None:
        self._depth = depth = _Depth()
        self._spent: deque[int] = deque()
        self._ledgers: list[_SubmoduleLedger] = []
        self._handles: list[Any] = []
        for submodule, is_inside_compiled in _submodules(modules, whole):
            passes = _PassCounters(submodule, self._spent, is_inside_compiled)
            self._ledgers += passes.ledgers
            self._handles += [
                submodule.register_forward_pre_hook(_Enter(passes, depth), with_kwargs=True),
                submodule.register_forward_hook(_Leave(passes, depth), always_call=True),
            ]

    @property
    def uncounted(self) -> tuple[str, ...]:
        """Sorted names of operations that may multiply matrices and could not be counted."""
        from rlviz.flops.counter import NOTHING_SEEN

        names: set[str] = set()
        for ledger in self._ledgers:
            # A submodule that only hands its input on runs no operation, and hides nothing.
            names |= ledger.uncounted - {NOTHING_SEEN} if ledger.weightless else ledger.uncounted
        return tuple(sorted(names))

    def take(self) -> int:
        """FLOPs of all passes since the last `take()`; call it outside of a pass."""
        if self._depth.now:  # an interrupt has ended the passes of this thread without a word
            self._tidy()
        spent, total = self._spent, 0
        while spent:
            total += spent.popleft()
        return total

    def close(self) -> None:
        """Stop watching; `take()` still gives what was counted."""
        self._tidy()
        for handle in self._handles:
            handle.remove()

    def _tidy(self) -> None:
        self._depth.now, self._depth.after = 0, None
        for ledger in self._ledgers:
            ledger.tidy()


def watch_for(module: Any) -> Watch | SubmoduleWatch:
    """The watch that sees the passes of a module.

    An agent may have no forward pass of its own but hold networks, and methods that call them: then
    it sees the passes of the submodules.

    Raises:
        TypeError, ValueError: as `Watch`.
    """
    import torch

    if isinstance(module, torch.nn.Module) and not _is_callable(module):
        return SubmoduleWatch([module])
    return Watch(module)


def counted_apart(module: Any) -> tuple[Any, ...]:
    """The modules whose passes the watch of a module counts, each by itself: the module, or those
    of its parts with weights if it has no forward pass of its own."""
    if _is_callable(module):
        return (module,)
    return tuple(part for part, _ in _submodules([module], ()) if not _is_weightless(part))


class _SubmoduleLedger(Ledger):
    """The ledger of one submodule."""

    def __init__(self, submodule: Any, spent: deque[int], is_inside_compiled: bool) -> None:
        super().__init__(submodule)
        self.spent = spent  # all submodules share one
        self.weightless = _is_weightless(submodule)
        if is_inside_compiled:  # the compiled module around it is watched, and counts
            self.compiled_around = constant(_nothing)


class _BeforeSubmodule(Before):
    _frames = 3


class _PassCounters:
    """Counts the passes of one submodule, with weights that are trained and without, apart.

    A functional loss may put in other weights from one pass to the next.
    """

    def __init__(self, submodule: Any, spent: deque[int], is_inside_compiled: bool) -> None:
        first = next((name for name, _ in submodule.named_parameters()), "")
        path, _, name = first.rpartition(".")
        self._name: str = name
        self._owner = submodule.get_submodule(path)
        self.ledgers = [_SubmoduleLedger(submodule, spent, is_inside_compiled) for _ in range(2)]
        self._counting = [(_BeforeSubmodule(each), After(each)) for each in self.ledgers]

    def counting(self) -> tuple[_BeforeSubmodule, After]:
        """The hooks for a pass with the present weights."""
        weight = getattr(self._owner, self._name, None) if self._name else None
        return self._counting[bool(getattr(weight, "requires_grad", True))]


class _Depth(threading.local):
    """How many watched submodules run within each other in this thread."""

    now = 0
    after: After | None = None
    """The hook of the outermost one, if its pass is counted."""


class _SubmoduleHook:
    """A hook that a copy or pickle of the submodule does not take along."""

    def __init__(self, passes: _PassCounters, depth: _Depth) -> None:
        import torch

        self._passes = passes
        self._depth = depth
        # In code that dynamo traces, the hooks must vanish.
        self._compiling = torch.compiler.is_compiling

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Unwatched, ()


class _Enter(_SubmoduleHook):
    """Begins to count a submodule's forward pass if it is the outermost."""

    def __init__(self, passes: _PassCounters, depth: _Depth) -> None:
        super().__init__(passes, depth)
        import torch

        self._compiled_around = passes.ledgers[0].compiled_around
        self._graph_task: Callable[[], int] = torch._C._current_graph_task_id

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._compiling():
            self._compiled_around()
            return
        depth = self._depth
        depth.now += 1
        if depth.now == 1 and self._graph_task() == -1:
            before, depth.after = self._passes.counting()
            before(module, args, kwargs)


class _Leave(_SubmoduleHook):
    """Ends what `_Enter` began."""

    def __call__(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        if self._compiling():
            return
        depth = self._depth
        depth.now -= 1
        if depth.now == 0 and depth.after is not None:
            after, depth.after = depth.after, None
            after(module, args, output)


def _nothing() -> None:
    """Note nothing."""


def _submodules(modules: Iterable[Any], whole: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    """The modules and submodules that can be called and may multiply, each once.

    Gives with each whether it is inside a compiled one.
    """
    import torch

    known: set[int] = set()
    undivided = list(whole)
    waiting = [(module, False) for module in (*undivided, *modules)]
    while waiting:
        module, is_inside = waiting.pop()
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"a watch needs nn.Modules, got {type(module).__name__}.")
        if id(module) in known:
            continue
        known.add(id(module))
        of_torch = type(module).__module__.startswith("torch.nn.")
        # Torch's own layers without weights, such as activations, multiply no matrices.
        if _is_callable(module) and not (of_torch and _is_weightless(module)):
            yield module, is_inside
        if not isinstance(module, torch.jit.ScriptModule) and not any(
            module is each for each in undivided
        ):
            is_inside = is_inside or hasattr(module, "_orig_mod")
            waiting += [(child, is_inside) for child in module.children()]


def _is_callable(module: Any) -> bool:
    """Whether it has a forward pass, unlike a list of modules or a holder of methods."""
    import torch

    forward = getattr(module, "forward", None)
    return getattr(forward, "__func__", forward) is not torch.nn.Module.forward


def _is_weightless(module: Any) -> bool:
    return next(module.parameters(), None) is None
