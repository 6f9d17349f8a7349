"""The vocabulary of a run: tags, columns, units, and the version of the format on disk.

The writer (`rlviz.record`) and every reader (`rlviz.report`, the dashboard) import their names from
here, so that each tag and column is spelled in one place only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

PLUGIN = "rlviz"
FORMAT_VERSION = 1

# --- tags ------------------------------------------------------------------

ACCURACY = "accuracy"
PARALLELISM = "average_parallelism"
FIGURE_TAG = "rlviz/figure"
SUMMARY_TAG = "rlviz/summary"
CONFIG_TAG = "rlviz/config"
_ROWS_TAG = re.compile(r"rlviz/rows/s(\d+)(?:\.(\d+))?")
_FILE_NAME = re.compile(
    r"events\.out\.tfevents\.(\d{1,10})\..*\.rlviz-s(\d{1,6})-(\d{1,9})", re.ASCII
)
MAX_SESSION = 999_999
"""The largest number of a session; a file name with a larger one is not of rlviz."""


def scalar_tag(name: str) -> str:
    """The TensorBoard tag of one per-step scalar.

    >>> scalar_tag("accuracy"), scalar_tag("flops/total")
    ('rlviz/accuracy', 'rlviz/flops/total')
    """
    return f"rlviz/{name}"


def ema_tag(name: str) -> str:
    """The TensorBoard tag of a scalar's online exponential moving average."""
    return f"rlviz/{name}/ema"


def ema_column(name: str) -> str:
    """The column of a series' online EMA: of accuracy, average parallelism, a group's accuracy.

    >>> ema_column("accuracy"), ema_column("accuracy/math")
    ('accuracy_ema', 'accuracy_ema/math')
    """
    first, slash, rest = name.partition("/")
    return f"{first}_ema{slash}{rest}"


def rows_tag(session: int, layout: int = 0) -> str:
    """The tag under which one session writes its rows.

    TensorBoard keeps only the metadata of a tag's first event. So when the header of a session's
    rows changes (a metric is first logged at step 100, a step was dropped), the rows continue under
    the tag of the next `layout`.

    >>> rows_tag(2), rows_tag(2, layout=1)
    ('rlviz/rows/s2', 'rlviz/rows/s2.1')
    """
    return f"rlviz/rows/s{session}" + (f".{layout}" if layout else "")


FIRST_ROW_STEP = -(2**53)
"""The steps of the events that hold rows count the rows of a session from here on."""


def is_rows_tag(tag: str) -> bool:
    return _ROWS_TAG.fullmatch(tag) is not None


# --- files -----------------------------------------------------------------


IMPORTED_FROM, IMPORT_ACCOUNT, IMPORT_SAMPLED = "imported from", "account", "sampled"
"""Names in the configuration of an imported run: its log, what was made of it in words, and whether
the log holds every k-th step only."""


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of an event file written by rlviz says."""

    seconds: int
    """Since the epoch. TensorBoard's Python loader reads files in the order of their names and
    then follows the last one, so the time never decreases from file to file."""
    session: int
    number: int = 0
    """How many files of the session were begun before it."""

    @staticmethod
    def of(name: str) -> "FileName | None":
        """None for a file of another program.

        >>> FileName.of("events.out.tfevents.1789000000.000002.000000.host.7.ab.rlviz-s2-0")
        FileName(seconds=1789000000, session=2, number=0)
        """
        match = _FILE_NAME.fullmatch(name)
        return FileName(int(match[1]), int(match[2]), int(match[3])) if match else None


def file_name(seconds: int, session: int, number: int, writer: str) -> str:
    """The name of the `number`-th event file of a session; `writer` makes it unique.

    >>> file_name(1789000000, 2, 0, "host.7.ab")
    'events.out.tfevents.1789000000.000002.000000.host.7.ab.rlviz-s2-0'
    """
    return (
        f"events.out.tfevents.{seconds:010d}.{session:06d}.{number:06d}.{writer}"
        f".rlviz-s{session}-{number}"
    )


# --- axes ------------------------------------------------------------------


AxisName: TypeAlias = Literal["flops", "step", "wall_time", "tokens"]


@dataclass(frozen=True, slots=True)
class Axis:
    """What curves can be drawn over."""

    name: AxisName
    label: str
    """Label at the axis."""
    unit: str
    choice: str
    """Name in a menu."""
    title: str
    """Name in a title: "… vs Steps"."""


AXES: dict[AxisName, Axis] = {
    axis.name: axis
    for axis in (
        Axis("flops", "RL flops", "RL FLOPs", "RL FLOPs", "RL FLOPs"),
        Axis("step", "Training step", "steps", "Step", "Steps"),
        Axis("wall_time", "Wall time (hours)", "hours", "Wall time", "Wall Time"),
        Axis("tokens", "Tokens", "tokens", "Tokens", "Tokens"),
    )
}
"""Name -> axis, the default first."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of the rows holds."""

    name: str
    unit: str
    meaning: str


