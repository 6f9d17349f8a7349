"""What a request asks for: its checked parameters, and errors as sentences."""

import math
import re
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias, TypeVar

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

Arguments: TypeAlias = "MultiDict[str, str]"

_COUNT = re.compile("[1-9][0-9]{0,5}")
_SHOWN = 80
"""Characters."""
LONGEST = 65_536
"""Bytes of a query; the line of a request in TensorBoard's own server has no more."""
_MOST_METRICS = 16
_MOST_PIXELS = 40_000_000
"""Width times height: a screen of 8K has 33 million."""
_LONGEST_METRIC = 500
"""Characters; a metric's column names have a few more than its own 256."""


class QueryError(Exception):
    """A request that can't be answered.

    Attributes:
        code: 400 if a parameter is wrong, 404 if the thing does not exist, 503 if there is too much
            to do now.
        retry_seconds: when to ask again; 0 where that changes nothing.
    """

    def __init__(self, sentence: str, code: int = 400, *, retry_seconds: int = 0) -> None:
        super().__init__(sentence)
        self.code = code
        self.retry_seconds = retry_seconds


def check_length(query: str) -> None:
    """Refuse a query before its parameters are looked at.

    Raises:
        QueryError: it is longer than 65,536 bytes.
    """
    if len(query) > LONGEST:
        raise QueryError(
            f"a query of {len(query):,} bytes is not read: at most {LONGEST:,} are. Ask for fewer "
            "runs or metrics at once."
        )


def shown(text: str) -> str:
    """A text of the request, cut so that an error may quote it.

    >>> shown("a" * 100)[-8:]
    "aaaaaa…'"
    """
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def text(arguments: Arguments, name: str) -> str:
    """A required parameter.

    Raises:
        QueryError: it is missing.
    """
    if name not in arguments:
        raise QueryError(f"the parameter {name!r} is missing.")
    return arguments[name]


def texts(arguments: Arguments, name: str, most: int) -> list[str]:
    """The values of a required parameter, given once or more; each value appears once.

    Raises:
        QueryError: it is missing, or there are more than `most` values.
    """
    text(arguments, name)
    found = list(dict.fromkeys(arguments.getlist(name)))
    if len(found) > most:
        raise QueryError(
            f"at most {most} values of {name!r} are answered at once, got {len(found)}."
        )
    return found


def parts(
    arguments: Arguments, names: str, counts: str, of: str, most: int
) -> dict[str, list[str]]:
    """The values of a parameter in named parts: `names` and `counts` say, each once for a part, how
    it is called and how many of the values it has, in their order.

    Raises:
        QueryError: they contradict each other, or there are more than `most` values.

    >>> from werkzeug.datastructures import MultiDict
    >>> asked = [("part", "a"), ("n", "1"), ("part", "b"), ("n", "2"), *zip("xxx", "123")]
    >>> parts(MultiDict(asked), "part", "n", "x", 10)
    {'a': ['1'], 'b': ['2', '3']}
    """
    values, called = arguments.getlist(of), arguments.getlist(names)
    sizes = [int(text) if _COUNT.fullmatch(text) else 0 for text in arguments.getlist(counts)]
    if len(values) > most:
        raise QueryError(f"at most {most} values of {of!r} are answered at once.")
    if not called or len(called) != len(sizes) or sum(sizes) != len(values) or 0 in sizes:
        raise QueryError(
            f"{names!r} and {counts!r} must be given once for each part, and the counts, whole "
            f"numbers above 0, must add up to the number of values of {of!r}."
        )
    if len(set(called)) < len(called):
        raise QueryError(f"{names!r} must be different for each part.")
    rest = iter(values)
    return {name: list(islice(rest, size)) for name, size in zip(called, sizes, strict=True)}


Word = TypeVar("Word", bound=str)


def metrics(arguments: Arguments) -> list[str]:
    """The names of metrics, if any are given.

    Raises:
        QueryError: there are more than 16, or one is longer than any metric's name.
    """
    names = texts(arguments, "metric", _MOST_METRICS) if "metric" in arguments else []
    for name in names:
        if len(name) > _LONGEST_METRIC:
            raise QueryError(f"no run has a metric {shown(name)}.", 404)
    return names


def choice(arguments: Arguments, name: str, choices: tuple[Word, ...], default: Word) -> Word:
    """One of several words.

    Raises:
        QueryError: it is none of them.
    """
    given = arguments.get(name, default)
    for word in choices:
        if word == given:
            return word
    raise QueryError(f"{name} must be one of {', '.join(choices)}, got {shown(given)}.")


def flag(arguments: Arguments, name: str) -> bool:
    """0 or 1; 0 if it is not given."""
    return choice(arguments, name, ("0", "1"), "0") == "1"


def number(arguments: Arguments, name: str, default: float) -> float:
    """A number; the default if it is missing or empty.

    Raises:
        QueryError: it is not a finite number.
    """
    given = arguments.get(name, "")
    if not given:
        return default
    try:
        found = float(given)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise QueryError(f"{name} must be a finite number, got {shown(given)}.")
    return found


def interval(arguments: Arguments, names: tuple[str, str]) -> tuple[float, float]:
    """Two numbers in order, ±inf where one is not given.

    Raises:
        QueryError: one is not a finite number, or the first is greater than the second.
    """
    low = number(arguments, names[0], -math.inf)
    high = number(arguments, names[1], math.inf)
    if low > high:
        raise QueryError(f"{names[0]} must not be above {names[1]}, got {low:g} and {high:g}.")
    return low, high


def whole(arguments: Arguments, name: str, default: int, limits: tuple[int, int]) -> int:
    """A whole number within limits.

    Raises:
        QueryError: it is not.
    """
    found = number(arguments, name, float(default))
    least, most = limits
    if not (found == int(found) and least <= found <= most):
        raise QueryError(
            f"{name} must be a whole number from {least} to {most}, got {shown(arguments[name])}."
        )
    return int(found)


def size(
    arguments: Arguments, default: tuple[int, int], limits: tuple[int, int]
) -> tuple[int, int]:
    """Width and height in pixels.

    Raises:
        QueryError: one is beyond the limits, or both together are.
    """
    width = whole(arguments, "width", default[0], limits)
    height = whole(arguments, "height", default[1], limits)
    if width * height > _MOST_PIXELS:
        raise QueryError(
            f"width times height must be at most {_MOST_PIXELS:,} pixels, got {width} × {height}."
        )
    return width, height
