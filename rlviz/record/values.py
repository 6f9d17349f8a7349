"""What a user may hand to `record`: numbers, arrays and tensors, checked and made safe to keep.

Values that are at hand on the host are summed at once, so that a wrong one is an error at the call.
Tensors on a device are cloned there and read later, in the writer thread: reading one here would
make the training thread wait for the device. Tensors are told by their methods, so that nothing
here imports torch.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from rlviz import schema
from rlviz.measure.accuracy import Accuracy
from rlviz.measure.flops import exact
from rlviz.measure.parallelism import ParallelismSums

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deferred(Generic[T]):
    """A value that is still on its device, and what it is once `fetch` has brought it."""

    kept: Any
    read: Callable[[Any], T]
    ready: Any = None
    """A CUDA event of the stream that the clones were made on; None for other devices."""


def now_or_later(value: Any, read: Callable[[Any], T]) -> T | Deferred[T]:
    """Apply `read` to a host value at once, or keep device tensors for later."""
    if not _has_tensors(value):
        return read(value)
    tensors = value if isinstance(value, (list, tuple)) else [value]
    if any(_is_tensor(t) and t.device.type != "cpu" for t in tensors):
        return Deferred(_keep(value), read, _event_after(tensors))
    return read(_to_host(value))


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "detach")


def _has_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and _is_tensor(value[0])
    return _is_tensor(value)


def _keep(value: Any) -> Any:
    """Clone on the device: what happens to the tensor afterwards must not reach the record."""
    if isinstance(value, (list, tuple)):
        return [_keep(item) for item in value]
    return value.detach().clone() if _is_tensor(value) else value


def _event_after(tensors: Iterable[Any]) -> Any:
    """An event that the current CUDA stream passes once what was queued on it so far is done."""
    if not any(getattr(tensor, "is_cuda", False) for tensor in tensors):
        return None
    cuda = sys.modules["torch"].cuda  # loaded, for there is a tensor of it
    event = cuda.Event()
    event.record()
    return event


def fetch(values: Sequence[Deferred[Any]]) -> list[Any]:
    """What was kept for each of the values, on the host: one copy from each device brings all.

    Waits for the devices, so it is for the writer thread.
    """
    by_device: dict[str, list[Any]] = {}
    for value in values:
        if value.ready is not None:
            value.ready.synchronize()
        for tensor in _tensors(value.kept):
            by_device.setdefault(str(tensor.device), []).append(tensor)
    arrays: dict[int, Any] = {}
    for tensors in by_device.values():
        arrays.update(zip(map(id, tensors), _copied(tensors), strict=True))
    return [_replaced(value.kept, arrays) for value in values]


def _copied(tensors: list[Any]) -> list[Any]:
    """Tensors of one device as arrays: their bytes, joined there, make one copy."""
    torch = sys.modules["torch"]
    known = [t.float() if _is_torchs_own(t.dtype) else t for t in tensors]
    joined = torch.cat([t.contiguous().reshape(-1).view(torch.uint8) for t in known])
    data, offset, arrays = joined.cpu().numpy().tobytes(), 0, []
    for tensor in known:
        dtype = np.dtype(str(tensor.dtype).removeprefix("torch."))
        array = np.frombuffer(data, dtype, tensor.numel(), offset)
        arrays.append(array.reshape(tuple(tensor.shape)))
        offset += array.nbytes
    return arrays


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _tensors(item)]
    return [value] if _is_tensor(value) else []


def _replaced(value: Any, arrays: Mapping[int, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_replaced(item, arrays) for item in value]
    return arrays[id(value)] if _is_tensor(value) else value


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
    return now_or_later(correct, Accuracy.from_answers)


def rate(accuracy: Any, graded: Any) -> Accuracy | Deferred[Accuracy]:
    """A mean over `graded` answers; without `graded` it weighs as one answer."""
    count = 1.0 if graded is None else _count_of_answers(graded)
    return now_or_later(accuracy, lambda mean: Accuracy.from_rate(number(mean, "accuracy"), count))


def _count_of_answers(graded: Any) -> float:
    if hasattr(graded, "detach") and graded.device.type != "cpu":
        raise TypeError(
            "graded must be a number on the host, got a tensor on "
            f"{graded.device}. It is usually a shape, such as rewards.numel()."
        )
    return number(graded, "graded")


def episodes(parallelism: Any) -> ParallelismSums | Deferred[ParallelismSums]:
    """One average parallelism per episode: numbers, `Parallelism` values or tensors."""
    if type(parallelism) is float and 0 <= parallelism < math.inf:  # most loops: one number
        return ParallelismSums(parallelism, 1)
    return now_or_later(parallelism, ParallelismSums.from_episodes)


def number(value: Any, name: str) -> float:
    """One real number; NaN and infinities are numbers here.

    Raises:
        TypeError: the value is no number, or more than one.
    """
    if type(value) is float or type(value) is int:
        return _as_float(value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
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
    return now_or_later(value, lambda host: number(host, f"metric {name!r}"))


def flops(spent: Any) -> dict[str, int | Deferred[int]]:
    """FLOPs spent in this step, one count or one for each phase; a single count has no phase."""
    if isinstance(spent, Mapping):
        return {schema.check_phase(phase): _flops(phase, n) for phase, n in spent.items()}
    return {schema.TOTAL: _flops("total", spent)}


def _flops(phase: str, spent: Any) -> int | Deferred[int]:
    return now_or_later(spent, lambda host: _count(host, f"flops of {phase!r}"))


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
    count = exact(value, name)
    if count >= schema.MAX_COUNT:
        raise ValueError(
            f"{name} must be under 2**106, got {count}. Pass what this step spent; rlviz adds up "
            "the steps."
        )
    return count
