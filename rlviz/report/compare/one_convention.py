"""Brings the FLOPs of runs to one convention where that is exact, and else refuses to compare."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rlviz import conventions, schema, wording
from rlviz.report.history import History
from rlviz.report.series.groups import Group

_UPDATE = "update"


def in_one_convention(
    groups: Sequence[Group], *, allow_different: bool
) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The groups with FLOPs that count alike, and what readers must know about that.

    Between "6N" and "6N-tokens" the FLOPs are converted: the phase `update` of "6N" is all that
    "6N-tokens" counts. Nothing else can be: the lengths that "exact" counts are not in a run.

    Raises:
        ValueError: runs count by different conventions, and `allow_different` is False.
    """
    runs = [(group.name, run) for group in groups for run in group.runs]
    known = {c for _, run in runs for c in run.conventions if c}
    if len(known) < 2:
        return tuple(groups), _on_trust(runs, known)
    found = difference(runs)
    if allow_different:
        note = f"{found}; they were compared all the same, as was asked for."
        return tuple(groups), (note, *_on_trust(runs, known))
    why = _why_not_converted(runs, known)
    if why:
        raise ValueError(
            f"{found}, so their RL FLOPs are not the same quantity and can't be compared at "
            f"equal compute. {why} Record or import all runs by one convention (convention=…, "
            "--flops-convention), or look at them over another axis: `rlviz plot --x tokens`, or "
            "step, or wall_time. If you know that they are comparable, pass "
            "allow_different_flops=True (--allow-different-flops)."
        )
    converted = tuple(replace(group, runs=tuple(map(_converted, group.runs))) for group in groups)
    return converted, (*_on_conversion(runs), *_on_trust(runs, known))


def difference(runs: Sequence[tuple[str, History]]) -> str:
    """Two named runs that count by different conventions, or one that does; "" if no difference is
    known."""
    said = [(name, run.conventions) for name, run in runs if any(run.conventions)]
    if len({each for _, names in said for each in names if each}) < 2:
        return ""
    name, first = said[0]
    for other, second in said:
        if len(second) > 1:
            return f"the sessions of {other!r} count by {conventions.called(second)}"
        if second != first:
            return f"{name!r} counts by {first[0]}, {other!r} by {second[0]}"
    return ""


def _why_not_converted(runs: Sequence[tuple[str, History]], known: set[str]) -> str:
    if known != {conventions.BY_WEIGHTS, conventions.BY_TOKENS}:
        return "They can't be converted either, for the lengths of the sequences are not in a run."
    for name, run in runs:
        if len(run.conventions) > 1:
            return f"{name!r} can't be converted, for it mixes them."
        if _is_by_weights(run) and not _counts_updates(run):
            return (
                f"{name!r} could be converted to {conventions.BY_TOKENS} if its FLOPs were "
                f"recorded by phase, {_UPDATE!r} apart from the others."
            )
    return ""


def _is_by_weights(run: History) -> bool:
    return run.conventions == (conventions.BY_WEIGHTS,)


def _counts_updates(run: History) -> bool:
    column = run.columns.get(schema.flops_column(_UPDATE))
    return column is not None and bool((column > 0).any())


def _converted(run: History) -> History:
    """A run by "6N" as "6N-tokens" counts; any other as it is."""
    if not _is_by_weights(run):
        return run
    kinds = (schema.flops_column, schema.flops_remainder_column)
    others = {kind(phase) for phase in run.phases for kind in kinds}
    kept = {name: run.columns[name] for name in run.columns if name not in others}
    for kind in kinds:
        if (column := run.columns.get(kind(_UPDATE))) is not None:
            kept |= {kind(_UPDATE): column, kind(schema.TOTAL): column}
    sessions = tuple(replace(session, convention=conventions.BY_TOKENS) for session in run.sessions)
    return replace(run, columns=kept, sessions=sessions)


def _on_conversion(runs: Sequence[tuple[str, History]]) -> Iterator[str]:
    names = dict.fromkeys(name for name, run in runs if _is_by_weights(run))
    counts = wording.agree(len(names), "counts", "count")
    yield (
        f"{wording.joined([repr(name) for name in names])} {counts} by {conventions.BY_WEIGHTS} "
        f"and {wording.agree(len(names), 'was', 'were')} converted to {conventions.BY_TOKENS}, by "
        f"which the others count: of the phases the {_UPDATE} alone counts."
    )


def _on_trust(runs: Sequence[tuple[str, History]], known: set[str]) -> tuple[str, ...]:
    silent = list(dict.fromkeys(name for name, run in runs if "" in run.conventions))
    if not silent:
        return ()
    if not known:
        return (
            "No run says by which convention its RL FLOPs are counted; that it is the same is "
            "taken on trust.",
        )
    does = wording.agree(len(silent), "does", "do")
    return (
        f"{wording.joined([repr(name) for name in silent])} {does} not say by which convention "
        f"RL FLOPs are counted; that it is that of the others, "
        f"{conventions.called(sorted(known))}, is taken on trust.",
    )
