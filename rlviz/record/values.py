"""What a user may hand to `record`: numbers, arrays and tensors, checked and made safe to keep.

Values that are at hand on the host are summed at once, so that a wrong one is an error at the call.
Tensors on a device are copied there and read later, in the writer thread: reading one here would
make the training thread wait for the device. Tensors are told by their methods, so that nothing
here imports torch.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import numpy as np

from rlviz import schema
from rlviz.measure.accuracy import Accuracy
from rlviz.measure.flops import exact
from rlviz.measure.parallelism import ParallelismSums

T = TypeVar("T")


@dataclass(slots=True)
class Deferred(Generic[T]):
    """A value that is still on its device, and what it is once `fetch` has brought it."""

    kept: Any
    read: Callable[[Any], T]
    ready: tuple[Any, ...] = ()
    """CUDA events of the streams that it was kept on, one for each device; none for others."""


def now_or_later(value: Any, read: Callable[[Any], T], name: str) -> T | Deferred[T]:
    """Apply `read` to a host value at once; one on a device is for `keep`, before it can change."""
    if not _has_tensors(value):
        return read(value)
    tensors = value if isinstance(value, (list, tuple)) else [value]
    if any(_is_tensor(t) and t.device.type != "cpu" for t in tensors):
        if sparse := [
            t.layout for t in tensors if _is_tensor(t) and "strided" not in str(t.layout)
        ]:
            raise _not_dense(name, f"a layout {sparse[0]}")
        return Deferred(_detached(value), read)
    try:
        host = _to_host(value)
    except (TypeError, RuntimeError) as error:  # sparse, quantised, without data
        said = f"{str(error).splitlines()[0]!r} when it was read"
        raise _not_dense(name, said) from error
    return read(host)


def _not_dense(name: str, got: str) -> TypeError:
    return TypeError(
        f"{name} must be a dense tensor, got {got}. Pass .to_dense(), or the number itself."
    )


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach")


def _has_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and _is_tensor(value[0])
    return _is_tensor(value)


def _detached(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_detached(item) for item in value]
    return value.detach() if _is_tensor(value) else value


def keep(values: Sequence[Deferred[Any]]) -> None:
    """Copy what the values stand for, on its device: later changes must not reach the record.

    One launch on each device, however many tensors there are; nothing waits for it.
    """
    tensors = [tensor for value in values for tensor in _tensors(value.kept)]
    copies: dict[int, Any] = {}
    ready = []
    for together in _by_device(tensors):
        with _on_the_device_of(together[0]):
            copies.update(zip(map(id, together), _copied_there(together), strict=True))
            if together[0].is_cuda:
                ready.append(sys.modules["torch"].cuda.Event())
                ready[-1].record()
    for value in values:
        value.kept, value.ready = _replaced(value.kept, copies), tuple(ready)


def kept_bytes(value: Deferred[Any]) -> int:
    """What a value takes on its device."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(value.kept))


def _on_the_device_of(tensor: Any) -> Any:
    """Launches and events go to the current device; a script may have its tensors on another."""
    return sys.modules["torch"].cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def _by_device(tensors: Iterable[Any]) -> list[list[Any]]:
    devices: dict[str, dict[int, Any]] = {}
    for tensor in tensors:
        devices.setdefault(str(tensor.device), {})[id(tensor)] = tensor
    # The wider elements first: then each starts at a multiple of its width in the joined bytes.
    return [sorted(d.values(), key=lambda t: -t.element_size()) for d in devices.values()]


def _copied_there(tensors: list[Any]) -> list[Any]:
    """The tensors as views into one new block of bytes of their device."""
    if len(tensors) == 1:
        return [tensors[0].clone()]
    joined, start, copies = _joined(tensors), 0, []
    for tensor in tensors:
        end = start + tensor.numel() * tensor.element_size()
        copies.append(joined[start:end].view(tensor.dtype).reshape(tensor.shape))
        start = end
    return copies


def _joined(tensors: list[Any]) -> Any:
    """The bytes of tensors of one device, one after the other, in a new tensor."""
    torch = sys.modules["torch"]  # loaded, for there is a tensor of it
    return torch.cat([t.contiguous().reshape(-1).view(torch.uint8) for t in tensors])


def fetch(values: Sequence[Deferred[Any]]) -> list[Any]:
    """What was kept for each of the values, on the host: one copy from each device brings all.

    Waits for the devices, so it is for the writer thread.
    """
    arrays: dict[int, Any] = {}
    events = {id(event): event for value in values for event in value.ready}.values()
    for together in _by_device(tensor for value in values for tensor in _tensors(value.kept)):
        copy = _through_pinned_memory if together[0].is_cuda else _to_the_host
        arrays.update(
            zip(map(id, together), _taken_apart(together, copy(together, events)), strict=True)
        )
    return [_replaced(value.kept, arrays) for value in values]


def _to_the_host(tensors: list[Any], events: Iterable[Any]) -> Any:
    return _joined(tensors).cpu()


def _through_pinned_memory(tensors: list[Any], events: Iterable[Any]) -> Any:
    """On a stream of its own, behind what the training's streams had queued; they don't wait."""
    torch = sys.modules["torch"]
    with torch.cuda.device(tensors[0].device):
        stream = _stream_of(tensors[0].device)
        for event in events:
            stream.wait_event(event)
        with torch.cuda.stream(stream):
            joined = _joined(tensors)
            host = torch.empty(joined.shape, dtype=joined.dtype, pin_memory=True)
            host.copy_(joined, non_blocking=True)
            done = torch.cuda.Event(blocking=True)  # sleeps instead of spinning on a core
            done.record(stream)
        done.synchronize()
    return host


