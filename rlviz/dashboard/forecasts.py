"""The ScaleRL forecast of a run as plain data: where the fitted curve goes beyond the steps."""

from typing import Any

import numpy as np

from rlviz.dashboard.listing import finite
from rlviz.report.history import History
from rlviz.report.series.axis import choose
from rlviz.report.series.outlook import Outlook
from rlviz.scaling.fitting import fit


def forecast(history: History) -> dict[str, Any]:
    """What the figure draws dashed: from the last FLOPs to twice as many, if the data show a
    ceiling; else why they do not."""
    try:
        axis = choose("flops", [history])
        if axis.name != "flops":
            return _nothing("the run has no axis of RL FLOPs")
        found = fit(history.flops, history.accuracy)
    except (ValueError, TypeError) as error:
        return _nothing(str(error).rstrip("."))
    if not found.identifiable:
        return _nothing(found.why_not)
    known = np.isfinite(history.flops) & np.isfinite(history.accuracy)
    outlook = Outlook.beyond(float(history.flops[known][-1]), axis, found)
    if outlook is None:
        return _nothing("the fitted curve has no value beyond the data")
    return {
        "identifiable": True,
        "why_not": "",
        "A": finite(found.A),
        "ceiling": [finite(end) for end in found.ceiling_interval],
        "x": outlook.x.tolist(),
        "y": outlook.y.tolist(),
        "low": outlook.low.tolist(),
        "high": outlook.high.tolist(),
    }


def _nothing(why: str) -> dict[str, Any]:
    nothing: dict[str, list[float]] = {name: [] for name in ("x", "y", "low", "high")}
    return {"identifiable": False, "why_not": why, "A": None, "ceiling": [None, None], **nothing}