# --- units of work and span ------------------------------------------------

WorkUnit: TypeAlias = Literal["steps", "tokens", "seconds"]
WORK_UNITS: dict[WorkUnit, str] = {"steps": "agent steps", "tokens": "tokens", "seconds": "seconds"}
"""What work and span of an episode may count, in words."""


def unit_column(unit: WorkUnit) -> str:
    """The column of the episodes whose work and span are in that unit."""
    return f"in_{unit}"


def in_units(units: Sequence[WorkUnit]) -> str:
    """In what work and span are measured, in words; "" if nobody said it.

    >>> in_units(["tokens"]), in_units(["steps", "seconds"]), in_units([])
    ('in tokens', 'in agent steps and seconds', '')
    """
    return f"in {_listed(units)}" if units else ""


def with_units(name: str, units: Sequence[WorkUnit]) -> str:
    """The name of a ratio of work and span, with its unit where that is another than agent steps.

    >>> with_units("Average Parallelism", ["steps"]), with_units("Speed-up", ["tokens"])
    ('Average Parallelism', 'Speed-up (tokens)')
    """
    return name if list(units) in ([], ["steps"]) else f"{name} ({_listed(units)})"


def _listed(units: Sequence[WorkUnit]) -> str:
    return " and ".join(WORK_UNITS[unit] for unit in units)


# --- quantities ------------------------------------------------------------

Scale: TypeAlias = Literal["percent", "count", "number"]
"""How values are drawn and written: as a share of one, a number of agents from 1 on, or a plain
number."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A ratio of two sums that every step may bring: all that rlviz must know to write, read, draw
    and describe it. `rlviz.record.step_sums` adds up the sums.

    Example:
        >>> QUANTITIES["accuracy"].numerator, QUANTITIES["accuracy"].denominator
        ('correct', 'graded')
    """

    name: str
    """Name of its scalar, its column in tables and its curve on the page."""
    attribute: str
    """Its attribute of `History`."""
    sums: tuple[Column, ...]
    """The columns in a row: numerator, denominator, what both leave out and, where values of one
    step differ, the sum of their squares. `StepSums` has an attribute of each name; quantities may
    share a column."""
    unit: str
    meaning: str
    """Description of its column in tables."""
    definition: str
    """Definition, as in the summary and docs/definitions.md."""
    label: str
    """Label at an axis and in a legend."""
    title: str
    """Title of its panel over RL FLOPs, where one was published; else it follows the axis."""
    words: str
    """Name at the beginning of a sentence."""
    scale: Scale
    averaged: str = ""
    """What its online EMA averages, in words; empty if it has no EMA."""
    is_core: bool = False
    """Whether every run should have it: a run that lacks it says so."""
    fewest: int = 1
    """The least denominator of a step that tells it; below, the numerator is unknown."""

    @property
    def numerator(self) -> str:
        return self.sums[0].name

    @property
    def denominator(self) -> str:
        return self.sums[1].name


UNCOUNTED = "uncounted"
"""A step in which it is above 0 has no interval: each of its means counts as one answer."""

