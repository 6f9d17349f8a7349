"""The rows of the table of claims: they are read off the segments, like the sentences."""

from rlviz.report.series.curves import Value
from rlviz.report.statistics import Analysis
from rlviz.report.summary.narrative import end_of, growing_scatter, start_of
from rlviz.report.summary.places import Places
from rlviz.report.summary.values_text import Form


def findings(name: str, form: Form, places: Places, found: Analysis) -> list[tuple[str, str]]:
    """The claims about a metric: (claim, finding)."""
    rows = []
    segments = found.segments
    if found.trend:
        moved = "rises" if found.trend > 0 else "falls"
        ends = f"{form(start_of(segments[0]))} to {form(end_of(segments[-1]))}"
        rows.append(("trend", f"{moved}, {ends}"))
    if (dip := found.dip) is not None:
        lowest = next(part for part in segments if part.x_end == dip.place)
        depth = form(Value(dip.depth))
        rows.append(
            ("dip", f"{depth} deep; lowest, {form(end_of(lowest))}, at {places.of(dip.place)}")
        )
    for part in found.plateaus:
        level = f"{form(start_of(part))} to {form(end_of(part))}"
        rows.append(("plateau", f"{level}, {places.between(part.x_start, part.x_end)}"))
    if (bend := found.acceleration) is not None:
        rows.append(("acceleration", f"from {places.of(bend)} on"))
    for part in segments:
        if part.pace == "jump":
            change = f"{form(start_of(part))} to {form(end_of(part))}"
            rows.append(("jump", f"{change} at {places.of(part.x_end)}"))
    if (scatter := growing_scatter(form, found)) is not None:
        rows.append(("growing scatter", " to ".join(scatter)))
    return [(f"{name}: {claim}", finding) for claim, finding in rows]


def statistics(name: str, found: Analysis) -> str:
    """The numbers behind the claims about a metric, for statisticians."""
    told = [f"{found.points:,} values"]
    if found.noise_correlation == found.noise_correlation:  # known
        assumed = "" if found.tells_noise else " (assumed: there are too few values to tell)"
        told.append(
            f"noise correlation in the test of moves {found.noise_correlation:.2f}{assumed}"
        )
    if found.is_certain:
        strengths = ", ".join(f"{part.strength:.1f}" for part in found.segments)
        told.append(f"strength of the moves {strengths}")
    if found.scatter is not None and found.scatter.grows:
        told.append(f"growth of the scatter {p_text(found.scatter.p)}")
    return f"{name}: {'; '.join(told)}"


def p_text(p: float) -> str:
    """A p value as papers print it.

    >>> p_text(0.0321), p_text(0.0002)
    ('p = 0.03', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"
