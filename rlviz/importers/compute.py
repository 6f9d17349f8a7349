"""RL FLOPs of each step of a log: from a counter of FLOPs, or from tokens and parameters.

Tokens count by a convention of docs/definitions.md that needs no lengths, for a log does not tell
those of its sequences: by "6N", unless the user says "6N-tokens". A column of FLOPs is counted as
its program counts; only the user can know by which convention.
"""

from dataclasses import dataclass, field

import numpy as np

from rlviz import conventions, schema, wording
from rlviz.importers import names
from rlviz.importers.log import Floats, Indices, Log
from rlviz.importers.missing import missing
from rlviz.importers.options import TOKENS_ARE, Options, option
from rlviz.importers.roles import Roles
from rlviz.importers.timeline import Timeline

_FEWEST_PARAMS = 1e5
"""Fewer parameters than the smallest models that write a sentence."""
_MOST_FALLS = 0.05
_FEWEST_RISES = 0.5
_MOST_RISES = 5


@dataclass(slots=True)
class Spent:
    """What each step spent; nothing is known of a step that is missing here."""

    at: Indices
    """Index into the steps, (k,)."""
    phases: dict[str, list[int]]
    """Phase -> FLOPs, (k,); the phase is "" for a total without phases."""
    tokens: Floats | None = None
    """Cumulative tokens at the steps `at`, (k,)."""
    adds_up: bool = False
    """Whether the log gives what each row spent, not what was spent so far."""
    convention: str = ""
    """By which the FLOPs are counted; "" where it is not known."""
    known: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def spent(log: Log, roles: Roles, timeline: Timeline, options: Options) -> Spent:
    """The FLOPs of each step, as far as the log tells them.

    Raises:
        ValueError: a column that the user named is not a count.
    """
    nothing = Spent(np.empty(0, np.int64), {})
    counter = roles.flops or roles.tokens
    if counter is not None and counter not in timeline.placed:
        nothing.unknown.append(
            f"The RL FLOPs are unknown: {counter!r} has no value in a row that has a step."
        )
        return nothing
    if roles.flops is not None:
        return _checked(_from_flops(log, roles.flops, timeline, options))
    if roles.tokens is not None:
        found = _checked(_from_tokens(log, roles.tokens, timeline, options))
        found.unknown += missing(log) if found.phases else []
        return found
    nothing.unknown.append(f"The RL FLOPs are unknown: {_why(log, options)}")
    if options.params is not None:
        nothing.unknown.append(
            f"{option('params')} needs tokens to count FLOPs, and none were found: name their "
            f"column with {option('tokens')}."
        )
    return nothing


def _checked(found: Spent) -> Spent:
    total = sum(map(sum, found.phases.values()))
    if total >= schema.MAX_COUNT:
        raise ValueError(
            "the RL FLOPs would add up to 2**106 (8.1e31) or more, which no run spends. Check "
            f"{option('params')}, {option('flops_unit')} and {option('cumulative')}."
        )
    return found


def _from_flops(log: Log, name: str, timeline: Timeline, options: Options) -> Spent:
    _check(log, name)
    at, each, cumulative = _each_step(
        name, timeline, options.cumulative, options.flops_unit, options.extrapolate
    )
    found = Spent(at, {"": each}, convention=options.flops_convention or "")
    how = "counts from the start of the run" if cumulative else "is what each step spent"
    times = "" if options.flops_unit == 1 else f", times {options.flops_unit:g}"
    found.known.append(f"The RL FLOPs are {name!r}{times}; it {how}.")
    if found.convention:
        found.known.append(f"They count by the convention {found.convention}, as you say.")
    else:
        found.unknown.append(
            f"By which convention {name!r} counts is not known: say it with "
            f"{option('flops_convention')}, for runs compare only where they count alike."
        )
    if options.params is not None:
        found.unknown.append(
            f"{option('params')} was not needed: FLOPs are counted by {name!r}, not from tokens. "
            f"For those, name their column with {option('tokens')}."
        )
    _say_gaps(found, name, timeline, cumulative, options)
    return found


def _from_tokens(log: Log, name: str, timeline: Timeline, options: Options) -> Spent:
    _check(log, name)
    count = names.TOKENS.get(names.plain(name), names.TokenCount("sequences", None))
    cumulative = options.cumulative if options.cumulative is not None else count.cumulative
    meaning = options.tokens_are or count.meaning
    if options.sequences is not None:
        cumulative = False  # a mean length in each step
    at, each, cumulative = _each_step(
        name, timeline, cumulative, options.sequences or 1.0, options.extrapolate
    )
    found = Spent(at, {}, np.cumsum(np.array(each, np.float64)))
    how = "counts from the start of the run" if cumulative else "counts those of each step"
    of = f"{name!r}, which {how}"
    if options.sequences is not None:
        of = f"{name!r} times {options.sequences:g} sequences a step"
    found.known.append(f"The tokens are {of}; the metric 'tokens' is their sum so far.")
    if options.sequences is None and names.is_mean(name):
        found.unknown.append(
            f"{name!r} looks like a mean of each sequence, and was taken for all tokens of a step: "
            f"say how many sequences a step has with {option('sequences')}, else tokens and RL "
            "FLOPs are too low by that factor."
        )
    if prompts := _prompts_beside(log, name):
        found.unknown.append(
            f"{name!r} is of responses alone: the prompts ({prompts!r}) are not in the tokens and "
            "not in the RL FLOPs."
        )
    if options.params is None:
        found.unknown.append(
            "The RL FLOPs are unknown: the log counts tokens; with the number of the model's "
            f"parameters ({option('params')}) they are known too."
        )
    else:
        _convert(found, each, meaning, options.params, options.flops_convention)
    _say_gaps(found, name, timeline, cumulative, options)
    return found