_SHARE = "fraction in [0, 1]"
AGENTS = "parallelism"
"""Before the names of the quantities beside the average parallelism."""
_EPISODES = Column(
    "parallelism_count", "episodes", "episodes in that sum; their quotient is the mean"
)
_SPAWNED = Column("sub_agents", "agents", "sub-agents that were started")
_DECLARED = (
    Quantity(
        ACCURACY,
        attribute="accuracy",
        sums=(
            Column("correct", "answers", "graded answers that were correct (a sum over the step)"),
            Column("graded", "answers", "answers that were graded; accuracy = correct / graded"),
            Column("ungraded", "answers", "answers that came without a grade (NaN)"),
            Column(UNCOUNTED, "means", "means in `graded` whose number of answers is unknown"),
        ),
        unit=_SHARE,
        meaning="training accuracy, correct / graded",
        definition="correct / graded answers of a step",
        label="Training Accuracy",
        title="Training Accuracy vs Steps",
        words="Training accuracy",
        scale="percent",
        averaged="accuracy",
        is_core=True,
    ),
    Quantity(
        PARALLELISM,
        attribute="parallelism",
        sums=(
            Column("parallelism_sum", "ratio", "sum of work / span over the step's episodes"),
            _EPISODES,
            Column(
                "parallelism_undefined", "episodes", "episodes without work or span (0/0), left out"
            ),
            Column("parallelism_square_sum", "ratio²", "sum of the squares of those work / span"),
        ),
        unit="ratio",
        meaning="mean over the step's episodes of work / span",
        definition="mean over a step's episodes of work / span",
        label="Average Parallelism",
        title="Average parallelism vs Steps",
        words="Average parallelism",
        scale="count",
        averaged="the step's mean work / span",
        is_core=True,
    ),
    Quantity(
        f"{AGENTS}/parallel_episodes",
        attribute="parallel_episodes",
        sums=(
            Column("parallel_episodes", "episodes", "episodes with span < work, of two or more"),
            _EPISODES,
        ),
        unit=_SHARE,
        meaning="share of the step's episodes with any parallelism, span < work",
        definition="episodes whose span is shorter than their work / episodes with a work, in "
        "steps with two or more",
        label="Episodes with Parallelism",
        title="",
        words="Episodes with any parallelism",
        scale="percent",
        fewest=2,  # a single ratio may be the mean of many episodes
    ),
    Quantity(
        f"{AGENTS}/sub_agents",
        attribute="sub_agents_per_episode",
        sums=(
            _SPAWNED,
            Column("sub_agent_episodes", "episodes", "episodes of which the sub-agents are known"),
        ),
        unit="agents",
        meaning="sub-agents started per episode",
        definition="sub-agents started / episodes of which they are known",
        label="Sub-agents per Episode",
        title="",
        words="Sub-agents per episode",
        scale="number",
    ),
    Quantity(
        f"{AGENTS}/fan_out_mean",
        attribute="agent_fan_out",
        sums=(
            _SPAWNED,
            Column("spawning_stages", "groups", "groups of sub-agents started side by side"),
        ),
        unit="agents",
        meaning="mean size of the groups of sub-agents started side by side",
        definition="sub-agents started / groups of them that were started side by side",
        label="Fan-out",
        title="",
        words="Fan-out",
        scale="number",
    ),
    Quantity(
        f"{AGENTS}/useful_sub_agents",
        attribute="useful_sub_agents",
        sums=(
            Column("useful_sub_agents", "agents", "sub-agents that were said to be useful"),
            Column("judged_sub_agents", "agents", "sub-agents of which it was said whether"),
        ),
        unit=_SHARE,
        meaning="share of the useful among the sub-agents of which that was said",
        definition="useful sub-agents / sub-agents of which it was said whether they were useful",
        label="Useful Sub-agents",
        title="",
        words="Useful sub-agents",
        scale="percent",
    ),
)

QUANTITIES = {quantity.name: quantity for quantity in _DECLARED}
"""The quantities that may be recorded at every step, by name."""


# --- columns ---------------------------------------------------------------

STEP = "step"
SESSION = "session"
WALL_TIME = "wall_time"

FIXED_COLUMNS = (
    Column(STEP, "training steps", "the training step that the row describes"),
    Column(SESSION, "sessions", "the start of the training script that wrote the row, from 0"),
    Column(WALL_TIME, "seconds since 1970-01-01 UTC", "when the step was closed"),
    *(column for known in _DECLARED if known.is_core for column in known.sums),
    Column("work", "as given", "sum of the episodes' work, where it was given"),
    Column("span", "as given", "sum of the episodes' span (critical path), where it was given"),
    *dict.fromkeys(
        column
        for known in _DECLARED
        if not known.is_core
        for column in known.sums
        if column is not _EPISODES
    ),
    Column("fan_out_max", "agents", "most sub-agents that were started side by side"),
    Column("peak", "agents", "most agents at work at once in any episode"),
    Column("unfinished", "agents", "agents that never ended and were clipped"),
    *(
        Column(unit_column(unit), "episodes", f"episodes whose work and span are in {words}")
        for unit, words in WORK_UNITS.items()
    ),
    *(
        Column(ema_column(known.name), known.unit, f"online EMA of {known.averaged}")
        for known in _DECLARED
        if known.averaged
    ),
)

