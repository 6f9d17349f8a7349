"""What the list of runs says about each run: how far it got, what it has, and what it lost."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.doctor import damage, losses, notes
from rlviz.report.doctor.findings import Finding
from rlviz.report.history import History
from rlviz.report.history.ending import patience_seconds
from rlviz.report.history.session_account import Session
from rlviz.report.series.axis import XAxis, choose
from rlviz.report.series.defaults import ranked
from rlviz.report.series.measures import Measure, measure
from rlviz.schema import AxisName

Listing: TypeAlias = dict[str, Any]
"""Plain data, ready for JSON."""

_AXES: tuple[AxisName, ...] = tuple(schema.AXES)
_QUANTITIES = schema.QUANTITIES.values()
_BOOKKEEPING = {
    schema.STEP,
    schema.SESSION,
    schema.WALL_TIME,
    *(part for known in _QUANTITIES for part in (known.numerator, known.denominator)),
    *map(schema.unit_column, schema.WORK_UNITS),
    *(schema.ema_column(known.name) for known in _QUANTITIES),
    *(name for known in _QUANTITIES for name in (known.name, known.attribute)),
}
_BOOKKEEPING_KINDS = (
    "correct/",
    "graded/",
    f"{schema.ACCURACY}_ema/",
    "flops/",
    "flops_remainder/",
)


def listing_of(history: History, notes: Sequence[str]) -> Listing:
    """Describe a run.

    Args:
        history: the run; it may be empty.
        notes: which parts of it could not be read.
    """
    drawn = list(metrics(history))
    tells = ranked(history) if len(history) else []
    first = [*schema.QUANTITIES, *(name for _, name in tells)]
    axes = {name: found for name in _AXES if (found := _positions(history, name)) is not None}
    return {
        "steps": len(history),
        "last": _last(history),
        "values": _last_values(history, (name for name in dict.fromkeys(first) if name in drawn)),
        "patience": patience_seconds(history),
        "has_flops": "flops" in axes,
        "conventions": list(history.conventions),
        "parallelism_units": list(history.parallelism_units),
        "metrics": drawn,
        "tells": tells,
        "axes": list(axes),
        "extent": {name: _extent(x) for name, x in axes.items()},
        "sessions": [_session(history, session, axes) for session in history.sessions],
        "dropped": history.dropped,
        "lost_rows": sum(gone.rows for session in history.sessions for gone in session.gone),
        "missing_ranks": sorted({r for part in history.missing_ranks for r in part.ranks}),
        "superseded": history.superseded,
        "notes": [*notes, *(_sentence(finding) for finding in _findings(history))],
    }


def metrics(history: History) -> Iterator[str]:
    """The names of a run's metrics that can be drawn, those recorded at every step first."""
    groups = [f"{schema.ACCURACY}/{group}" for group in history.groups]
    own = dict.fromkeys((*schema.QUANTITIES, *groups, *history.metrics))
    others = [name for name in history.columns if _is_drawn(name) and name not in own]
    for name in (*own, *others):
        # What a name means to whoever draws it: a column may bear the name of a quantity.
        values = Measure(name, name, "number").values(history)
        if values is not None and np.isfinite(values).any() and (name in own or values.any()):
            yield name


def _is_drawn(column: str) -> bool:
    return not (
        column in _BOOKKEEPING
        or column.startswith(_BOOKKEEPING_KINDS)
        or column.startswith(schema.metric_column(""))
    )


def _positions(history: History, name: AxisName) -> NDArray[np.float64] | None:
    """The positions of the steps on an axis; None if the run lacks the axis."""
    try:
        axis: XAxis = choose(name, [history])
    except ValueError:
        return None
    if axis.name != name:
        return None
    x = axis.positions(history)
    if name == "flops" and not (x > 0).any():  # counted, but always 0: no axis for a curve
        return None
    return x


def _extent(x: NDArray[np.float64]) -> list[float]:
    known = x[np.isfinite(x)]
    return [float(known.min()), float(known.max())]


def _last(history: History) -> Listing | None:
    if not len(history):
        return None
    return {
        "step": int(history.step[-1]),
        "flops": finite(history.flops[-1]),
        "wall_time": finite(history.wall_time[-1]),
    }


def _last_values(history: History, names: Iterable[str]) -> dict[str, float]:
    """The last known value of each measure."""
    found = {}
    for name in names:
        values = measure(name, [history]).values(history)
        if values is None:
            continue
        at = len(values) - 1 if np.isfinite(values[-1]) else np.flatnonzero(np.isfinite(values))[-1]
        found[name] = float(values[at])
    return found


def _session(
    history: History, session: Session, axes: dict[AxisName, NDArray[np.float64]]
) -> Listing:
    """A session, and the place on each axis of its first valid step."""
    at = np.flatnonzero(history.session == session.number)
    first = int(at[0]) if len(at) else None
    return {
        "number": session.number,
        "resumed_after": session.resumed_after,
        "step": session.first_step if first is None else int(history.step[first]),
        "flops": None if first is None else finite(history.flops[first]),
        "wall_time": finite(session.began if first is None else history.wall_time[first]),
        "x": {} if first is None else {name: finite(x[first]) for name, x in axes.items()},
    }


def _findings(history: History) -> Iterator[Finding]:
    if not len(history):
        return
    for find in (
        losses.two_writers,
        losses.dropped,
        losses.ranks,
        damage.damage,
        losses.missing,
        notes.restarts,
        notes.order,
    ):
        yield from find(history)
    yield from (found for found in notes.measures(history) if found.kind == "flops_fall")
    yield from notes.counting(history)
    yield from notes.units(history)


def _sentence(finding: Finding) -> str:
    text = f"{finding.what[0].upper()}{finding.what[1:]} {finding.advice}"
    if finding.kind in ("missing", "rows_gone"):
        text += " TensorBoard stops at damage in a file: `rlviz doctor` looks behind it."
    return text


def finite(value: float) -> float | None:
    """A number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None
