"""What one call of `record` brings: its keywords, and the checked values."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict

from rlviz import schema
from rlviz.accuracy import Accuracy
from rlviz.parallelism import ParallelismSums
from rlviz.record import values
from rlviz.record.device import Deferred, kept_bytes
from rlviz.record.values import (
    Answers,
    Episodes,
    Flops,
    HostNumber,
    Metrics,
    Number,
    ParallelismValues,
    Seconds,
    Settled,
)


class RecordedBesideMetrics(TypedDict, total=False):
    """The keywords of `rlviz.Callback.on_step_end` that it hands to `record`."""

    correct: Answers | None
    accuracy: Number | None
    graded: HostNumber | None
    flops: Flops | None
    parallelism: ParallelismValues | None
    group: str | None
    seconds: Seconds | None
    settled: Settled | None
    episodes: Episodes | None


class Recorded(RecordedBesideMetrics, total=False):
    """The keywords of `rlviz.Callback.record`."""

    metrics: Metrics | None


Plain: TypeAlias = tuple[
    float | None, float | None, int | None, float | None, dict[str, float] | None
]
"""What most calls bring: accuracy, graded answers, FLOPs of no phase, one episode's parallelism,
metrics; None for what is missing. A class around it would cost more than all the rest."""

PLAIN_BYTES, MEASUREMENT_BYTES, ENTRY_BYTES = 200, 500, 130
"""About what a call takes in memory, and each metric, phase and phase's seconds in it: a slot of a
dict, a number and a name of its own."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one call of `record` brought."""

    accuracy: Accuracy | Deferred[Accuracy] | None = None
    parallelism: ParallelismSums | Deferred[ParallelismSums] | None = None
    flops: dict[str, int | Deferred[int]] = field(default_factory=dict)
    metrics: dict[str, float | Deferred[float]] = field(default_factory=dict)
    group: str | None = None
    """The task family that the answers belong to."""
    seconds: dict[str, float] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    """FLOPs of these phases that were recorded before, without a phase."""
    episodes: tuple[str, ...] = ()
    """Episodes that belong to the step, by the names that senders know them under."""

    def deferred(self) -> list[Deferred[Any]]:
        """The values that are still on a device."""
        parts = (self.accuracy, self.parallelism, *self.flops.values(), *self.metrics.values())
        return [part for part in parts if isinstance(part, Deferred)]

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes, those on devices included."""
        entries = len(self.flops) + len(self.metrics) + len(self.seconds) + len(self.settled)
        entries += len(self.episodes)
        on_devices = sum(map(kept_bytes, self.deferred()))
        return MEASUREMENT_BYTES + ENTRY_BYTES * entries + on_devices


def measurement(recorded: Recorded) -> Measurement:
    """Check what a call brought; `rlviz.Callback.record` says what each keyword may be.

    Raises:
        ValueError, TypeError: a value is not what it should be; the message says what is wrong.
    """
    flops, parallelism = recorded.get("flops"), recorded.get("parallelism")
    metrics, seconds = recorded.get("metrics"), recorded.get("seconds")
    settled, episodes = recorded.get("settled"), recorded.get("episodes")
    return Measurement(
        _accuracy(recorded),
        None if parallelism is None else values.episodes(parallelism),
        {} if flops is None else values.flops(flops),
        {} if metrics is None else values.metrics(metrics),
        _group(recorded),
        {} if seconds is None else values.seconds(seconds),
        {} if settled is None else values.settled(settled),
        () if episodes is None else values.names_of_episodes(episodes),
    )


def _accuracy(recorded: Recorded) -> Accuracy | Deferred[Accuracy] | None:
    correct, accuracy = recorded.get("correct"), recorded.get("accuracy")
    graded = recorded.get("graded")
    if correct is not None:
        if accuracy is not None or graded is not None:
            raise ValueError(
                "record() got `correct` together with `accuracy` or `graded`, which say the same. "
                "Pass the answers as `correct`, or their mean as `accuracy` and `graded`."
            )
        return values.answers(correct)
    if accuracy is not None:
        return values.rate(accuracy, graded)
    if graded is not None:
        raise ValueError("record() got `graded` without `accuracy`. Pass the mean over them too.")
    return None


def _group(recorded: Recorded) -> str | None:
    group = recorded.get("group")
    if group is None:
        return None
    if recorded.get("correct") is None and recorded.get("accuracy") is None:
        raise ValueError(
            f"record() got group={group!r} without answers. Pass them as `correct` (or as "
            "`accuracy` and `graded`) in the same call."
        )
    return schema.check_group(group)