# --- phases ----------------------------------------------------------------

TOTAL = "total"
ROLLOUT = "rollout"
DISCARDED = "rollout_discarded"
EVALUATION = "evaluation"
"""The phase that counts separately and never enters the total."""

PHASES: dict[str, str] = {
    ROLLOUT: "generation of what an update uses, observations between turns included",
    DISCARDED: "generation of what no update uses: filtered away, stale or left over",
    "rollout_draft": "the draft model of speculative decoding",
    "rollout_subagents": "generation by frozen sub-agents, with their own weights",
    "reward_model": "scores and judgments by a model, with its own weights",
    "old_logprob": "log-probabilities of the policy before its update",
    "ref_logprob": "log-probabilities of the reference model",
    "critic_values": "values of the critic before its update",
    "update": "forward and backward passes of the policy, all epochs",
    "critic_update": "forward and backward passes of the critic, all epochs",
    EVALUATION: "generation and scores in evaluations; never in the total",
}
"""The phases that have a meaning everywhere, in the order of a step; runs may add their own."""


def phase_in_words(phase: str) -> str:
    """The name of a phase, and what it is if it has a meaning everywhere.

    >>> phase_in_words("rollout_draft"), phase_in_words("my_judge")
    ('rollout_draft (the draft model of speculative decoding)', 'my_judge')
    """
    return f"{phase} ({PHASES[phase]})" if phase in PHASES else phase


# --- names of columns ------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def flops_column(phase: str = TOTAL) -> str:
    """Cumulative FLOPs of a phase: the float64 nearest to the exact count."""
    return f"flops/{phase}"


def flops_remainder_column(phase: str = TOTAL) -> str:
    """What must be added to `flops_column` to get the exact integer (see `split_count`)."""
    return f"flops_remainder/{phase}"


def group_columns(group: str) -> tuple[str, str]:
    """Correct and graded answers of one task family."""
    return f"correct/{group}", f"graded/{group}"


def seconds_column(phase: str) -> str:
    """Wall seconds of a phase in this step."""
    return f"seconds/{phase}"


def mfu_column(phase: str) -> str:
    """Model FLOPs utilization of a phase in this step."""
    return f"mfu/{phase}"


def metric_column(name: str) -> str:
    return f"metrics/{name}"


def column(name: str) -> Column:
    """Describe any column that a row can have, or that `History.table` derives from one.

    Raises:
        KeyError: no such column exists.

    >>> column("flops/rollout").unit, column("accuracy").unit
    ('FLOPs', 'fraction in [0, 1]')
    """
    for known in (*FIXED_COLUMNS, *DERIVED_COLUMNS):
        if known.name == name:
            return known
    kind, _, rest = str(name).partition("/")
    if kind not in _KINDS or not rest:
        raise KeyError(
            f"no column is called {name!r:.80}. There are "
            f"{', '.join(known.name for known in (*FIXED_COLUMNS, *DERIVED_COLUMNS))}, and "
            f"{', '.join(f'{kind}/…' for kind in _KINDS)}; a metric's is 'metrics/<name>'."
        )
    unit, meaning = _KINDS[kind]
    return Column(name, unit, meaning.format(phase_in_words(rest) if kind == "flops" else rest))


_INTERVAL = "end of the accuracy's 95 % Wilson interval"
DERIVED_COLUMNS = (
    *(Column(known.name, known.unit, known.meaning) for known in _DECLARED),
    Column(f"{ACCURACY}_low", _SHARE, f"lower {_INTERVAL}"),
    Column(f"{ACCURACY}_high", _SHARE, f"upper {_INTERVAL}"),
)
"""The columns that no row holds and `History.table` derives, besides `accuracy/<group>`."""
_KINDS = {
    ACCURACY: (_SHARE, "training accuracy of the group {}"),
    "flops": ("FLOPs", "cumulative RL FLOPs, {}, nearest float64"),
    "flops_remainder": ("FLOPs", "exact cumulative RL FLOPs of {} minus that float64"),
    "correct": ("answers", "graded answers of the group {} that were correct"),
    "graded": ("answers", "graded answers of the group {}"),
    f"{ACCURACY}_ema": (_SHARE, "online EMA of the accuracy of the group {}"),
    "seconds": ("seconds", "wall time of the phase {} in this step"),
    "mfu": ("fraction", "model FLOPs utilization of the phase {} in this step"),
    "metrics": ("as logged", "the user's metric {}, mean over the step"),
    "curve": ("as the metric", "the smoothed curve of {} that the figure shows, at the step"),
    "curve_low": ("as the metric", "lower end of the band of that curve of {}"),
    "curve_high": ("as the metric", "upper end of the band of that curve of {}"),
}


