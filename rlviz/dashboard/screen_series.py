"""One metric of one run as the page draws it: its dots, its curve, and what is said of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.dashboard.lines import ScreenCurve
from rlviz.dashboard.listing import finite
from rlviz.dashboard.series import View
from rlviz.report.history import History
from rlviz.report.series.thinning import Indices


def screen_series(
    history: History, seen: View, curve: ScreenCurve | None, kept: Indices
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """A header and arrays, as `payload.encode` takes them.

    Args:
        history: the run.
        seen: the visible part of the metric's points.
        curve: the curve through them, if one is drawn.
        kept: which of the visible points become dots, in their order.
    """
    found = seen.points
    y = seen.y
    rows = seen.rows[kept]
    arrays: dict[str, NDArray[Any]] = {
        "x": found.x[seen.part][kept],
        "y": y[kept],
        "step": history.columns[schema.STEP][rows],
    }
    if found.axis.name != "flops" and np.isfinite(history.flops).any():
        arrays["flops"] = history.flops[rows]
    if (interval := seen.interval(history, rows)) is not None:
        arrays["low"], arrays["high"] = interval
    if curve is not None:
        arrays["curve_x"], arrays["curve"] = curve.x, curve.y
        if curve.low is not None and curve.high is not None:
            arrays["curve_low"], arrays["curve_high"] = curve.low, curve.high
    header = {
        "total": len(y),
        "shown": len(kept),
        "thinned": len(kept) < len(y),
        "domain": found.domain,
        "range": (float(np.min(y)), float(np.max(y))) if len(y) else None,
        "usual": (seen.usual.low, seen.usual.high) if seen.usual else None,
        "outside": (seen.usual.outside if seen.usual else 0) + found.beyond,
        "caution": curve.whole.caution if curve and curve.whole else None,
        "bandwidth": None if curve is None else curve.bandwidth,
        "bandwidth_unit": found.axis.scaled_unit,
        "label": found.measure.label,
        "scale": found.measure.scale,
        "most": finite(found.measure.limits(y)[1]),
        "x_label": found.axis.label,
        "x_unit": found.axis.unit,
    }
    return header, arrays