def _prompts_beside(log: Log, name: str) -> str | None:
    """The column with the length of prompts, beside one of responses alone."""
    if not {"response", "completion", "completions"} & set(names.words(name)):
        return None
    return log.first(("prompt_length/mean", "prompts/mean_length", "prompt_length"))


def _convert(
    found: Spent, tokens: list[int], meaning: str, params: float, convention: str | None
) -> None:
    size = round(params)
    found.convention = convention or conventions.BY_WEIGHTS
    factors = _factors(meaning, found.convention)
    if params < _FEWEST_PARAMS:
        found.unknown.append(
            f"N = {params:g} parameters is less than any language model has, so the RL FLOPs are "
            f"hardly right. Write all of them: {option('params', 7.6e9)} for 7.6 billion."
        )
    for phase, factor in factors.items():
        found.phases[phase] = [factor * size * count for count in tokens]
    rule = " + ".join(f"{factor}·N for {phase}" for phase, factor in factors.items())
    found.known.append(
        f"The RL FLOPs of a token are {rule}, N = {params:.4g} parameters, by the convention "
        f"{found.convention}; these are tokens of {_MEANINGS[meaning]}."
    )
    passes = "forward passes of other models and for log-probabilities"
    found.unknown.append(
        f"Not in the RL FLOPs: attention's products of activations, {passes}, and epochs after the "
        "first: the log does not tell them."
        if found.convention == conventions.BY_WEIGHTS
        else "Not in the RL FLOPs, by this convention: attention's products of activations, "
        f"rollouts, {passes}. Epochs after the first are not either: the log does not tell them."
    )


def _factors(meaning: str, convention: str) -> dict[str, int]:
    """Phase -> FLOPs per token and parameter, of the phases that the convention counts."""
    per_token = conventions.CONVENTIONS[convention].per_token
    if per_token is None:
        raise ValueError(
            f"the convention {convention!r} counts attention by the length of each sequence and "
            "the shape of the model, and a log of tokens tells neither. Take '6N' or '6N-tokens', "
            f"or name a column of FLOPs that were counted so with {option('flops')}."
        )
    all_phases = {phase: getattr(per_token, kind) for phase, kind in TOKENS_ARE[meaning].items()}
    counted = {phase: factor for phase, factor in all_phases.items() if factor}
    if not counted:
        raise ValueError(
            f"the convention {convention!r} counts the tokens that are trained on and nothing "
            f"else, and {option('tokens_are', meaning)} says that these were not. If they were, "
            f"leave that out; else take {option('flops_convention', '6N')}."
        )
    return counted


_MEANINGS = {
    "sequences": "sequences that were generated and trained on once",
    "generated": "generated sequences only",
    "trained": "sequences that were trained on; what was generated is not counted",
}


def _check(log: Log, name: str) -> None:
    if not log.is_count(name):
        values = log.series[name].numbers()
        what = "is always 0" if not values.any() else f"has values such as {values.min():g}"
        raise ValueError(
            f"{name!r} can't be a count of what was spent: it {what}. A counter that is there and "
            "never counts tells nothing: name another column, or none."
        )


def _each_step(
    name: str, timeline: Timeline, cumulative: bool | None, unit: float, extrapolate: bool
) -> tuple[Indices, list[int], bool]:
    """What each step spent: index into the steps, exact count, and whether it was cumulative.

    Step 0 without a count is the state before the training: it spent 0.
    """
    placed = timeline.placed[name]
    at, values = placed.last(timeline.steps)
    if cumulative is None:
        cumulative = _is_cumulative(timeline.steps[at], values, timeline.resumes)
    if not cumulative:
        at, values = placed.sum(timeline.steps)
        stand_for = timeline.stand_for(at) if extrapolate else np.ones(len(at))
        each = [
            round(value * unit * steps)
            for value, steps in zip(values.tolist(), stand_for.tolist(), strict=True)
        ]
    else:
        counts = [round(value * unit) for value in values.tolist()]
        before = [0, *counts[:-1]]
        # A counter that fell had restarted from 0.
        each = [now - b if now >= b else now for now, b in zip(counts, before, strict=True)]
    if timeline.steps[0] == 0 and len(at) and at[0] > 0:
        at, each = np.append(0, at), [0, *each]
    return at, each, cumulative


