"""Adds up what was recorded in a step: sums that merge, so that ratios come last."""

from collections.abc import Callable
from dataclasses import astuple, replace
from typing import Any

from rlviz import schema
from rlviz.accuracy import Accuracy
from rlviz.parallelism import ParallelismSums
from rlviz.parallelism.sums import is_parallel
from rlviz.record.measurement import ENTRY_BYTES, Measurement, Plain
from rlviz.schema import WorkUnit

SUMS = tuple(
    dict.fromkeys(part.name for known in schema.QUANTITIES.values() for part in known.sums)
)
"""The columns that `rlviz.schema.QUANTITIES` declares, each once."""
_AGENT_SUMS = tuple(name for name in SUMS if name in ParallelismSums.__slots__)
"""Those that `ParallelismSums` has under the same name."""
_SUMS_BYTES = 1000
"""About what sums without names take in memory."""


class StepSums:
    """The sums of one step over all micro-batches so far."""

    __slots__ = (
        *SUMS,
        *("step", "wall_time", "agents", "groups", "flops", "metrics", "counts", "seconds"),
        "episodes",
    )

    def __init__(self) -> None:
        self.step = 0
        self.wall_time = 0.0
        self.correct: float = 0
        self.graded: float = 0
        self.ungraded = 0
        self.uncounted = 0
        self.parallelism_sum = 0.0
        self.parallelism_count = 0
        self.parallelism_undefined = 0
        self.parallelism_square_sum = 0.0
        self.parallel_episodes = 0
        self.sub_agents = 0
        self.sub_agent_episodes = 0
        self.spawning_stages = 0
        self.useful_sub_agents = 0
        self.judged_sub_agents = 0
        self.agents: ParallelismSums | None = None
        """What is known of the episodes beyond a ratio."""
        self.groups: dict[str, Accuracy] = {}
        self.flops: dict[str, int] = {}
        """By phase; under `schema.TOTAL` those without one, less those that got theirs."""
        self.metrics: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        """How many values a metric's sum covers, where there is more than one."""
        self.seconds: dict[str, float] = {}
        self.episodes: list[str] = []
        """Those whose senders' sums belong to this step, and are not in it yet."""

    def sum_of(self, column: str) -> float:
        """One of the sums that `rlviz.schema.QUANTITIES` declares."""
        value: float = getattr(self, column)
        return value

    def add_plain(self, item: Plain) -> None:
        accuracy, graded, flops, parallelism, metrics = item
        if accuracy is not None:
            if graded is None:
                graded = 1.0
                self.uncounted += 1
            self.correct += accuracy * graded
            self.graded += graded
        if flops is not None:
            self.flops[schema.TOTAL] = self.flops.get(schema.TOTAL, 0) + flops
        if parallelism is not None:
            self.parallelism_sum += parallelism
            self.parallelism_square_sum += parallelism * parallelism
            self.parallelism_count += 1
            self.parallel_episodes += is_parallel(parallelism)
        if metrics:
            self.add_metrics(metrics)

    def add_metrics(self, metrics: dict[str, float]) -> None:
        if not self.metrics:
            self.metrics = metrics
            return
        for name, value in metrics.items():
            if name in self.metrics:
                self.metrics[name] += value
                self.counts[name] = self.counts.get(name, 1) + 1
            else:
                self.metrics[name] = value

    def add(self, item: Measurement, read: Callable[[Any], Any]) -> None:
        """Add a measurement; `read` gives a value that may be on a device, or None on failure."""
        if (accuracy := read(item.accuracy)) is not None:
            self.correct += accuracy.correct
            self.graded += accuracy.graded
            self.ungraded += accuracy.ungraded
            self.uncounted += accuracy.uncounted
            if item.group is not None:
                known = self.groups.get(item.group, Accuracy(0, 0))
                self.groups[item.group] = known.merge(accuracy)
        if (episodes := read(item.parallelism)) is not None:
            self._add_episodes(episodes)
        for phase, spent in item.flops.items():
            if (count := read(spent)) is not None:
                self.flops[phase] = self.flops.get(phase, 0) + count
        for phase, count in item.settled.items():  # from those without a phase to its own
            self.flops[phase] = self.flops.get(phase, 0) + count
            self.flops[schema.TOTAL] = self.flops.get(schema.TOTAL, 0) - count
        metrics = {name: read(metric) for name, metric in item.metrics.items()}
        self.add_metrics({name: value for name, value in metrics.items() if value is not None})
        for phase, taken in item.seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + taken
        self.episodes += item.episodes

    def _add_episodes(self, episodes: ParallelismSums) -> None:
        self.parallelism_sum += episodes.ratio_sum
        self.parallelism_count += episodes.ratio_count
        self.parallelism_undefined += episodes.undefined
        self.parallelism_square_sum += episodes.ratio_squares
        for name in _AGENT_SUMS:
            setattr(self, name, self.sum_of(name) + getattr(episodes, name))
        if episodes.is_measured:
            self.agents = episodes if self.agents is None else self.agents.merge(episodes)

    def say_unit(self, unit: WorkUnit) -> None:
        """Count the episodes that say no unit of their work and span as being in this one."""
        known = self.agents or ParallelismSums()
        said = sum(getattr(known, schema.unit_column(each)) for each in schema.WORK_UNITS)
        if (unsaid := self.parallelism_count + self.parallelism_undefined - said) > 0:
            column = schema.unit_column(unit)
            self.agents = replace(known, **{column: getattr(known, column) + unsaid})

    @property
    def nbytes(self) -> int:
        """About how many bytes they take in memory."""
        names = len(self.flops) + len(self.metrics) + len(self.counts) + len(self.seconds)
        names += len(self.episodes)
        return _SUMS_BYTES + ENTRY_BYTES * (names + 2 * len(self.groups))

    def merge(self, other: "StepSums", *, side_by_side: bool = True) -> None:
        """Add other sums of the same step; the wall time stays.

        Everything adds up, except where `ParallelismSums.merge` keeps the larger value, and except
        the seconds of a phase that ranks ran `side_by_side`: there the longest counts.
        """
        for name in SUMS:
            setattr(self, name, self.sum_of(name) + other.sum_of(name))
        if other.agents is not None:
            self.agents = other.agents if self.agents is None else self.agents.merge(other.agents)
        for group, answers in other.groups.items():
            self.groups[group] = self.groups.get(group, Accuracy(0, 0)).merge(answers)
        for phase, count in other.flops.items():
            self.flops[phase] = self.flops.get(phase, 0) + count
        for name, value in other.metrics.items():
            count = other.counts.get(name, 1)
            if name in self.metrics:
                self.counts[name] = self.counts.get(name, 1) + count
                self.metrics[name] += value
            else:
                self.metrics[name] = value
                if count > 1:
                    self.counts[name] = count
        for phase, taken in other.seconds.items():
            known = self.seconds.get(phase, 0.0)
            self.seconds[phase] = max(known, taken) if side_by_side else known + taken
        self.episodes += other.episodes

    def split(self) -> tuple["StepSums", "StepSums"]:
        """Two sums that merge into these, each with about half of the names.

        Raises:
            ValueError: there are fewer than two names, so there is nothing to split.
        """
        first, second = (
            StepSums.from_list([*self.to_list()[:4], {}, {}, {}, {}, {}, []]),
            StepSums(),
        )
        first.episodes, second.step, second.wall_time = self.episodes, self.step, self.wall_time
        names = 0
        for named in ("groups", "flops", "metrics", "seconds"):
            for name, value in getattr(self, named).items():
                part = (first, second)[names % 2]
                getattr(part, named)[name] = value
                if named == "metrics" and name in self.counts:
                    part.counts[name] = self.counts[name]
                names += 1
        if names < 2:
            raise ValueError("sums of fewer than two names can't be split")
        return first, second

    def to_list(self) -> list[Any]:
        """The sums in plain numbers, lists and dicts, for `from_list`."""
        agents = None if self.agents is None else astuple(self.agents)
        groups = {name: astuple(answers) for name, answers in self.groups.items()}
        return [
            *(self.step, self.wall_time, [self.sum_of(name) for name in SUMS], agents, groups),
            *(self.flops, self.metrics, self.counts, self.seconds, self.episodes),
        ]

    @classmethod
    def from_list(cls, fields: list[Any]) -> "StepSums":
        """The sums that `to_list` gave."""
        sums = cls()
        sums.step, sums.wall_time, added, agents, groups, *others = fields
        sums.flops, sums.metrics, sums.counts, sums.seconds, sums.episodes = others
        for name, value in zip(SUMS, added, strict=True):
            setattr(sums, name, value)
        sums.agents = None if agents is None else ParallelismSums(*agents)
        sums.groups = {name: Accuracy(*answers) for name, answers in groups.items()}
        return sums
