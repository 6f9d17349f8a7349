"""Tells whether a mean can be one of scores that are either 0 or 1, by what is logged beside it."""

import numpy as np

from rlviz.importers import names, rates
from rlviz.importers.log import Floats, Log

Scale = tuple[float, float]
"""What a wrong and what a right answer earns."""

_ROUNDING = 1e-6
"""A rate stored as float32 may be slightly above 1."""
_WIDE = 1.1
"""The unbiased deviation of n scores of 0 and 1 is above √(m(1 − m)) by √(n / (n − 1)): 1.07 for
n = 8. Where it is above by as much in every row, n may be smaller."""
_ALIKE = 0.02
_ROUNDED_MEAN = 5e-3
"""Logs round to two digits at worst."""
_FEW = 1 / 3
"""The share of rows that may break a rule: averages over odd rows, rounding near 0 and 1. Where a
right answer earns 2, every row breaks it."""
_INSIDE = 0.02
_NARROW = 0.5
"""Of a whole batch, scores of 0 and 1 deviate by √(m(1 − m)); a mean over several batches, by a
little less. Where most rows deviate by less than this share of it, scores lie between."""


def of(log: Log, name: str, kind: str) -> str | None:
    """The column of the standard deviation ("std"), minimum or maximum beside a mean."""
    named = {other.casefold(): other for other in log.series}
    functions = [one for one in log.series if names.is_reward_function(one)]
    if kind == "std" and names.plain(name) == "reward" and len(functions) == 1:
        name = functions[0] if of(log, functions[0], kind) is not None else name  # over the batch
    forms = (form.casefold() for form in rates.spreads(name)[kind])
    return next((named[form] for form in forms if form in named), None)


def extent(log: Log, name: str) -> tuple[float, float]:
    """The lowest and the highest value of a column, and of its minimum and maximum."""
    beside = (name, of(log, name, "min"), of(log, name, "max"))
    values = [log.series[one].numbers() for one in beside if one is not None]
    return min(float(v.min()) for v in values), max(float(v.max()) for v in values)


def is_told(log: Log, name: str) -> bool:
    """Whether anything beside a mean tells how its values are spread."""
    both = of(log, name, "min") is not None and of(log, name, "max") is not None
    return both or of(log, name, "std") is not None


def against(log: Log, name: str, scale: Scale) -> str:
    """Why a mean is not one of scores that are either the lower or the upper end of the scale, in
    words that follow its name; empty if it can be."""
    low, high = scale
    ends = extent(log, name)
    first, last = ((end - low) / (high - low) for end in ends)
    if first < -_ROUNDING or last > 1 + _ROUNDING:
        what = "or its minimum or maximum " if _beyond_itself(log, name, ends) else ""
        return f"{what}goes from {ends[0]:g} to {ends[1]:g}"
    for kind in ("min", "max"):
        if (column := of(log, name, kind)) is not None:
            values = (log.series[column].numbers() - low) / (high - low)
            inside = (values > _INSIDE) & (values < 1 - _INSIDE)
            if 2 * np.count_nonzero(inside) > len(values):
                there = float(log.series[column].numbers()[inside][0])
                return f"has a {kind}imum of {there:g}, between {low:g} and {high:g}"
    return _unlike_answers(log, name, scale)


def _beyond_itself(log: Log, name: str, ends: tuple[float, float]) -> bool:
    values = log.series[name].numbers()
    return (float(values.min()), float(values.max())) != ends


def _unlike_answers(log: Log, name: str, scale: Scale) -> str:
    column = of(log, name, "std")
    if column is None:
        return ""
    low, high = scale
    means, deviations = _together(log, name, column)
    shares, widths = (means - low) / (high - low), deviations / (high - low)
    nearer = np.where(shares < 0.5, 1, -1) * np.minimum(_ROUNDED_MEAN, np.abs(shares - 0.5))
    possible = np.sqrt(np.clip((shares + nearer) * (1 - shares - nearer), 0, 0.25))
    wide = widths > _WIDE * possible
    off, how = wide, " at most"
    if np.count_nonzero(wide) <= _FEW * len(wide) or _are_few(shares, widths):
        least = np.sqrt(np.clip((shares - nearer) * (1 - shares + nearer), 0, 0.25))
        off, how = widths < _NARROW * least, ""
        if not _is_of_the_batch(column) or np.count_nonzero(off) <= (1 - _FEW) * len(off):
            return ""
    at = int(np.flatnonzero(off)[0])
    there = (high - low) * np.sqrt(max(shares[at] * (1 - shares[at]), 0.0))
    return (
        f"has a standard deviation of {deviations[at]:.3g} at a mean of {means[at]:.3g}, and "
        f"answers that earn {low:g} or {high:g} one of {there:.3g}{how}"
    )


def _is_of_the_batch(deviation: str) -> bool:
    """Whether a standard deviation is over the whole batch, as that of TRL's reward functions;
    others may be means of those within groups, which are narrower."""
    front, _, last = names.plain(deviation).rpartition("/")
    return last == "std" and names.is_reward_function(f"{front}/mean")


def _are_few(shares: Floats, widths: Floats) -> bool:
    """Whether deviations are those of a few scores of 0 and 1, the same number in each row."""
    inside = (shares > _INSIDE) & (shares < 1 - _INSIDE)
    if np.count_nonzero(inside) < 3:
        return False
    above = widths[inside] ** 2 / (shares[inside] * (1 - shares[inside]))  # n / (n − 1)
    usual = float(np.median(above))
    alike = np.abs(above - usual) <= _ALIKE * usual
    count = usual / (usual - 1) if usual > 1 else np.inf
    return bool(alike.all() and count >= 2 - _ALIKE and abs(count - round(count)) <= 5 * _ALIKE)


def right_earns(log: Log, name: str) -> float:
    """What a right answer must earn by the mean and the spread, if a wrong one earns 0: for values
    0 and s, the deviation² is m(s − m); else the highest value that is logged."""
    column = of(log, name, "std")
    highest = extent(log, name)[1]
    if column is None:
        return highest
    means, deviations = _together(log, name, column)
    known = means > _ROUNDED_MEAN
    if not known.any():
        return highest
    earned = float(np.median(means[known] + deviations[known] ** 2 / means[known]))
    nearest = round(2 * earned) / 2
    return max(
        nearest if abs(nearest - earned) <= 0.05 * earned else float(f"{earned:.2g}"), highest
    )


def _together(log: Log, first: str, second: str) -> tuple[Floats, Floats]:
    """The values of two columns in the rows that have both; tags are logged in rows of their own,
    and are matched by their steps."""
    found = []
    for name in (first, second):
        rows = log.series[name].rows()
        keys = np.array(log.step, np.float64)[rows] if log.events else rows
        found.append(np.unique(keys, return_index=True))
    _, i, j = np.intersect1d(found[0][0], found[1][0], return_indices=True)
    a = log.series[first].numbers()[found[0][1][i]]
    b = log.series[second].numbers()[found[1][1][j]]
    finite = np.isfinite(a) & np.isfinite(b)
    return a[finite], b[finite]
