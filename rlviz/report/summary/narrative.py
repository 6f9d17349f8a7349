"""Tells what a metric did, in one to three sentences in the order of time.

All that is told is read off the segments: each number is the curve's, at the place named beside it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlviz import wording
from rlviz.report.series.curves import Curve, Value
from rlviz.report.statistics import Analysis, Segment
from rlviz.report.summary.places import Places
from rlviz.report.summary.values_text import Form

_NEAR_AN_END = 0.02
"""A first or last value that is further than this share of the run from the run's own end is told
with its place."""
_ROUNDING = 1e-12
"""Scatter below this share of the values is that of their last digits."""
_PACES = {"ever slower": "ever more slowly"}


def story(name: str, form: Form, places: Places, curve: Curve, found: Analysis) -> str:
    """What happened to one metric, from its first value to its last.

    Args:
        name: at the beginning of a sentence.
        form: how its values are written.
        places: how places are named.
        curve: the curve that the figure draws.
        found: its segments, at least one.
    """
    segments = found.segments
    if segments[0].pace == "constant":
        return f"{name} stayed at {form(start_of(segments[0]))} throughout."
    if found.is_certain:
        told = _sentences(name, _Moves(form, places, segments))
    else:
        told = [_uncertain(name, form, places, curve, found)]
    if (scatter := growing_scatter(form, found)) is not None:
        first, last = scatter
        told.append(
            f"Single steps scattered more and more around its curve: by {first} in the first third "
            f"of them, by {last} in the last."
        )
    return " ".join(told)


def few_values(
    name: str, form: Form, lack: str, values: NDArray[np.float64], steps: NDArray[np.int64]
) -> str:
    """What can be said of values that show no change: the first and the last.

    Args:
        lack: why they don't, such as "has only 13 values, too few to tell a change from chance".
        values, steps: as they were recorded, (n,), n >= 1.
    """
    if len(values) == 1:
        return f"{name} has a single value, {form(Value(values[0]))} at step {steps[0]:,}."
    first, last = (f"{form(Value(values[end]))} at step {steps[end]:,}" for end in (0, -1))
    return f"{name} {lack}: {first} is the first, {last} the last."


def growing_scatter(form: Form, found: Analysis) -> tuple[str, str] | None:
    """The scatter in the first third and in the last, with at most three digits, if it grows."""
    scatter = found.scatter
    largest = max((max(abs(p.y_start), abs(p.y_end)) for p in found.segments), default=0.0)
    if scatter is None or not scatter.grows or scatter.last < _ROUNDING * largest:
        return None
    first, last = (form(Value(float(f"{size:.3g}"))) for size in (scatter.first, scatter.last))
    return first, last


def start_of(segment: Segment) -> Value:
    """The curve at the start of a segment."""
    return _value(segment.y_start, segment.y_start_error)


def end_of(segment: Segment) -> Value:
    """The curve at the end of a segment."""
    return _value(segment.y_end, segment.y_end_error)


def _value(y: float, error: float | None) -> Value:
    return Value(y) if error is None else Value(y, y - error, y + error)


def _uncertain(name: str, form: Form, places: Places, curve: Curve, found: Analysis) -> str:
    """A metric of which no move is certain."""
    first, last = found.segments[0], found.segments[-1]
    start, end = form(start_of(first)), form(end_of(last))
    told = f"{name} " + (
        f"began and ended at {start}" if start == end else f"went from {start} to {end}"
    )
    if not found.drift:
        return f"{told}; within its noise no rise or fall is certain."
    told += _extreme(form, places, curve, first, last)
    if not found.tells_noise:
        return (
            f"{told}. So few values don't tell how long their noise lasts, so no rise or fall is "
            "certain."
        )
    return (
        f"{told}. Noise that lasts as long as here moves like this by itself, so no rise or fall "
        "is certain."
    )


def _extreme(form: Form, places: Places, curve: Curve, first: Segment, last: Segment) -> str:
    """Where the curve is farthest outside its values at both ends, if its band shows it to be."""
    ends = (first.y_start, last.y_end)
    beyond = {
        "lowest": (min(ends) - curve.y.min(), int(curve.y.argmin())),
        "highest": (curve.y.max() - max(ends), int(curve.y.argmax())),
    }
    word, (distance, at) = max(beyond.items(), key=lambda item: item[1][0])
    value = curve.at(curve.x[at])
    if distance <= (value.error or 0.0):
        return ""
    return f" and was {word} at {places.of(curve.x[at])}, {form(value)}"


class _Moves:
    """The segments of one metric as parts of sentences."""

    def __init__(self, form: Form, places: Places, segments: Sequence[Segment]) -> None:
        self._form, self._places, self._segments = form, places, segments
        self._named = False  # whether a place was named in full

    def __len__(self) -> int:
        return len(self._segments)

    def begun(self) -> list[str]:
        """What is said before the first move: where a level begins."""
        segment = self._segments[0]
        if segment.kind != "level":
            return []
        return [f"began at {self._form(start_of(segment))}{self._late_start(segment)}"]

    def kind(self, i: int) -> str:
        return self._segments[i].kind

    def told(self, i: int, *, opens: bool) -> str:
        """The i-th move, in order; `opens`: it opens a sentence."""
        segment = self._segments[i]
        if segment.kind == "level":
            return self._stayed(i)
        start = self._start(i)  # before the end, whose place is then named briefly
        to = f"to {self._form(end_of(segment))}{self._end(i, 'at')}"
        if segment.pace == "jump":
            return f"{'jumped' if segment.kind == 'rises' else 'dropped'}{start} {to}"
        pace = _PACES.get(segment.pace, segment.pace)
        if i and not opens and self._segments[i - 1].kind == segment.kind:
            return f"then {pace or self._faster(i)} {to}"
        verb = "rose" if segment.kind == "rises" else "fell"
        if len(self) == 1 and self._is_within_errors(segment):
            return f"{verb}{pace and ' ' + pace} on the whole,{start} {to}"
        if i and not opens and self._moves_little(i - 1) and not self._is_near(i - 1):
            verb = f"then {verb}"
        return f"{verb}{pace and ' ' + pace}{start} {to}"

    def _is_within_errors(self, segment: Segment) -> bool:
        """Whether the values at both ends don't show the move that all values together show."""
        errors = max(segment.y_start_error or 0.0, segment.y_end_error or 0.0)
        return abs(segment.y_end - segment.y_start) <= errors

    def _faster(self, i: int) -> str:
        """A pace beside the one before."""
        now, before = (
            abs(part.y_end - part.y_start) / (part.x_end - part.x_start)
            for part in (self._segments[i], self._segments[i - 1])
        )
        return "faster" if now > before else "more slowly"

    def _stayed(self, i: int) -> str:
        segment = self._segments[i]
        value = self._form(end_of(segment))
        if self._is_near(i):
            return f"stayed near that{self._end(i, 'until')}"
        if not self._moves_little(i):
            return f"stayed near {value}{self._end(i, 'until')}"
        moved = "rose" if segment.y_end > segment.y_start else "fell"
        return f"{moved} only to {value}{self._end(i, 'by')}"

    def _moves_little(self, i: int) -> bool:
        """Whether a level changes, little beside the whole range, but more than its bands hide."""
        segment = self._segments[i]
        errors = (segment.y_start_error or 0.0) + (segment.y_end_error or 0.0)
        ends = self._form(start_of(segment)), self._form(end_of(segment))
        return (
            segment.kind == "level"
            and abs(segment.y_end - segment.y_start) > errors
            and ends[0] != ends[1]
        )

    def _is_near(self, i: int) -> bool:
        """Whether a level's start, just told, says its end too."""
        segment = self._segments[i]
        if i + 1 == len(self):
            return False  # the last value is always told
        after = self._segments[i + 1]
        start, next_end = self._form(start_of(segment)), self._form(end_of(after))
        if start == next_end or (after.y_end > segment.y_start) != (after.kind == "rises"):
            return False
        error = max(segment.y_start_error or 0.0, segment.y_end_error or 0.0)
        return abs(segment.y_end - segment.y_start) <= error / 2

    def _start(self, i: int) -> str:
        if i:
            return ""  # told as the end of the one before
        segment = self._segments[0]
        return f" from {self._form(start_of(segment))}{self._late_start(segment)}"

    def _late_start(self, segment: Segment) -> str:
        if segment.x_start <= self._places.first + _NEAR_AN_END * self._places.extent:
            return ""
        return f" at {self._place(segment.x_start)}"

    def _end(self, i: int, word: str) -> str:
        segment = self._segments[i]
        if i + 1 < len(self):
            if self._segments[i + 1].pace == "jump":
                return ""  # the jump has one place, not two
            return f" {word} {self._place(segment.x_end)}"
        if segment.x_end < self._places.last - _NEAR_AN_END * self._places.extent:
            return f" {word} {self._place(segment.x_end)}, its last value"
        if len(self) == 1:
            return ""
        return f" {'to' if word == 'until' else word} the end"

    def _place(self, x: float) -> str:
        named, self._named = self._named, True
        return self._places.briefly(x) if named else self._places.of(x)


def _sentences(name: str, moves: _Moves) -> list[str]:
    """One sentence, or two where there are more than two moves."""
    count = len(moves)
    cut = count if count <= 2 else _cut(moves)
    first = [*moves.begun(), *(moves.told(i, opens=i == 0) for i in range(cut))]
    sentences = [f"{name} {wording.joined(first)}."]
    if cut < count:
        rest = [moves.told(i, opens=i == cut) for i in range(cut, count)]
        sentences.append(f"It then {wording.joined(rest)}.")
    return sentences


def _cut(moves: _Moves) -> int:
    """Where the second sentence begins: near the middle, and where the direction changes."""
    count = len(moves)
    middle = -(-count // 2)
    around = [cut for cut in (middle, middle - 1, middle + 1) if 0 < cut < count]
    turns = [cut for cut in around if moves.kind(cut) != moves.kind(cut - 1)]
    return (turns or around)[0]
