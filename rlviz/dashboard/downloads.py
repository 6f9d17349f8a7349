"""What the user saves rather than sees: rlviz's own figure of some runs, and a run's table."""

import io
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from rlviz import palette
from rlviz.dashboard.query import QueryError
from rlviz.report.export.table_file import write
from rlviz.report.history import History
from rlviz.report.series.defaults import default_measures
from rlviz.report.series.forecast import Forecasts
from rlviz.schema import AxisName

_DRAWING = threading.Lock()
"""matplotlib's settings hold for the whole process."""
MOST_RUNS = len(palette.OF_RUNS) * len(palette.DASHES)
"""Runs that can be told apart in a figure."""
_MOST_POINTS = 20_000_000
"""Steps times metrics of all runs of a figure."""
_MOST_CELLS = 10_000_000
"""Rows times columns of a table: some 200 MB of text."""
Ends: TypeAlias = tuple[float | None, float | None]
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Looks:
    """How the page shows the runs, as `rlviz.figure` takes it."""

    xlim: Ends = (None, None)
    ylim: Mapping[str, Ends] = field(default_factory=dict)
    log_y: Sequence[str] = ()
    dots: bool = True
    colors: Sequence[str] | None = None
    smooth: Literal["auto", "none"] | float = "auto"


def figure(
    histories: Mapping[str, History],
    *,
    x: AxisName,
    metrics: Sequence[str],
    log_x: bool,
    forecast: bool,
    format: str,
    looks: Looks | None = None,
) -> bytes:
    """`rlviz.figure` as SVG, PDF or PNG; without `metrics` of those that tell most about the runs.

    Raises:
        QueryError: these runs can't be drawn in this way.
    """
    from rlviz.report.figure.layout import figure as draw  # loads matplotlib

    metrics = metrics or default_measures(list(histories.values()))
    points = len(metrics) * sum(len(history) for history in histories.values())
    if points > _MOST_POINTS:
        raise QueryError(
            f"a figure of at most {_MOST_POINTS:,} points is drawn here, and this one has "
            f"{points:,} (steps times metrics). Draw fewer runs or metrics, or use `rlviz plot`."
        )
    single = next(iter(histories.values())) if len(histories) == 1 else None
    try:
        found = Forecasts.of(histories if forecast else {})
        with _DRAWING:
            drawing = draw(
                histories if single is None else single,
                x=x,
                metrics=metrics,
                log_x=log_x,
                forecast=found.only if single else found.fits,
                **({} if looks is None else asdict(looks)),
            )
            stream = io.BytesIO()
            drawing.savefig(stream, format=format, dpi=200)
    except (ValueError, TypeError) as error:
        raise QueryError(str(error)) from None
    return stream.getvalue()


def table(history: History, x: AxisName, limits: tuple[float, float]) -> bytes:
    """A run's table as CSV, as `rlviz export` writes it, for the steps within the limits of x."""
    from rlviz.dashboard.series import axis_of

    if np.isfinite(limits).any():
        at = axis_of(history, x, log=False).positions(history)
        rows = (at >= limits[0]) & (at <= limits[1])
        history = replace(history, columns={n: c[rows] for n, c in history.columns.items()})
    cells = len(history) * len(history.columns)
    if cells > _MOST_CELLS:
        raise QueryError(
            f"a table of at most {_MOST_CELLS:,} cells is sent, and this one has {cells:,} (steps "
            "times columns). Give limits, from= and to=, or use `rlviz export`."
        )
    stream = io.BytesIO()
    write(history, stream, "csv")
    return stream.getvalue()


def file_name(names: Sequence[str], suffix: str) -> str:
    """A name that is safe in a header and on any disk.

    >>> file_name(["a/b c"], "csv"), file_name(["a", "b"], "svg")
    ('a-b-c.csv', 'rlviz.svg')
    """
    name = _UNSAFE.sub("-", names[0]).strip(".-")[:80] if len(names) == 1 else ""
    return f"{name or 'rlviz'}.{suffix}"
