"""The law of accuracy over compute that each compared run follows, where its data show one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rlviz import wording
from rlviz.markdown import escaped
from rlviz.report.compare import numbers
from rlviz.report.compare.estimate import Estimate, Estimates, exponential
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure

MOST_GROUPS = 20
"""A fit takes some hundredths of a second: for more groups it is left out."""

_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The parameters of a run's law, as of `rlviz.scaling.Sigmoid`; None if it shows none.

    Attributes:
        A, B, C_mid: the ceiling, the exponent and the compute at half of the rise.
        why_not: why there are none, as a clause; else empty.
    """

    A: Estimate | None = None
    B: Estimate | None = None
    C_mid: Estimate | None = None
    why_not: str = ""


def ceilings_of(groups: Sequence[Group], what: Measure) -> dict[str, Ceiling]:
    """Name of each group -> its law; {} for a measure that is no share, or too many groups."""
    if what.scale != "percent" or len(groups) > MOST_GROUPS:
        return {}
    return {group.name: _ceiling(group, what) for group in groups}


def _ceiling(group: Group, what: Measure) -> Ceiling:
    from rlviz.scaling.fitting import fit  # loads scipy

    fits = [fit(run.flops, what.values(run)) for run in group.runs]
    reasons = [found.why_no_ceiling for found in fits if not found.has_ceiling]
    if len(fits) == 1 and reasons:
        return Ceiling(why_not=reasons[0])
    if reasons:
        shown = len(fits) - len(reasons)
        return Ceiling(
            why_not=f"only {shown} of its {len(fits)} seeds shows a ceiling"
            if shown
            else f"none of its {len(fits)} seeds shows a ceiling"
        )
    return Ceiling(
        _over_seeds([Estimate(f.A, *f.ceiling_interval) for f in fits]),
        _over_seeds([Estimate(f.B, *f.B_interval) for f in fits], log=True),
        _over_seeds(
            [Estimate(f.C_mid, *f.C_mid_interval) for f in fits],
            log=True,
        ),
    )


def _over_seeds(each: Sequence[Estimate], *, log: bool = False) -> Estimate:
    """The estimate of one run, or the mean of several seeds; of logarithms for what multiplies."""
    if len(each) == 1:
        return each[0]
    rows = np.array([[e.value, e.low, e.high] for e in each])
    rows = np.log(np.maximum(rows, _SMALLEST)) if log else rows
    mean = Estimates.over_seeds(Estimates(*rows.T[:, :, None]))
    found = exponential(mean, 0) if log else mean[0]
    assert found is not None  # all are finite
    return found


def table_rows(found: Mapping[str, Ceiling], what: Measure) -> list[list[str]]:
    """A row for each run that shows a ceiling, header first."""
    rows = [["run", "ceiling A", "exponent B", "C_mid, RL FLOPs"]]
    for name, ceiling in found.items():
        if ceiling.A is not None and ceiling.B is not None:
            a, b, middle = ceiling.A, ceiling.B, numbers.flops(ceiling.C_mid)
            exponent = f"{b.value:.3g} [{b.low:.3g}, {b.high:.3g}]"
            rows.append([escaped(name), numbers.value(what, a), exponent, middle])
    return rows


def sentence(found: Mapping[str, Ceiling]) -> str:
    """Which runs show no ceiling, and why; "" if all do, or none was looked for."""
    whys: dict[str, list[str]] = {}
    for name, ceiling in found.items():
        if ceiling.why_not:
            whys.setdefault(ceiling.why_not, []).append(escaped(name))
    if not whys:
        return ""
    parts = [f"of {wording.joined(names)}, because {why}" for why, names in whys.items()]
    return f"Where accuracy would level off can't be told {'; '.join(parts)}."
