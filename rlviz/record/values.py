"""What a user may hand to `record`: numbers, arrays and tensors, checked and summed.

Values on the host are summed at once, so that a wrong one is an error at the call. Values on a
device are read later, see `rlviz.record.device`.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.accuracy import Accuracy
from rlviz.flops.measured import exact
from rlviz.parallelism import ParallelismSums, Summable
from rlviz.record.device import (
    Deferred,
    detached,
    has_tensors,
    is_tensor,
    tensors_in,
    to_host,
    without_values,
)
from rlviz.wording import first_line, shown

T = TypeVar("T")

MAX_STEP = 2**53
"""Steps are below it: a float64 column holds them exactly."""


class Tensor(Protocol):
    """What a type checker needs to know a tensor, so that nothing here imports torch."""

    def detach(self) -> object: ...
    def numel(self) -> int: ...


class Array(Protocol):
    """What NumPy reads as an array: its own arrays and scalars, and those of pandas and others."""

    def __array__(self) -> NDArray[Any]: ...


HostNumber: TypeAlias = float | Array
"""One number on the host."""
Number: TypeAlias = float | Array | Tensor
"""One number, on any device."""
Answers: TypeAlias = (
    Number | Sequence[Number] | Sequence[Sequence[Number]] | Sequence[Sequence[Sequence[Number]]]
)
"""bool or 0/1, NaN for an ungraded answer, any shape. Not recursive, because a str holds str."""
Flops: TypeAlias = Number | Mapping[str, Number]
"""One whole number, or one for each phase."""
ParallelismValues: TypeAlias = Number | Summable | Iterable[Number | Summable]
"""One number or measured value for each episode."""
Metrics: TypeAlias = Mapping[str, Number]
Seconds: TypeAlias = Mapping[str, HostNumber]
Settled: TypeAlias = Mapping[str, HostNumber]
Episodes: TypeAlias = Iterable[str]
"""Names that a script gives its episodes, one for each."""

_LONGEST_NAME = 256


def now_or_later(value: Any, read: Callable[[Any], T], name: str) -> T | Deferred[T]:
    """Apply `read` to a host value at once; defer one on a device, for `keep` to copy in time.

    Raises:
        TypeError: a tensor in it can't be read, now or later.
    """
    if not has_tensors(value):
        try:
            return read(value)
        except Exception:
            _check_readable(tensors_in(value), name)  # behind the first item
            raise
    tensors = tensors_in(value)
    _check_readable(tensors, name)
    try:
        if any(tensor.device.type != "cpu" for tensor in tensors):
            return Deferred(detached(value), read)
        host = to_host(value)
    except Exception as error:  # quantized, or real within a FakeTensorMode
        raise TypeError(
            f"{name} must be a tensor that can be read, got {first_line(error)!r} when it was "
            "read. Pass the number itself."
        ) from error
    return read(host)


def _check_readable(tensors: Iterable[Any], name: str) -> None:
    for tensor in tensors:
        if (odd := without_values(tensor)) is not None:
            raise TypeError(f"{name} must be a dense tensor, got {odd}")


def answers(correct: Answers) -> Accuracy | Deferred[Accuracy]:
    return now_or_later(correct, Accuracy.from_answers, "an answer (correct)")


def rate(accuracy: Number, graded: HostNumber | None) -> Accuracy | Deferred[Accuracy]:
    """A mean over `graded` answers; without `graded` it counts as one, of unknown answers."""
    count = None if graded is None else _count_of_answers(graded)
    return now_or_later(
        accuracy, lambda mean: Accuracy.from_rate(number(mean, "accuracy"), count), "accuracy"
    )


def _count_of_answers(graded: Any) -> float:
    if is_tensor(graded) and graded.device.type != "cpu":
        raise TypeError(
            "graded must be a number on the host, got a tensor on "
            f"{graded.device}. It is usually a shape, such as rewards.numel()."
        )
    return number(graded, "graded")


def episodes(parallelism: ParallelismValues) -> ParallelismSums | Deferred[ParallelismSums]:
    """One average parallelism per episode: numbers, `Parallelism` values or tensors."""
    if type(parallelism) is float and 0 <= parallelism < math.inf:  # most loops: one number
        return ParallelismSums.of_ratio(parallelism)
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
    if is_tensor(value):
        _check_readable([value], name)
    shape = getattr(value, "shape", None)
    what = f"{type(value).__name__} of shape {tuple(shape)}" if shape else shown(value)
    raise TypeError(
        f"{name} must be one number, got {what}. Reduce it to a scalar first, e.g. with .mean()."
    )


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond 1.8e308
        return math.inf if value > 0 else -math.inf


def metrics(values: Metrics) -> dict[str, float | Deferred[float]]:
    if not isinstance(values, Mapping):
        raise TypeError(
            f"metrics must be a mapping of names to numbers, got {type(values).__name__}. "
            'For example metrics={"loss": loss}.'
        )
    return {schema.check_metric(name): _metric(name, value) for name, value in values.items()}


def _metric(name: str, value: Number) -> float | Deferred[float]:
    if type(value) is float:
        return value
    called = f"metric {name!r}"
    return now_or_later(value, lambda host: number(host, called), called)


def flops(spent: Flops) -> dict[str, int | Deferred[int]]:
    """FLOPs spent in this step, one count or one for each phase; a single count has no phase."""
    if isinstance(spent, Mapping):
        return {schema.check_phase(phase): _flops(phase, n) for phase, n in spent.items()}
    return {schema.TOTAL: _flops("total", spent)}


def _flops(phase: str, spent: Number) -> int | Deferred[int]:
    called = f"flops of {phase!r}"
    return now_or_later(spent, lambda host: _count(host, called), called)


def settled(known: Settled) -> dict[str, int]:
    """FLOPs recorded before without a phase, by the phase that they turned out to have."""
    if not isinstance(known, Mapping):
        raise TypeError(
            f"settled must be a mapping of phases to FLOPs, got {type(known).__name__}. "
            'For example settled={"rollout": spent}.'
        )
    return {schema.check_phase(phase): _settled(phase, n) for phase, n in known.items()}


def _settled(phase: str, known: HostNumber) -> int:
    if phase == schema.EVALUATION:
        raise ValueError(
            "settled can't have the phase 'evaluation', which is not in the total. Record it by "
            "flops={'evaluation': …} in the first place."
        )
    called = f"settled FLOPs of {phase!r}"
    count = now_or_later(known, lambda host: _count(host, called), called)
    if isinstance(count, Deferred):
        raise TypeError(f"{called} must be a number on the host, got a tensor on a device.")
    return count


def seconds(spent: Seconds) -> dict[str, float]:
    """Wall seconds of phases, on the host."""
    if not isinstance(spent, Mapping):
        raise TypeError(
            f"seconds must be a mapping of phases to wall seconds, got {type(spent).__name__}. "
            'For example seconds={"rollout": 12.5}.'
        )
    return {schema.check_phase(phase): _seconds(phase, taken) for phase, taken in spent.items()}


def _seconds(phase: str, taken: HostNumber) -> float:
    wall = number(taken, f"seconds of {phase!r}")
    if not 0 <= wall <= schema.MAX_SECONDS:
        raise ValueError(f"seconds of {phase!r} must be in [0, 2**53], got {wall!r}.")
    return wall


def names_of_episodes(episodes: Episodes) -> tuple[str, ...]:
    """The names of a step's episodes."""
    if isinstance(episodes, (str, Mapping)) or not isinstance(episodes, Iterable):
        raise TypeError(
            f"episodes must be a list of names, got {shown(episodes)}. For one episode pass "
            "episodes=[name]."
        )
    return tuple(map(check_episode, episodes))


