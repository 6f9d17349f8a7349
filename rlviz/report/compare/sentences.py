"""What a comparison says in words: who is ahead, who needed less, and how sure that is.

There is one rule: a difference is told as one if its printed interval leaves out 0, a multiplier if
its interval leaves out 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rlviz import wording
from rlviz.markdown import escaped
from rlviz.report.compare import numbers
from rlviz.report.compare.estimate import Estimate
from rlviz.report.compare.terms import EqualAccuracy, EqualCompute, Lead
from rlviz.report.series.measures import Measure

_UNSURE = "it can't be told"
_MOST_NAMES = 4
_MOST_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Words:
    """The words for one comparison.

    Attributes:
        what: the compared measure.
        reference: the run that the others are compared with.
        seeds: name -> number of runs.
        lower_is_better: whether less of the measure is better.
    """

    what: Measure
    reference: str
    seeds: Mapping[str, int]
    lower_is_better: bool

    @property
    def measure(self) -> str:
        """The measure within a sentence, as Markdown."""
        return self._name + (" (lower is better)" if self.lower_is_better else "")

    @property
    def _name(self) -> str:
        is_own = self.what.scale == "number"
        return escaped(self.what.name if is_own else self.what.label.lower())

    def paragraphs(
        self,
        end: EqualCompute | None,
        lead: Lead | None,
        may_lead: Sequence[str],
        rows: Sequence[EqualAccuracy],
        multipliers: Mapping[str, Estimate | None],
    ) -> list[str]:
        """Who is ahead at the end of the compute that all spent, how each run compares with the
        reference, and which levels were reached only in passing."""
        passed = [text for name in self.seeds if (text := self._passed(name, rows))]
        if len(multipliers) == 1:
            ((name, whole),) = multipliers.items()
            ahead = [] if end is None else [self._of_two(name, end, lead)]
            return [" ".join([*ahead, self._needed(name, rows, whole), *passed])]
        first = [] if end is None else [self._lead(end, lead, may_lead)]
        each = []
        for name, whole in multipliers.items():
            at_end = [] if end is None else [f"{self._at_the_end(name, end)}."]
            text = " ".join([*at_end, self._needed(name, rows, whole)])
            each.append(f"- There {text}" if text.startswith(_UNSURE) else f"- {text}")
        return [*first, *each, *([" ".join(passed)] if passed else [])]

    def _of_two(self, name: str, end: EqualCompute, lead: Lead | None) -> str:
        text = f"{self._where(end)} {self._at_the_end(name, end)}"
        if lead is None:
            return f"{text}."
        return f"{text}. It has been so from {numbers.amount(lead.since_flops)} RL FLOPs on."

    def _where(self, end: EqualCompute) -> str:
        return f"At {numbers.amount(end.flops)} RL FLOPs, the most that all runs spent,"

    def _lead(self, end: EqualCompute, lead: Lead | None, may_lead: Sequence[str]) -> str:
        if lead is None:
            return (
                f"{self._where(end)} it can't be told which run is ahead in {self.measure}: "
                f"{either(may_lead)} may be."
            )
        nearest = min(lead.ahead, key=lambda name: abs(lead.ahead[name].value))
        return (
            f"{self._where(end)} {escaped(lead.name)} is ahead of all others in {self.measure}: of "
            f"the next, {escaped(nearest)}, by {numbers.distance(self.what, lead.ahead[nearest])}. "
            f"It has been ahead of all from {numbers.amount(lead.since_flops)} RL FLOPs on."
        )

    def _at_the_end(self, name: str, end: EqualCompute) -> str:
        label, reference = escaped(name), escaped(self.reference)
        values = (
            f"{numbers.value(self.what, end.values[name])} against "
            f"{numbers.value(self.what, end.values[self.reference])}"
        )
        found = end.differences[name]
        about = f" in {self.measure}" if len(self.seeds) == 2 else ""
        if not found.differs_from(0.0):
            return (
                f"{_UNSURE} whether {label} or {reference} is ahead{about}: {values}, a "
                f"difference of {numbers.difference(self.what, found)}"
            )
        better = (found.value < 0) == self.lower_is_better
        word = "ahead of" if better else "behind"
        by = numbers.distance(self.what, found)
        return f"{label} is {word} {reference}{about} by {by}: {values}"

    def _needed(self, name: str, rows: Sequence[EqualAccuracy], whole: Estimate | None) -> str:
        label, reference = escaped(name), escaped(self.reference)
        if whole is None:
            return f"There is no level that both {label} and {reference} surely reached."
        found = [(row.level, m) for row in rows if (m := row.multipliers[name]) is not None]
        less = [level for level, m in found if m.low > 1]
        more = [level for level, m in found if m.high < 1]
        times = (
            f"its compute multiplier over {reference} is {numbers.times(whole)}, over "
            f"{wording.counted(len(found), 'level')} {self._over([level for level, _ in found])}"
        )
        if less and more:
            return (
                f"Which of the two needed less compute for the same {self._name} depends on the "
                f"level: {label} needed less {self._at(less)} and more {self._at(more)}; {times}."
            )
        if whole.low > 1:
            return f"{label} needed less compute for the same {self._name}: {times}."
        if whole.high < 1:
            return f"{label} needed more compute for the same {self._name}: {times}."
        text = (
            f"Which of the two needed less compute for the same {self._name} can't be told: "
            f"{times}."
        )
        if less or more:
            word = "less" if less else "more"
            text += f" Only {self._at(less or more)} {label} needed {word}."
        return text

    def _passed(self, name: str, rows: Sequence[EqualAccuracy]) -> str:
        """Which levels the curve of a run was at only in passing; "" if none."""
        passed = [row for row in rows if name in row.in_passing]
        if not passed:
            return ""
        levels = wording.joined([numbers.level(self.what, row.level) for row in passed])
        fell = "rose above" if self.lower_is_better else "fell below"
        them = wording.agree(len(passed), "it", "them")
        if self.seeds[name] == 1:
            return f"{escaped(name)} reached {levels} in passing: its curve {fell} {them} again."
        most = max(row.in_passing[name] for row in passed)
        who = f"{most} of the {self.seeds[name]} seeds" if most > 1 else "One of the seeds"
        return f"{who} of {escaped(name)} reached {levels} in passing: {fell} {them} again."

    def _at(self, levels: Sequence[float]) -> str:
        """Some levels, in the order in which runs reach them."""
        if len(levels) > _MOST_LEVELS:
            return f"at {len(levels)} levels {self._over(levels)}"
        return f"at {wording.joined([numbers.level(self.what, level) for level in levels])}"

    def _over(self, levels: Sequence[float]) -> str:
        first, last = (numbers.level(self.what, levels[k]) for k in (0, -1))
        return f"from {first} to {last}" if len(levels) > 1 else f"at {first}"


def either(names: Iterable[str]) -> str:
    """
    >>> either(["a"]), either(["a", "b", "c"]), either("abcdefg")
    ('a', 'a, b or c', 'a, b, c or one of 4 others')
    """
    found = [escaped(name) for name in names]
    if len(found) > _MOST_NAMES:
        found[_MOST_NAMES - 1 :] = [f"one of {len(found) - _MOST_NAMES + 1} others"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"
