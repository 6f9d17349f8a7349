"""The line under a figure: how its curves were made, and what was left out of the drawing."""

from collections.abc import Sequence

import numpy as np

from rlviz.report.figure import labels
from rlviz.report.figure.panels import Panel
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import Curve

_SHORT = {"Training Accuracy": "accuracy", "Average Parallelism": "parallelism"}


def caption(panels: Sequence[Panel], axis: XAxis) -> str:
    """Smoother, bandwidths and bands; then how a long run was thinned out; "" without a curve."""
    drawn = [panel for panel in panels if panel.curves]
    parts = [_curves(drawn, axis)] if drawn else []
    parts += _thinning(panels)
    if any(line.outlook for panel in panels for line in panel.lines):
        parts.append("dashed: forecast of the fitted law, with its interval")
    return "; ".join(parts)


def _curves(panels: Sequence[Panel], axis: XAxis) -> str:
    several = max(len(panel.lines) for panel in panels) > 1
    seeds = any(curve.seeds > 1 for panel in panels for curve in panel.curves)
    extent = _extent(panels, axis)
    widths = ", ".join(
        f"{width} ({_short(panel)})" for panel in panels if (width := _width(panel.curves, extent))
    )
    text = "Smoothed curves: " if several or seeds else "Smoothed curve: "
    text += "local quadratic, leave-one-out bandwidth"
    if widths:
        text += f" {widths} of the axis"
    lasting = ", ".join(
        f"{found} ({_short(panel)})" for panel in panels if (found := _lasting(panel.curves))
    )
    if lasting:
        text += f", noise correlation {lasting}"
    if not seeds:
        return f"{text}; band: ± 2 SE with this bandwidth and with half of it"
    if all(curve.seeds > 1 for panel in panels for curve in panel.curves):
        return f"{text}; mean of the seeds, band: ± 2 SE over them"
    return (
        f"{text}; mean of the seeds, band: ± 2 SE over them; "
        "of a single run: ± 2 SE with its bandwidth and with half of it"
    )


def _short(panel: Panel) -> str:
    return _SHORT.get(panel.measure.label, labels.fitted(panel.measure.name, 8, 90))


def _extent(panels: Sequence[Panel], axis: XAxis) -> float:
    """From the first to the last x of any curve, as it lies on the paper."""
    ends = [curve.x[[0, -1]] for panel in panels for curve in panel.curves]
    return float(np.ptp(axis.scaled(np.concatenate(ends))))


def _width(curves: Sequence[Curve], extent: float) -> str:
    """The bandwidth as a share of the axis, or the smallest and the greatest."""
    widths = np.concatenate([curve.bandwidth for curve in curves])
    widths = widths[np.isfinite(widths)]
    if not len(widths):
        return ""
    least, most = (_share(end / extent) for end in (widths.min(), widths.max()))
    if least == most:
        return least
    return f"{least.removesuffix(' %')} – {most}" if most[0].isdigit() else f"{least} – {most}"


def _lasting(curves: Sequence[Curve]) -> str:
    """How long the noise lasts, or the smallest and the greatest correlation."""
    found = [value for curve in curves if np.isfinite(value := curve.noise_correlation)]
    ends = (min(found), max(found)) if found else ()
    return " – ".join(dict.fromkeys(f"{end:.2f}" for end in ends))


def _share(part: float) -> str:
    """
    >>> _share(0.00123), _share(0.0456), _share(0.456), _share(31.0)
    ('0.12 %', '4.6 %', '46 %', 'over 100 %')
    """
    if part > 1:  # a single parabola through all points
        return "over 100 %"
    return f"{100 * part:.0f} %" if part >= 0.0995 else f"{100 * part:.2g} %"


def _thinning(panels: Sequence[Panel]) -> list[str]:
    parts = []
    averaged = {curve.averaged for panel in panels for curve in panel.curves}
    if 0 in averaged:
        parts.append("through means in 400 equal parts of the axis")
    elif max(averaged, default=1) > 1:
        parts.append(f"through means of up to {max(averaged)} steps")
    most = max(panels, key=lambda panel: panel.steps)
    if most.dots < most.steps:
        parts.append(
            f"{most.dots:,} of {most.steps:,} dots drawn, those that others cover left out"
        )
    return parts