def check_phase(phase: object) -> str:
    """Return `phase` if it can name a FLOPs phase, else raise ValueError in words."""
    if isinstance(phase, str) and phase != TOTAL and _NAME.fullmatch(phase):
        return phase
    raise ValueError(
        f"a FLOPs phase must be a short name of letters, digits, '_', '-' and '.', other than "
        f"'{TOTAL}' (rlviz adds that up itself), got {phase!r:.80}. For example "
        "'rollout' or 'update'."
    )


def check_group(group: object) -> str:
    """Return `group` if it can name a task family, else raise ValueError in words."""
    if isinstance(group, str) and group != "ema" and _NAME.fullmatch(group):
        return group
    raise ValueError(
        "a group must be a short name of letters, digits, '_', '-' and '.', other than 'ema', "
        f"got {group!r:.80}. For example 'math'."
    )


def check_metric(name: object) -> str:
    """Return `name` if it can name a metric, else raise ValueError in words."""
    if not isinstance(name, str) or not name or len(name) > 256:
        raise ValueError(
            f"a metric's name must be a string of 1 to 256 characters, got {name!r:.80}."
        )
    first = name.partition("/")[0]
    if first in _RESERVED_METRICS or name.endswith("/ema"):
        raise ValueError(
            f"the metric name {name!r} is taken by rlviz itself. Choose another one, or pass the "
            f"value as record(correct=…), record(parallelism=…) or record(flops=…)."
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a metric's name must be valid Unicode, got {name!r}.") from None
    return name


_RESERVED_METRICS = {
    *(name for known in _DECLARED for name in (known.name, known.attribute)),
    *("flops", "mfu"),
    *(tag.removeprefix("rlviz/") for tag in (FIGURE_TAG, SUMMARY_TAG, CONFIG_TAG, "rlviz/rows")),
}

# --- why steps are dropped -------------------------------------------------

LOOP, SIZE, DISK, RANKS, FAILURE, CLOSED = "loop", "size", "disk", "ranks", "failure", "closed"
CAUSES = {
    LOOP: "the loop closed steps faster than they could be written",
    SIZE: "they brought more values than could be written in time",
    DISK: "the disk was full, refused them or was too slow",
    RANKS: "rank 0 could not be reached",
    FAILURE: "the writer failed",
    CLOSED: "they came after close()",
}
"""Why steps are dropped, in words."""


def because(causes: Mapping[str, int]) -> str:
    """Why steps were dropped, from their numbers by cause.

    >>> because({"disk": 3})
    'the disk was full, refused them or was too slow'
    >>> because({"failure": 2, "closed": 1})
    '2 because the writer failed, 1 because they came after close()'
    >>> because({})
    'the run does not say why'
    """
    known = {CAUSES[cause]: steps for cause, steps in causes.items() if cause in CAUSES and steps}
    if len(known) == 1:
        return next(iter(known))
    said = ", ".join(f"{steps:,} because {why}" for why, steps in known.items())
    return said or "the run does not say why"


# --- exact counts in float64 columns ---------------------------------------

MAX_COUNT = 2**106
"""`split_count` is exact for counts below this: two float64 hold 106 bits (8.1e31)."""
MAX_SECONDS = 2.0**53
"""The largest time or duration, in seconds: sums and differences of them stay finite."""


def split_count(count: int) -> tuple[float, float]:
    """Split an exact count into two float64: the nearest value and the remainder.

    float64 holds every integer only up to 2**53, which cumulative RL FLOPs pass within seconds.

    >>> split_count(10**23 + 1)
    (1.0000000000000001e+23, -8388607.0)
    >>> join_count(*split_count(10**23 + 1)) - 10**23
    1
    """
    nearest = float(count)
    return nearest, float(count - int(nearest))


def join_count(nearest: float, remainder: float) -> int:
    """The exact count that `split_count` split."""
    return int(nearest) + int(remainder)


# --- the header of a batch of rows -----------------------------------------


class NewerFormatError(ValueError):
    """A later rlviz wrote the rows, in a format that this one does not know."""


@dataclass(frozen=True, slots=True)
class RowsHeader:
    """What a batch of rows says about itself, stored as JSON in its TensorBoard plugin data."""

    session: int
    columns: tuple[str, ...]
    resumed_after: int | None = None
    """The step after which the session continues, if it was given a state."""
    flops_before: int = 0
    """Cumulative RL FLOPs in that state."""
    writer: str = ""
    """Random, one per `Callback`: distinguishes two that took the same session number."""
    dropped: int = 0
    """Steps of this session that had been given up when the batch was written."""
    causes: tuple[tuple[str, int], ...] = ()
    """Of those, how many for which of the `CAUSES`."""
    world_size: int = 1
    """Ranks that the rows should sum over."""
    missing_ranks: tuple[int, ...] = ()
    """Ranks whose sums these rows lack."""
    closed_before: int | None = None
    """The last step that was closed when the state was taken, where the disk had not taken it."""
    made_as: int | None = None
    """The number that the session took itself for before another one began first; None if the one
    that it has."""
    convention: str = ""
    """By which of `rlviz.conventions` its FLOPs are counted, as far as the script says it."""
    version: int = FORMAT_VERSION

    def to_bytes(self) -> bytes:
        content: dict[str, object] = {
            "version": self.version,
            "session": self.session,
            "resumed_after": self.resumed_after,
            "flops_before": self.flops_before,
            "writer": self.writer,
            "dropped": self.dropped,
            "world_size": self.world_size,
            "missing_ranks": self.missing_ranks,
            "columns": self.columns,
        }
        rare = {
            "closed_before": self.closed_before,
            "made_as": self.made_as,
            "causes": dict(self.causes) or None,
            "convention": self.convention or None,
        }
        content |= {name: value for name, value in rare.items() if value is not None}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=True).encode()

    @property
    def goes_on_after(self) -> int | None:
        """The step of the weights that the session goes on with; None if it loaded no state."""
        return self.resumed_after if self.closed_before is None else self.closed_before

    @classmethod
    def from_bytes(cls, content: bytes) -> "RowsHeader":
        """Read a header back.

        Raises:
            ValueError: the bytes are no header, or its format is newer than this rlviz.
        """
        try:
            fields = json.loads(content)
            version = _whole(fields["version"])
            if version <= FORMAT_VERSION:
                after = fields["resumed_after"]
                return cls(
                    session=_whole(fields["session"]),
                    columns=_column_names(fields["columns"]),
                    resumed_after=_whole_or_none(after),
                    flops_before=_whole(fields.get("flops_before", 0), below=MAX_COUNT),
                    closed_before=_whole_or_none(fields.get("closed_before")),
                    made_as=_whole_or_none(fields.get("made_as")),
                    writer=_text(fields.get("writer", "")),
                    dropped=_whole(fields.get("dropped", 0)),
                    causes=tuple(
                        (_text(cause), _whole(steps))
                        for cause, steps in fields.get("causes", {}).items()
                    ),
                    world_size=_whole(fields.get("world_size", 1)),
                    missing_ranks=tuple(map(_whole, fields.get("missing_ranks", ()))),
                    convention=_text(fields.get("convention", ""))[:_MOST_LETTERS],
                    version=version,
                )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a header of rlviz rows: {content[:80]!r}") from error
        raise NewerFormatError(
            f"the rows have format version {version}, this rlviz reads up to {FORMAT_VERSION}. "
            "Upgrade rlviz to read this run."
        )


_MOST_LETTERS = 32
"""Of the name of a convention, which a later rlviz may have added."""


def _whole(value: object, below: int = 2**53) -> int:
    if type(value) is not int:
        raise TypeError("not a whole number")
    if not 0 <= value < below:
        raise ValueError("out of range")
    return value


def _whole_or_none(value: object) -> int | None:
    return None if value is None else _whole(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _column_names(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError("the columns are no list of names")
    if len(set(names)) != len(names):
        raise ValueError("a column stands twice")
    if not {STEP, SESSION} <= set(names):
        raise ValueError("rows without a step or a session")
    return tuple(names)