@cache
def _stream_of(device: Any) -> Any:
    """One for each device: memory that was used on a stream stays with it."""
    return sys.modules["torch"].cuda.Stream(device)


def _taken_apart(tensors: list[Any], joined: Any) -> list[Any]:
    """The arrays in the joined bytes of tensors, on the host."""
    start, arrays = 0, []
    for tensor in tensors:
        end = start + tensor.numel() * tensor.element_size()
        # A copy: the bytes of the whole flush must not live as long as one array of it.
        arrays.append(_to_host(joined[start:end].clone().view(tensor.dtype).reshape(tensor.shape)))
        start = end
    return arrays


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _tensors(item)]
    return [value] if _is_tensor(value) else []


def _replaced(value: Any, copies: Mapping[int, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_replaced(item, copies) for item in value]
    return copies[id(value)] if _is_tensor(value) else value


def _to_host(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_to_host(item) for item in value]
    if not _is_tensor(value):
        return value
    tensor = value.detach().cpu()
    return tensor.double().numpy() if _is_torchs_own(tensor.dtype) else tensor.numpy()


def _is_torchs_own(dtype: Any) -> bool:
    """Whether NumPy has no such dtype: bfloat16 and the kinds of float8."""
    return dtype.is_floating_point and str(dtype).removeprefix("torch.") not in _NUMPY_FLOATS


_NUMPY_FLOATS = {"float16", "float32", "float64"}


def answers(correct: Any) -> Accuracy | Deferred[Accuracy]:
    return now_or_later(correct, Accuracy.from_answers, "an answer (correct)")


def rate(accuracy: Any, graded: Any) -> Accuracy | Deferred[Accuracy]:
    """A mean over `graded` answers; without `graded` it weighs as one answer."""
    count = 1.0 if graded is None else _count_of_answers(graded)
    return now_or_later(
        accuracy, lambda mean: Accuracy.from_rate(number(mean, "accuracy"), count), "accuracy"
    )


def _count_of_answers(graded: Any) -> float:
    if _is_tensor(graded) and graded.device.type != "cpu":
        raise TypeError(
            "graded must be a number on the host, got a tensor on "
            f"{graded.device}. It is usually a shape, such as rewards.numel()."
        )
    return number(graded, "graded")


def episodes(parallelism: Any) -> ParallelismSums | Deferred[ParallelismSums]:
    """One average parallelism per episode: numbers, `Parallelism` values or tensors."""
    if type(parallelism) is float and 0 <= parallelism < math.inf:  # most loops: one number
        return ParallelismSums(parallelism, 1)
    return now_or_later(parallelism, _sums_of_episodes, "parallelism")


def _sums_of_episodes(parallelism: Any) -> ParallelismSums:
    try:
        return ParallelismSums.from_episodes(parallelism)
    except OverflowError as error:
        raise ValueError(
            "parallelism is beyond what a float can hold (1.8e308) when its episodes are added "
            "up. Give work and span in larger units."
        ) from error


def number(value: Any, name: str) -> float:
    """One real number; NaN and infinities are numbers here.

    Raises:
        TypeError: the value is no number, or more than one.
    """
    if type(value) is float or type(value) is int:
        return _as_float(value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)) and not isinstance(
        value, np.timedelta64
    ):
        return _as_float(value)
    shape = getattr(value, "shape", None)
    what = f"{type(value).__name__} of shape {tuple(shape)}" if shape else repr(value)[:80]
    raise TypeError(
        f"{name} must be one number, got {what}. Reduce it to a scalar first, e.g. with .mean()."
    )


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond 1.8e308
        return math.inf if value > 0 else -math.inf


def metrics(values: Mapping[str, Any]) -> dict[str, float | Deferred[float]]:
    if not isinstance(values, Mapping):
        raise TypeError(
            f"metrics must be a mapping of names to numbers, got {type(values).__name__}. "
            'For example metrics={"loss": loss}.'
        )
    return {schema.check_metric(name): _metric(name, value) for name, value in values.items()}


def _metric(name: str, value: Any) -> float | Deferred[float]:
    if type(value) is float:
        return value
    called = f"metric {name!r}"
    return now_or_later(value, lambda host: number(host, called), called)


def flops(spent: Any) -> dict[str, int | Deferred[int]]:
    """FLOPs spent in this step, one count or one for each phase; a single count has no phase."""
    if isinstance(spent, Mapping):
        return {schema.check_phase(phase): _flops(phase, n) for phase, n in spent.items()}
    return {schema.TOTAL: _flops("total", spent)}


def _flops(phase: str, spent: Any) -> int | Deferred[int]:
    called = f"flops of {phase!r}"
    return now_or_later(spent, lambda host: _count(host, called), called)


def seconds(spent: Any) -> dict[str, float]:
    """Wall seconds of phases, on the host."""
    if not isinstance(spent, Mapping):
        raise TypeError(
            f"seconds must be a mapping of phases to wall seconds, got {type(spent).__name__}. "
            'For example seconds={"rollout": 12.5}.'
        )
    return {schema.check_phase(phase): _seconds(phase, taken) for phase, taken in spent.items()}


def _seconds(phase: str, taken: Any) -> float:
    wall = number(taken, f"seconds of {phase!r}")
    if not 0 <= wall < math.inf:
        raise ValueError(f"seconds of {phase!r} must be finite and >= 0, got {wall!r}.")
    return wall


def _count(value: Any, name: str) -> int:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, np.timedelta64):  # NumPy has it among its integers
        raise TypeError(f"{name} must be a whole number >= 0, got {value!r}.")
    count = exact(value, name)
    if count >= schema.MAX_COUNT:
        raise ValueError(
            f"{name} must be under 2**106, got {count}. Pass what this step spent; rlviz adds up "
            "the steps."
        )
    return count
