"""What every reader of an existing log returns: its numbers, column by column, in file order.

It keeps only numbers, 16 bytes each, however long the texts beside them are.
"""

import difflib
import functools
import math
import re
from array import array
from collections.abc import Callable, Container, Iterable
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlviz import wording
from rlviz.importers.names import DATES, TIMESTAMPS, plain

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

MAX_STEP = 2.0**53
"""Steps are below it."""
_MOST_DAMAGE_WORDS = 3
_MOST_NAMES = 20


class LoggedSeries:
    """The values of one column or tag.

    Attributes:
        at: the row of each value, never decreasing.
        values: finite or infinite; a NaN or an empty cell is not a value.
    """

    __slots__ = ("at", "values")

    def __init__(self) -> None:
        self.at = array("q")
        self.values = array("d")

    def __len__(self) -> int:
        return len(self.values)

    def rows(self) -> Indices:
        """(n,)"""
        return np.array(self.at, np.int64)

    def numbers(self) -> Floats:
        """(n,)"""
        return np.array(self.values, np.float64)


class Labels:
    """The texts of one column, as long as they are few and short: names of runs, ranks, splits.

    Attributes:
        at: the row of each text, never decreasing.
        codes: the text of each, an index into `texts`.
        texts: the different ones.
    """

    __slots__ = ("_known", "at", "codes", "texts")

    def __init__(self) -> None:
        self.at = array("q")
        self.codes = array("q")
        self.texts: list[str] = []
        self._known: dict[str, int] = {}

    def add(self, row: int, text: str) -> bool:
        """Keep a text; False if it is one too many, or too long to be a name."""
        code = self._known.get(text)
        if code is None:
            if len(text) > _LONGEST_LABEL or len(self.texts) >= _MOST_LABELS:
                return False
            code = self._known[text] = len(self.texts)
            self.texts.append(text)
        self.at.append(row)
        self.codes.append(code)
        return True


_LONGEST_LABEL = 200
_MOST_LABELS = 1000


class Log:
    """The numbers of a log, as one of the readers found them.

    A row is what was logged at once: a line, or one event of a TensorBoard file.

    Attributes:
        kind: the reader's kind, a key of `rlviz.importers.readers.KINDS`.
        name: the name of the file or folder, for sentences.
        series: column or tag -> its values.
        step: the step that the format itself gives each row, (rows,), NaN where it gives none;
            empty if steps are a column like any other.
        step_name: what the format calls those steps; empty if it does not say.
        wall_time: the time that the format itself gives each row, seconds since 1970, (rows,), or
            empty.
        texts: columns that hold text, with the number of such cells.
        labels: column -> its texts, for those that may name a run; None for the others.
        modified: when the file was last changed, seconds since 1970.
        events: whether each tag was logged separately, maybe over steps in its own unit.
        parts: the files that the log was read from, with the first row of each.
        return_: the column that is the return by the format itself, whatever it is called.
        notes: sentences on what was taken and what was left out.
        run: which of several runs it is, None if there was only one.
    """

    def __init__(self, name: str, *, modified: float, events: bool = False) -> None:
        self.kind = ""
        self.name = name
        self.modified = modified
        self.events = events
        self.count = 0
        self.step = array("d")
        self.step_name = ""
        self.wall_time = array("d")
        self.series: dict[str, LoggedSeries] = {}
        self.texts: dict[str, int] = {}
        self.labels: dict[str, Labels | None] = {}
        self.parts: list[tuple[str, int]] = []
        self.return_: str | None = None
        self.notes: list[str] = []
        self.run: str | None = None
        self._damage: list[str] = []
        self._damaged = 0

    def begin(self, file: str) -> None:
        """Note that the next rows belong to a file."""
        self.parts.append((file, self.count))

    def add(
        self,
        values: Iterable[tuple[str, object]],
        *,
        step: float | None = None,
        wall_time: float | None = None,
        run: str | None = None,
    ) -> None:
        """Add a row; `step`, `wall_time` and `run` if the format gives them to every row."""
        row = self.count
        self.count = row + 1
        if step is not None:
            self.step.append(step)
        if wall_time is not None:
            self.wall_time.append(wall_time)
        if run is not None:
            self.label("run", run, row)
        series = self.series
        for name, value in values:
            number = value if type(value) is float else as_number(value)
            if number is None and _is_of_times(name):
                number = _seconds(value)
            if number is None:
                self.texts[name] = self.texts.get(name, 0) + 1
                if isinstance(value, str):
                    self.label(name, value, row)
            elif number == number:
                found = series.get(name)
                if found is None:
                    found = series[name] = LoggedSeries()
                found.at.append(row)
                found.values.append(number)

    def label(self, name: str, text: str, row: int | None = None) -> None:
        """Note a text that may name the run of a row, by default of the next row."""
        found = self.labels.setdefault(name, Labels())
        if found is not None and not found.add(self.count if row is None else row, text):
            self.labels[name] = None

    def part(self, rows: NDArray[np.bool_], columns: Container[str] | None = None) -> "Log":
        """Some rows, and some columns, as a log of their own.

        Args:
            rows: which rows, (rows,).
            columns: which columns; all by default.
        """
        part = Log(self.name, modified=self.modified, events=self.events)
        part.kind, part.run, part.return_ = self.kind, self.run, self.return_
        part.step_name = self.step_name
        part.notes, part.texts = list(self.notes), dict(self.texts)
        part._damage, part._damaged = self._damage, self._damaged
        part.count = int(np.count_nonzero(rows))
        new = np.cumsum(rows) - 1
        for name in ("step", "wall_time"):
            own = np.array(getattr(self, name), np.float64)
            setattr(part, name, array("d", own[rows].tobytes() if len(own) else b""))
        for name, series in self.series.items():
            if columns is not None and name not in columns:
                continue
            kept = rows[series.rows()]
            if kept.any():
                mine = part.series[name] = LoggedSeries()
                mine.at = array("q", new[series.rows()[kept]].tobytes())
                mine.values = array("d", series.numbers()[kept].tobytes())
        for name, labels in self.labels.items():
            if labels is None:
                part.labels[name] = None
                continue
            for row, code in zip(labels.at, labels.codes, strict=True):
                if rows[row]:
                    part.label(name, labels.texts[code], int(new[row]))
        firsts = np.concatenate(([0], np.cumsum(rows)))
        part.parts = [(file, int(firsts[first])) for file, first in self.parts]
        return part

    def check_column(self, name: str | float | None) -> None:
        """Raise ValueError for a name that the log lacks; the error lists the names that it has."""
        if not isinstance(name, str) or name in self.series:
            return
        if name in self.texts:
            raise ValueError(f"{name!r} holds text, no numbers, in {self.name}.")
        close = difflib.get_close_matches(name, self.series, n=3, cutoff=0.5)
        raise ValueError(
            f"{self.name} has no {self.column} {name!r}."
            + (f" Close to it: {', '.join(map(repr, close))}." if close else "")
            + f" It has {wording.some(sorted(self.series), _MOST_NAMES, form=str)}."
        )

    @property
    def column(self) -> str:
        """What the source of the log calls a series."""
        return "tag" if self.events else "column"

    def first(
        self, known: Iterable[str], fits: Callable[[str], bool] = lambda name: True
    ) -> str | None:
        """The fitting column whose name comes first among the known names."""
        called: dict[str, list[str]] = {}
        for name in self.series:
            called.setdefault(name.casefold(), []).append(name)
            if plain(name) != name.casefold():
                called.setdefault(plain(name), []).append(name)
        found = (name for one in known for name in called.get(one, ()) if fits(name))
        return next(found, None)

    def divide(self, above: str, below: str) -> str | None:
        """Add the quotient of two columns as a column, at the rows that have both and no 0 below.

        Returns:
            Its name; None if no row has both.
        """
        one, other = self.series[above], self.series[below]
        rows, i, j = np.intersect1d(one.rows(), other.rows(), return_indices=True)
        values, divisors = one.numbers()[i], other.numbers()[j]
        known = (divisors > 0) & np.isfinite(divisors) & np.isfinite(values)
        if not known.any():
            return None
        name = f"{above} / {below}"
        found = self.series[name] = LoggedSeries()
        found.at = array("q", rows[known].astype(np.int64).tobytes())
        found.values = array("d", (values[known] / divisors[known]).tobytes())
        return name

    def is_count(self, name: str) -> bool:
        """Whether a column can be a count: never below 0, and not always 0."""
        values = self.series[name].numbers()
        return bool(np.isfinite(values).all() and values.min() >= 0 and values.max() > 0)

    def damaged(self, where: str) -> None:
        """Note a place that could not be read."""
        self._damaged += 1
        if self._damaged <= _MOST_DAMAGE_WORDS:
            self._damage.append(where)

    @property
    def damage(self) -> str:
        """A sentence on what could not be read; empty if everything could."""
        if not self._damaged:
            return ""
        places = "; ".join(self._damage)
        more = self._damaged - len(self._damage)
        return (
            f"Left out, for it could not be read: {places}{f'; and {more} more' if more else ''}."
        )