def check_episode(name: Any) -> str:
    """An episode's name, any string of 1 to 256 characters."""
    if not isinstance(name, str):
        raise TypeError(
            f"an episode's name must be a string, got {shown(name)} ({type(name).__name__}). Pass "
            "str(name), here and to the sender."
        )
    if not 0 < len(name) <= _LONGEST_NAME:
        raise ValueError(
            f"an episode's name must have 1 to {_LONGEST_NAME} characters, got {shown(name)}."
        )
    return name


def _count(value: Any, name: str) -> int:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, np.timedelta64):  # NumPy counts it among its integers
        raise TypeError(f"{name} must be a whole number >= 0, got {shown(value)}.")
    count = exact(value, name)
    if count >= schema.MAX_COUNT:
        raise ValueError(
            f"{name} must be under 2**106, got {shown(count)}. Pass what this step spent; rlviz "
            "adds up the steps."
        )
    return count


def check_step(step: Any) -> int:
    """A training step: a whole number in [0, 2**53), of any integer type."""
    try:
        if isinstance(step, bool):
            raise TypeError
        number = operator.index(step)
    except Exception:  # of a tensor, a RuntimeError
        raise TypeError(
            f"step must be a whole number such as the loop's counter, got {shown(step)} "
            f"({type(step).__name__})."
        ) from None
    if not 0 <= number < MAX_STEP:
        raise ValueError(f"step must be in [0, 2**53), got {number}.")
    return number


def check_wall_time(wall_time: Any) -> float:
    """When a step ended: seconds since the epoch, > 0."""
    seconds = number(wall_time, "wall_time")
    if not 0 < seconds <= schema.MAX_SECONDS:
        raise ValueError(f"wall_time must be seconds since 1970, in (0, 2**53], got {seconds!r}.")
    return seconds
