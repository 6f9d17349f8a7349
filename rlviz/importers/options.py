"""What the user says about a log: the options of an import, and their names in sentences."""

import math
import numbers
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlviz import conventions, paths
from rlviz.given import flag
from rlviz.wording import shown

TOKENS_ARE: Mapping[str, Mapping[str, Literal["forward", "training"]]] = {
    "sequences": {"rollout": "forward", "update": "training"},
    "generated": {"rollout": "forward"},
    "trained": {"update": "training"},
}
"""What the tokens are -> phase -> which of a convention's FLOPs per token and parameter count.

`sequences` were generated and then trained on, once: prompt and response both pass through the
network in the rollout (the prompt at once, the response token by token) and in the update.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user says about a log; None leaves it to the known names.

    The attributes are the arguments of `rlviz.import_run`, with the axis `x` put in its role.

    Raises:
        TypeError: a column is no name, a number no number, or `cumulative` no bool.
        ValueError: a number is not finite and > 0, `tokens_are` or the convention is unknown, they
            leave nothing to count, or `sequences` comes without the `tokens` that it multiplies.
    """

    step: str | None = None
    accuracy: str | None = None
    full_score: float = 1.0
    scores: tuple[float, float] | None = None
    graded: str | float | None = None
    return_: str | None = None
    parallelism: str | None = None
    flops: str | None = None
    flops_unit: float = 1.0
    tokens: str | None = None
    tokens_are: str | None = None
    sequences: float | None = None
    cumulative: bool | None = None
    params: float | None = None
    flops_convention: str | None = None
    extrapolate: bool = False

    def __post_init__(self) -> None:
        for name in ("step", "accuracy", "return_", "parallelism", "flops", "tokens"):
            check_name(name, getattr(self, name))
        if self.graded is not None and not isinstance(self.graded, str):
            object.__setattr__(self, "graded", _number("graded", self.graded))
        for name in ("full_score", "flops_unit"):
            self._take_number(name, may_lack=False)
        for name in ("sequences", "params"):
            self._take_number(name)
        if self.cumulative is not None:
            object.__setattr__(self, "cumulative", flag(option("cumulative"), self.cumulative))
        check_name("tokens_are", self.tokens_are, "what the tokens are")
        object.__setattr__(self, "extrapolate", flag(option("extrapolate"), self.extrapolate))
        if self.scores is not None:
            if not isinstance(self.scores, (tuple, list)) or len(self.scores) != 2:
                raise TypeError(
                    f"{option('scores')} must be two numbers, what a wrong and what a right answer "
                    f"earns, got {shown(self.scores)}."
                )
            low, high = (_number("scores", end) for end in self.scores)
            object.__setattr__(self, "scores", (low, high))
            if not -math.inf < low < high < math.inf:
                raise ValueError(
                    f"{option('scores')} must be what a wrong and what a right answer earns, the "
                    f"lower one first, got {low:g} and {high:g}."
                )
            if self.full_score != 1:
                raise ValueError(
                    f"{option('scores')} and {option('full_score')} say the same: give one of them."
                )
        if self.tokens_are is not None and self.tokens_are not in TOKENS_ARE:
            known = ", ".join(map(repr, TOKENS_ARE))
            raise ValueError(f"tokens_are must be one of {known}, got {self.tokens_are!r}.")
        check_name("flops_convention", self.flops_convention, "the name of a convention")
        if self.flops_convention is not None:
            conventions.check(self.flops_convention)
        if self.sequences is not None and self.tokens is None:
            raise ValueError(
                f"{option('sequences')} needs {option('tokens')}: the column with the mean number "
                "of tokens in a sequence."
            )

    @property
    def scale(self) -> tuple[float, float]:
        """What a wrong and what a right answer earns."""
        return self.scores or (0.0, self.full_score)

    @property
    def tells_scale(self) -> bool:
        """Whether the user said what answers earn."""
        return self.scores is not None or self.full_score != 1

    def _take_number(self, name: str, *, may_lack: bool = True) -> None:
        given = getattr(self, name)
        if given is None and may_lack:
            return
        value = _number(name, given)
        if not 0 < value < math.inf:
            raise ValueError(f"{option(name)} must be a finite number > 0, got {shown(given)}.")
        object.__setattr__(self, name, value)

    def columns(self) -> tuple[str | float | None, ...]:
        """All columns that the user named."""
        said = (self.step, self.accuracy, self.return_, self.parallelism)
        return (*said, self.flops, self.tokens, self.graded)


def check_name(argument: str, given: Any, what: str = "the name of a column") -> None:
    """Refuse what is neither a text nor None."""
    if given is not None and not isinstance(given, str):
        raise TypeError(
            f"{option(argument)} must be {what}, got {shown(given)} ({type(given).__name__})."
        )


def checked_path(argument: str, given: Any) -> Path:
    """A path that the system can be asked for.

    Raises:
        TypeError: it is no path.
        ValueError: it is empty, holds a NUL, or is the URL of another place.
    """
    text = paths.local(given, argument) if isinstance(given, (str, os.PathLike)) else None
    if not isinstance(text, str):
        raise TypeError(f"{argument} must be a path, got {shown(given)} ({type(given).__name__}).")
    if not text or "\0" in text:
        raise ValueError(f"{argument} must be a path, got {shown(text)}.")
    return Path(text)


def _number(argument: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        raise TypeError(
            f"{option(argument)} must be a number, got {shown(given)} ({type(given).__name__})."
        )
    try:
        return float(given)
    except OverflowError:  # an int beyond 1.8e308
        return math.inf


def role_of_axis(
    x: str | None, step: str | None, flops: str | None, tokens: str | None
) -> dict[str, str | None]:
    """The columns of step, flops and tokens, with the axis as one of them.

    >>> role_of_axis("total FLOPs", None, None, None)
    {'step': None, 'flops': 'total FLOPs', 'tokens': None}

    Raises:
        TypeError: the axis is no name.
        ValueError: the user named a different column for the same role.
    """
    check_name("x", x)
    columns = {"step": step, "flops": flops, "tokens": tokens}
    if x is None:
        return columns
    name = x.casefold()
    role = "flops" if "flop" in name else "tokens" if "token" in name else "step"
    if columns[role] not in (None, x):
        raise ValueError(
            f"{option('x', x)} stands for {role}, but {option(role, columns[role])} was given too."
        )
    return {**columns, role: x}


_of_the_command_line = ContextVar("rlviz_import_options_of_the_command_line", default=False)


@contextmanager
def of_the_command_line() -> Iterator[None]:
    """Make sentences say `--full-score 100` instead of `full_score=100` in this context."""
    before = _of_the_command_line.set(True)
    try:
        yield
    finally:
        _of_the_command_line.reset(before)


def option(name: str, value: str | float | tuple[float, float] | None = None) -> str:
    """An argument of `import_run` as sentences write it, with its value if there is one.

    >>> option("full_score", 100.0), option("tokens", "mean length"), option("params")
    ('full_score=100', "tokens='mean length'", 'params')
    >>> with of_the_command_line():
    ...     option("full_score", 100.0), option("tokens", "mean length"), option("return_")
    ('--full-score 100', "--tokens 'mean length'", '--return')
    """
    if isinstance(value, tuple):
        low, high = (f"{end:g}" for end in value)
        return f"--{name} {low}:{high}" if _of_the_command_line.get() else f"{name}=({low}, {high})"
    number = None if value is None or isinstance(value, str) else f"{value:g}"
    if _of_the_command_line.get():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        return flag if value is None else f"{flag} {number or shlex.quote(str(value))}"
    return name if value is None else f"{name}={number or repr(value)}"
