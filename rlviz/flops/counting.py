"""Counts the FLOPs of a call, once for its shapes, and names what it could not count.

Imports torch: `flops.measure` and `Watch` import this module when they are first used.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from rlviz.flops.arguments import shapes, tensors_in
from rlviz.flops.counter import Count, Counter

NO_PRODUCT = "(no product, although it has layers of weights: another thread or captured graph)"
Key: TypeAlias = tuple[Any, ...]


class _Eager:
    """Compiled code runs uncompiled while any thread is in here.

    The whole process shares one stance. Overlapping threads that each set it and put back what they
    found would leave it set for good. So the first to enter sets it, the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._stance: Any = None

    def __enter__(self) -> None:
        with self._lock:
            # Where dynamo was never imported nothing is compiled, and importing it takes seconds.
            if self._stance is None and "torch._dynamo" in sys.modules:
                self._stance = torch.compiler.set_stance("force_eager")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._stance is not None:
                self._stance.__exit__(None, None, None)
                self._stance = None


_EAGER = _Eager()


class _Open(threading.local):
    """The runs of this thread whose counter is still among the dispatch modes."""

    def __init__(self) -> None:
        self.runs: list[Run] = []


_OPEN = _Open()


class _Extra(threading.local):
    """Whether this thread runs a pass only to count it."""

    now = False


EXTRA = _Extra()


@contextmanager
def extra_pass() -> Iterator[None]:
    """A pass in here is no part of the training: nothing else of this thread counts it."""
    others = [run for run in _OPEN.runs if not run.over]
    EXTRA.now = True
    for run in others:
        run.pause(True)
    try:
        yield
    finally:
        EXTRA.now = False
        for run in others:
            run.pause(False)


class Run:
    """Counts what runs while it is entered; compiled code runs uncompiled meanwhile.

    A dispatch mode around a compiled callable makes dynamo give up on its frame for good. The
    stance `force_eager` keeps dynamo out, also of compiled submodules and of compiled functions
    that the call uses.

    Args:
        frame: the counted call, where no `with` statement enters and leaves: once the frame is off
            the stack, `leave_abandoned` leaves the run.
    """

    def __init__(self, frame: FrameType | None = None) -> None:
        self.over = False
        self._frame = frame
        self._counter = Counter()
        self._eager = False

    def __enter__(self) -> Run:
        _OPEN.runs.append(self)
        _EAGER.__enter__()
        self._eager = True
        self._counter.__enter__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop counting.

        Below a mode that was entered later, the counter stays and does nothing until
        `leave_abandoned` finds it on top.
        """
        self.over, self._frame, self._counter.on = True, None, False
        if self._eager:
            self._eager = False
            _EAGER.__exit__()
        modes = _get_current_dispatch_mode_stack()
        if modes and modes[-1] is self._counter:
            self._counter.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # as above
            modes.pop()
        if self._counter not in modes and self in _OPEN.runs:
            _OPEN.runs.remove(self)

    def pause(self, paused: bool) -> None:
        """Let operations pass uncounted, or no longer."""
        self._counter.on = not (paused or self.over)

    def abandoned(self, calls: set[FrameType]) -> bool:
        """Whether the run is over, or the call that it counts is not among these."""
        return self.over or (self._frame is not None and self._frame not in calls)

    def count(self, inputs: Any = None, output: Any = None) -> Count:
        """What ran; with inputs and output of a module, also what its backward pass may hide."""
        return self._counter.result(inputs, output)


def leave_abandoned() -> None:
    """Leave the runs of this thread whose call has ended without calling its hook.

    `nn.Module` calls no hook when a `KeyboardInterrupt` or another `BaseException` ends a pass.
    """
    if not _OPEN.runs:
        return
    calls: set[FrameType] = set()
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        calls.add(frame)
        frame = frame.f_back
    for run in reversed(list(_OPEN.runs)):
        if run.abandoned(calls):
            run.leave()


def count(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Count:
    """Run `fn(*args, **kwargs)` once, uncompiled, and count it; for a module, once per shape.

    The random state and the buffers of the module stay as they were.
    """
    fn = uncompiled(fn)
    module = _module_of(fn)
    leave_abandoned()
    key = _key(fn, module, args, kwargs)
    known = _cache.setdefault(module, {}) if module is not None and key is not None else {}
    if key is not None and key in known:
        return known[key]
    run = Run()
    with ExitStack() as stack:
        stack.enter_context(_random_state_kept())
        if module is not None:
            stack.enter_context(_buffers_kept(module))
        stack.enter_context(run)
        output = fn(*args, **kwargs)
    result = run.count((args, kwargs), output)
    if module is not None and not result.flops and not result.uncounted:
        result = _check_nothing(result, module, (args, kwargs))
    if key is not None:
        known[key] = result
    return result


_LAYERS = (
    *(torch.nn.Linear, torch.nn.RNNBase),
    *(torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d),
    *(torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d),
)


def _check_nothing(count: Count, module: torch.nn.Module, inputs: Any) -> Count:
    """Doubt a count of 0: right for an embedding, wrong where linear layers got real input."""
    has_layers = any(isinstance(part, _LAYERS) for part in module.modules())
    if has_layers and any(tensor.numel() for tensor in tensors_in(inputs)):
        return replace(count, uncounted=(NO_PRODUCT,))
    return count


_cache: WeakKeyDictionary[torch.nn.Module, dict[Key, Count]] = WeakKeyDictionary()


def uncompiled(fn: Any) -> Any:
    """The module or function that `torch.compile` was given; `fn` itself if it was not compiled."""
    inner = getattr(fn, "_orig_mod", None)
    if inner is None:
        inner = getattr(fn, "_torchdynamo_orig_callable", None)
    return fn if inner is None else uncompiled(inner)


def node_of(tensor: torch.Tensor) -> Any:
    """The node of the autograd graph that made a tensor; None of a leaf.

    Inside `torch.vmap`, a tensor is one row to the code, and the tensor of all rows has the node.
    """
    transforms = torch._C._functorch
    while tensor.grad_fn is None and transforms.is_functorch_wrapped_tensor(tensor):
        tensor = transforms.get_unwrapped(tensor)
    return tensor.grad_fn


def _module_of(fn: Any) -> torch.nn.Module | None:
    owner = fn.__self__ if inspect.ismethod(fn) else fn
    return owner if isinstance(owner, torch.nn.Module) else None


def _key(
    fn: Any, module: torch.nn.Module | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Key | None:
    """What the cost of a module depends on; None if that cannot be told.

    Plain functions are not cached: what they close over may change.
    """
    if module is None:
        return None
    try:
        given = shapes(args), shapes(kwargs)
    except TypeError:  # an object of unknown kind
        return None
    weights = tuple((p.shape, p.requires_grad) for p in module.parameters())
    modes = tuple(part.training for part in module.modules())
    name = getattr(fn, "__name__", "")
    grad = torch.is_grad_enabled()
    return name, modes, grad, weights, given


@contextmanager
def _random_state_kept() -> Iterator[None]:
    on_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count())) if on_gpu else []):
        yield


@contextmanager
def _buffers_kept(module: torch.nn.Module) -> Iterator[None]:
    """Running statistics must not see the measured batch twice."""
    before = [(buffer, buffer.detach().clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            # Through .data, which leaves the version alone: a graph of the running step that saved
            # the buffer must still be differentiable.
            buffer.data.copy_(value)