_WRAPPED = re.compile(
    r"\s*[A-Za-z_][\w.]*\(\s*"  # np.float64(, tensor(
    r"([-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?))"
    r"\s*(?:,[^()]*)?\)\s*",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)) ?%\s*")
_WORDS = {"true": 1.0, "false": 0.0, "": math.nan, "none": math.nan, "null": math.nan}


def as_number(value: object) -> float | None:
    """A number, however the log wrote it; NaN for nothing, None for a text.

    >>> as_number("0.37"), as_number("np.float64(0.1)"), as_number("tensor(2., device='cuda:0')")
    (0.37, 0.1, 2.0)
    >>> as_number(True), as_number("False"), as_number(" "), as_number("crashed")
    (1.0, 0.0, nan, None)
    >>> as_number("45.5%")
    0.455
    """
    if value is None:
        return math.nan
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
        if percent := _PERCENT.fullmatch(value):
            return float(percent[1]) / 100
        wrapped = _WRAPPED.fullmatch(value)
        return float(wrapped[1]) if wrapped else _WORDS.get(value.strip().lower())
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:  # an int beyond 1.8e308
            return math.inf if value > 0 else -math.inf
    return None


@functools.lru_cache(maxsize=4096)
def _is_of_times(name: str) -> bool:
    return plain(name) in (*TIMESTAMPS, *DATES)


def _seconds(value: object) -> float | None:
    """A written date and time as seconds since 1970, in UTC if it names no zone."""
    text = _END_OF_A_TIME.sub(_in_full, str(value))
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()


_END_OF_A_TIME = re.compile(r"(:\d\d)(?:[.,](\d+))?(?:(Z)|([+-]\d\d):?(\d\d))?$", re.IGNORECASE)


def _in_full(end: re.Match[str]) -> str:
    """The end of a time as Python 3.10 reads it too: six digits and the zone as hours:minutes."""
    seconds, digits, utc, hours, minutes = end.groups()
    part = "" if digits is None else f".{digits:0<6.6}"
    zone = "+00:00" if utc else f"{hours}:{minutes}" if hours else ""
    return f"{seconds}{part}{zone}"


def newest(files: Iterable[Path]) -> float:
    """When the files were last changed, seconds since 1970, > 0."""
    return max(1.0, *(file.stat().st_mtime for file in files))
