"""The ScaleRL forecast of a run as plain data: where the fitted curve goes after the last step."""

from typing import Any

from rlviz.dashboard.listing import finite
from rlviz.report.history import History
from rlviz.report.series.forecast import foresee


def forecast(history: History) -> dict[str, Any]:
    """The dashed curve of the figure, from the last FLOPs to up to twice as many; or the reason why
    there is none. A and ceiling are None where the data show no ceiling."""
    found = foresee(history)
    if isinstance(found, str):
        nothing: dict[str, list[float]] = {name: [] for name in ("x", "y", "low", "high")}
        none = {"identifiable": False, "why_not": found, "A": None, "ceiling": [None, None]}
        return {**none, **nothing}
    return {
        "identifiable": True,
        "why_not": "",
        "A": finite(found.fit.A) if found.fit.has_ceiling else None,
        "ceiling": [finite(end) for end in found.fit.ceiling_interval],
        "x": found.outlook.x.tolist(),
        "y": found.outlook.y.tolist(),
        "low": found.outlook.low.tolist(),
        "high": found.outlook.high.tolist(),
    }
