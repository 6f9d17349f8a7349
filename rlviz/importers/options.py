"""What the user says about a log: the options of an import, and their names in sentences."""

import math
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from rlviz import conventions

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
        for name in ("full_score", "flops_unit", "sequences", "params"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{option(name)} must be a finite number > 0, got {value!r}.")
        if self.scores is not None:
            low, high = self.scores
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

    def columns(self) -> tuple[str | float | None, ...]:
        """All columns that the user named."""
        said = (self.step, self.accuracy, self.return_, self.parallelism)
        return (*said, self.flops, self.tokens, self.graded)


def role_of_axis(
    x: str | None, step: str | None, flops: str | None, tokens: str | None
) -> dict[str, str | None]:
    """The columns of step, flops and tokens, with the axis as one of them.

    >>> role_of_axis("total FLOPs", None, None, None)
    {'step': None, 'flops': 'total FLOPs', 'tokens': None}

    Raises:
        ValueError: the user named a different column for the same role.
    """
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