def _is_cumulative(steps: Indices, values: Floats, resumes: int) -> bool:
    """Whether the counter grows at most steps, hardly ever falls, and began near 0: one whose first
    value is far above its usual rise counts each step, and steps become longer."""
    changes = np.diff(values)
    if not len(changes):
        return False
    rises, falls = changes[changes > 0], np.count_nonzero(changes < 0)
    if len(rises) < max(1, _FEWEST_RISES * len(changes)):
        return False
    from_the_start = steps[0] <= 2 * np.median(np.diff(steps))
    if from_the_start and values[0] > _MOST_RISES * np.median(rises):
        return False
    return bool(falls <= max(resumes, _MOST_FALLS * len(changes)))


def _say_gaps(
    found: Spent, name: str, timeline: Timeline, cumulative: bool, options: Options
) -> None:
    if cumulative:
        return
    found.adds_up = True
    total = sum(map(sum, found.phases.values()))
    if timeline.is_sampled:
        found.unknown.insert(0, _of_the_rows_alone(found, total, timeline, options))
    gaps = int(timeline.steps[-1] - timeline.steps[0] + 1 - len(timeline.steps))
    if gaps and timeline.stride == 1:
        found.unknown.append(
            f"{gaps:,} steps between the first and the last have no row: what they spent is not in "
            "the count."
        )
    missing = len(timeline.steps) - len(found.at)
    if missing:
        found.unknown.append(
            f"{missing:,} of {len(timeline.steps):,} steps have no {name!r}: what they spent is "
            "not in the count."
        )
    _say_who_counts(found, name, timeline)
    if timeline.resumes:
        found.unknown.append("What was spent on steps that a resume repeated is not in the count.")
    if timeline.begins_late:
        found.unknown.append(
            f"The log begins at step {timeline.steps[0]:,}: what was spent before is not in the "
            "count."
        )


def _of_the_rows_alone(found: Spent, total: int, timeline: Timeline, options: Options) -> str:
    """What a sampled history tells of the whole."""
    rows, stride = len(timeline.steps), timeline.stride
    what = "RL FLOPs and tokens" if found.tokens is not None and total else "RL FLOPs"
    what = what if total else "tokens"
    of = f"{rows:,} logged rows, {stride:,} steps apart ({timeline.steps[0]:,} to "
    of += f"{timeline.steps[-1]:,})"
    if options.extrapolate:
        return (
            f"The {what} are extrapolated, as you asked: each of the {of}, stands for the steps "
            "since the one before."
        )
    count = total if total else float(found.tokens[-1] if found.tokens is not None else 0)
    stand_for = timeline.stand_for(found.at)
    whole = count * float(stand_for.sum()) / max(len(found.at), 1)
    form = wording.flops if total else "{:,}".format
    return (
        f"The {what} are of the {of}, alone: {form(round(count))}. If the steps between were "
        f"trained and not logged, the whole is about {form(round(whole))}: "
        f"{option('extrapolate')} counts it so."
    )


def _say_who_counts(found: Spent, name: str, timeline: Timeline) -> None:
    """Whether several rows of a step add up can't be told where every rank writes one."""
    rows = len(timeline.placed[name].step)
    steps = len(np.unique(timeline.placed[name].step))
    if rows > 1.5 * steps:
        found.unknown.append(
            f"{name!r} stands in {rows / steps:.3g} rows of a step, as where every rank writes "
            "one: they were added up. If each row already counts for all ranks, tokens and RL "
            "FLOPs are too high by that factor; the log does not tell."
        )


def _why(log: Log, options: Options) -> str:
    known = (*names.FLOPS, *names.TOKENS)
    if name := log.first(known, lambda name: not log.series[name].numbers().any()):
        return f"{name!r} is there but always 0."
    if name := log.first(known):
        return f"{name!r} does not count along the run ({len(log.series[name])} of its values)."
    if name := log.first(names.LENGTHS, log.is_count):
        wanted = "" if options.params is not None else f" and {option('params')}"
        return (
            f"nothing in the log counts FLOPs or tokens. {name!r} is a mean of each sequence: if "
            f"you know how many sequences a step has, give {option('tokens', name)} with "
            f"{option('sequences')}{wanted}."
        )
    if name := next((name for name in log.series if "flop" in name.casefold()), None):
        return (
            "no value of the log is known to count FLOPs or tokens. If "
            f"{name!r} counts FLOPs, and is no rate, give {option('flops', name)}."
        )
    if name := next((name for name in log.series if _may_count_tokens(log, name)), None):
        return (
            "no value of the log is known to count FLOPs or tokens. If "
            f"{name!r} counts all tokens of a step, give {option('tokens', name)}."
        )
    return (
        "no value of the log is known to count FLOPs or tokens. If one does, name it: "
        f"{option('flops')} or {option('tokens')}."
    )


def _may_count_tokens(log: Log, name: str) -> bool:
    said = set(names.words(name))
    return "tokens" in said and not said & _NO_COUNT and log.is_count(name)


_NO_COUNT = {
    *("s", "sec", "second", "seconds", "throughput", "gpu", "device", "max", "min", "mean", "avg"),
    *("average", "std", "sample", "sequence", "ratio", "rate", "frac", "fraction", "eos", "eval"),
}
"""Words of the name of a rate, a mean or an extreme."""
