"""The ledger that the hooks of a watch share: what passes cost, and what they have spent."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

# With more keys than this, they are no vocabulary of shapes: some value changes at every call.
_MOST_SHAPES = 4096


class _Known:
    """What a pass of known shapes costs, and the hook that counts its backward pass."""

    __slots__ = ("forward", "on_gradient")

    def __init__(self, forward: int, on_gradient: Callable[[Any], None] | None) -> None:
        self.forward = forward
        self.on_gradient = on_gradient  # None when there is nothing to differentiate


NO_PASS = _Known(0, None)
"""What a pass costs that runs only to be counted by another watch."""


class _Nothing:
    """The count of a pass that could not be counted."""

    flops = backward = 0
    uncounted = ()


class Ledger:
    """What the hooks of one watch share."""

    def __init__(self, module: Any) -> None:
        from rlviz.flops import arguments, counting

        self.counting = counting
        self.extra = counting.EXTRA
        self.shapes = arguments.shapes
        self.tensors_in = arguments.tensors_in
        inner = counting.uncompiled(module)
        self.compiled = inner is not module
        self.name = type(inner).__name__
        self.known: dict[Any, _Known] = {}
        self.uncounted: frozenset[str] = frozenset()
        self.lock = threading.Lock()  # held while `uncounted` is replaced
        # Appending is atomic, so forward passes in any thread and backward passes in autograd's
        # own threads need no lock.
        self.spent: deque[int] = deque()
        self.compiled_around = constant(self.note, f"{type(module).__name__} in compiled code")
        self.local = threading.local()  # .passes: the forward passes under way in this thread

    def passes(self) -> list[Any]:
        """The list of the forward passes under way in this thread."""
        passes: list[Any] = self.local.__dict__.setdefault("passes", [])
        return passes

    def tidy(self) -> None:
        """Forget the passes of this thread that an interrupt has ended, which calls no hook."""
        self.counting.leave_abandoned()
        passes = self.passes()
        for index, known in enumerate(passes):
            if type(known) is tuple and getattr(known[1], "over", False):
                del passes[index:]
                return

    def note(self, *names: str) -> None:
        """Name what was not counted."""
        with self.lock:
            self.uncounted = self.uncounted.union(names)

    def note_failure(self, reason: str) -> None:
        """Name a failure to count: it is ours and must not reach the user's model."""
        self.note(f"{self.name} (could not be counted: {reason})")

    def start(self, key: Any, module: Any, args: Any, kwargs: Any, frame: Any) -> None:
        """Begin to count a pass of unknown shapes as it runs; if compiled, count an extra pass."""
        self.tidy()
        passes = self.passes()
        if self.compiled:
            passes.append(self.beside(key, module, args, kwargs))
            return
        run = self.counting.Run(frame)
        passes.append((key, run))
        try:
            run.__enter__()
        except Exception as error:
            run.leave()
            passes[-1] = key, type(error).__name__

    def beside(self, key: Any, module: Any, args: Any, kwargs: Any) -> Any:
        """Count an extra, uncompiled pass, unless it gets an object that it might change."""
        if key is None:
            return None, "compiled, with an argument of unknown kind"
        try:
            with self.counting.extra_pass():
                count = self.counting.count(module, *args, **kwargs)
            return self.learn(key, count)
        except Exception as error:  # out of memory, or one that the real pass raises too
            return key, type(error).__name__

    def finish(self, key: Any, run: Any, inputs: Any, output: Any) -> _Known | None:
        """End the count that `start` began; None if it is one that an interrupt has ended."""
        if not isinstance(run, self.counting.Run):
            if output is not None:
                self.note_failure(run)
            return self.learn(None if output is None else key, _Nothing)
        self.counting.leave_abandoned()
        if run.over:
            return None
        run.leave()
        # Without an output the pass failed halfway: its count says nothing about the next one.
        return self.learn(None if output is None else key, run.count(inputs, output))

    def learn(self, key: Any, count: Any) -> _Known:
        """Remember what a pass of these shapes costs."""
        if count.uncounted:
            self.note(*count.uncounted)
        spent, backward = self.spent, count.backward
        known = _Known(count.flops, (lambda _: spent.append(backward)) if backward else None)
        if key is not None:
            if len(self.known) >= _MOST_SHAPES:
                self.known.clear()
            self.known[key] = known
        return known

    def await_gradient(self, on_gradient: Callable[[Any], None], output: Any) -> None:
        """Count the backward pass when the first gradient arrives at an output."""
        outputs = list(self.tensors_in(output))
        if not outputs:
            self.note(f"backward of {type(output).__name__}, which holds no tensor")
        first = _Once(on_gradient)
        for tensor in outputs:
            node = self.counting.node_of(tensor)
            if node is not None:  # a leaf was not computed here
                node.register_prehook(first)


def constant(note: Callable[..., None], *text: str) -> Callable[[], None]:
    """A function that notes the text; dynamo runs it once, while it traces.

    To dynamo, a function with this mark is a constant. `torch.compiler.assume_constant_result` sets
    the same mark, but imports dynamo first, which takes seconds.
    """

    def call() -> None:
        note(*text)

    call._dynamo_marked_constant = True  # type: ignore[attr-defined]  # dynamo's own mark
    return call


class _Once:
    """Passes on the first gradient alone: several outputs have one backward pass."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[[Any], None]) -> None:
        self._call: Callable[[Any], None] | None = call

    def __call__(self, gradient: Any) -> None:
        call, self._call = self._call, None
        if call is not None:
            call(gradient)
