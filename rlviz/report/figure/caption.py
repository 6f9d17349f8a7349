"""The line under a figure: how its curves were made, and which dots the drawing leaves out."""

from collections.abc import Mapping, Sequence

import numpy as np

from rlviz import conventions, schema, wording
from rlviz.report.figure import labels
from rlviz.report.figure.panels import Panel
from rlviz.report.series.axis import LARGEST, XAxis
from rlviz.report.series.curves import Curve
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import units_of


def caption(
    panels: Sequence[Panel], axis: XAxis, groups: Sequence[Group], left_out: Mapping[str, int]
) -> str:
    """Smoother, bandwidths and bands; how a long run was thinned out; in what work and span are
    measured; by which convention the RL FLOPs of the axis are counted; which runs are left out,
    because they lack the axis."""
    drawn = [panel for panel in panels if panel.curves and panel.looks.smooth == "auto"]
    parts = [_curves(drawn, axis)] if drawn else []
    smooth = panels[0].looks.smooth
    if not isinstance(smooth, str):
        seeds = any(line.curve and line.curve.seeds > 1 for p in panels for line in p.lines)
        band = f"; band: {_OF_SEEDS}" if seeds else ""
        parts.append(f"curves: moving averages of the steps, weight {float(smooth):g}{band}")
    parts += _outside(panels)
    parts += [
        f"{wording.counted(panel.below, 'value')} at 0 or below left out ({_short(panel)})"
        for panel in panels
        if panel.below
    ]
    parts += [
        f"{wording.counted(panel.beyond, 'value')} beyond {LARGEST:g} left out ({_short(panel)})"
        for panel in panels
        if panel.beyond
    ]
    parts += _of_values(panels)
    parts += _thinning(panels)
    if any(line.outlook for panel in panels for line in panel.lines):
        parts.append("dashed: forecast, within its interval")
    if schema.PARALLELISM in {panel.measure.name for panel in drawn}:
        runs = [run for group in groups for run in group.runs]
        parts += [f"work and span {told}"] if (told := schema.in_units(units_of(runs))) else []
    if axis.name == "flops":
        said = conventions.of_runs({group.name: group.conventions for group in groups})
        parts += [f"{axis.unit}: {said}"] if said else []
    if left_out:
        parts.append(f"left out, without {axis.unit} to draw over: {_names(left_out)}")
    return "; ".join(parts)


_OF_SEEDS = "of a mean of seeds their 95 % interval"


def _of_values(panels: Sequence[Panel]) -> list[str]:
    """That a curve on a logarithmic scale is the one that a linear scale shows."""
    logs = [panel for panel in panels if panel.is_log]
    drawn = [_short(panel) for panel in logs if any(line.curve for line in panel.lines)]
    names = wording.joined(drawn)
    return [f"on a logarithmic scale the curve of the values themselves ({names})"] * bool(drawn)


def _names(left_out: Mapping[str, int]) -> str:
    """The first names, with how many seeds where there are several."""
    many = [f"{n} ({count} seeds)" if count > 1 else n for n, count in left_out.items()]
    return wording.some(many, most=5, form=str)


def _curves(panels: Sequence[Panel], axis: XAxis) -> str:
    several = max(len(panel.lines) for panel in panels) > 1
    seeds = {curve.seeds > 1 for panel in panels for curve in panel.curves}
    extent = _extent(panels, axis)
    chosen = [(panel, _width(panel.curves, extent), _lasts(panel.curves)) for panel in panels]
    text = "Smoothed curves: " if several or True in seeds else "Smoothed curve: "
    text += "local quadratic"
    if widths := ", ".join(f"{width} ({_short(panel)})" for panel, width, _ in chosen if width):
        text += f", bandwidth {widths} of the axis"
    lasting: dict[str, list[str]] = {}
    for panel, _, lasts in chosen:
        if lasts:
            lasting.setdefault(lasts, []).append(_short(panel))
    if told := ", ".join(f"{lasts} ({', '.join(names)})" for lasts, names in lasting.items()):
        text += f"; noise correlation {told}"
    bands = ["± 2 standard errors"] if False in seeds else []
    bands += [_OF_SEEDS] if True in seeds else []
    return f"{text}; band: {', '.join(bands)}"


def _short(panel: Panel) -> str:
    quantity = schema.QUANTITIES.get(panel.measure.name)
    return labels.fitted(panel.measure.name, 8, 90) if quantity is None else quantity.attribute


def _extent(panels: Sequence[Panel], axis: XAxis) -> float:
    """The distance from the first to the last x of any curve, on the axis as drawn."""
    ends = [curve.x[[0, -1]] for panel in panels for curve in panel.curves]
    return float(np.ptp(axis.scaled(np.concatenate(ends))))


def _width(curves: Sequence[Curve], extent: float) -> str:
    """The bandwidths as shares of the axis, from the smallest to the largest."""
    known = [curve.bandwidth[np.isfinite(curve.bandwidth)] for curve in curves]
    widths = np.concatenate([[], *known])
    if not len(widths) or not extent > 0:  # an axis that does not grow
        return ""
    ends = (float(end) / extent for end in (widths.min(), widths.max()))
    shares = list(dict.fromkeys(map(_share, ends)))
    if len(shares) == 2 and "over" not in shares[1]:
        shares[0] = shares[0].removesuffix(" %")
    return " – ".join(shares)


def _lasts(curves: Sequence[Curve]) -> str:
    """The correlations between the noise of a step and of the next one, from lowest to highest.
    Too few values don't tell it."""
    told = [c for c in curves if np.isfinite(c.noise_correlation)]
    known = [c.noise_correlation for c in told if c.tells_noise]
    ends = (min(known), max(known)) if known else ()
    return " – ".join(
        dict.fromkeys(f"{end:.2f}" for end in ends)
    ) or "0 assumed, of too few values" * bool(told)


def _share(part: float) -> str:
    """
    >>> _share(0.00123), _share(0.0456), _share(0.456), _share(31.0)
    ('0.12 %', '4.6 %', '46 %', 'over 100 %')
    """
    if part > 1:  # a single parabola through all points
        return "over 100 %"
    return f"{100 * part:.0f} %" if part >= 0.0995 else f"{100 * part:.2g} %"


def _outside(panels: Sequence[Panel]) -> list[str]:
    """How many values the scales leave out."""
    parts = []
    for panel in panels:
        if panel.usual is not None and panel.usual.outside:
            count, every = panel.usual.outside, panel.usual.outside + panel.steps
            which = "the farthest is" if count > 1 else "it is"
            parts.append(
                f"{count:,} of {every:,} values outside the scale, {which} "
                f"{panel.usual.farthest:.4g} ({_short(panel)})"
            )
    return parts


def _thinning(panels: Sequence[Panel]) -> list[str]:
    parts = []
    averaged = {curve.averaged for panel in panels for curve in panel.curves}
    if 0 in averaged:
        parts.append("through means in 400 equal parts of the axis")
    elif max(averaged, default=1) > 1:
        parts.append(f"through means of up to {max(averaged)} steps")
    most = max(panels, key=lambda panel: panel.steps)
    if most.dots < most.steps and most.looks.dots:
        parts.append(
            f"{most.dots:,} of {most.steps:,} dots drawn, those that others cover left out"
        )
    return parts
