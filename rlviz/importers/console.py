"""Reads what consoles print: lines without colors and prefixes, names and numbers in them.

The formats of the lines themselves are in `readers`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rlviz.importers.log import Log
from rlviz.importers.text import lines

_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WORKER = re.compile(r"\([^()]{0,60}?pid=\d{1,10}[^()]{0,40}\)\s?")
"""What Ray puts before the line of a worker, as in `(TaskRunner pid=2481)`."""
_PROCESS = re.compile(
    r"\s*(?:\(([\w.]{0,60} ?pid=\d{1,10})[^()]{0,40}\)|\[?([Rr]ank[ :=]?\d{1,6})(?=[\]:\s]))"
)
_CAPS = frozenset(1 << power for power in range(10, 17))
"""Lengths at which loggers cut lines: wandb's output.log at 4,096 characters."""
_MOST_PLACES = 3

NUMBER = (
    r"[-+]?(?:[1-9]\d{0,2}(?:,\d{3}){1,9}(?:\.\d{1,20})?(?![\d,])"  # 1,234,567
    r"|\d{1,40},(?:\d{1,2}|\d{4,20})(?!\d|[,.]\d)|0,\d{3}(?!\d|[,.]\d)"  # 0,455
    r"|(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][-+]?\d{1,4})?|nan\b|inf\b|NaN\b|Inf\b)"
)
"""A pattern of one number."""
DECIMAL_COMMA = re.compile(r"\s*[-+]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))\s*")
"""A number whose comma can't stand before thousands: their first group never begins with 0."""
_DURATION = re.compile(r"(?:(\d+)h ?)?(?:(\d+)m ?)(\d+(?:\.\d+)?)s")

_FINER_FIRST = (
    *("step", "timestep", "iteration", "iter", "update", "rollout", "episode", "ep", "epoch"),
)
_LABEL = re.compile(
    r"(?<![\w/.@-])(?i:(micro|mini|inner|sub)[ -]?)?(?i:(?:global|train|training|env|total)[ _-])?"
    rf"(?i:(?P<word>{'|'.join(sorted(_FINER_FIRST, key=len, reverse=True))}))s?"
    r"(?:[ _](?i:no\.?|number|id))?\s*[:=#]?\s*[\[(#]?\s*"
    r"(?P<number>\d[\d,]{0,20})(?:\s?/\s?\d[\d,]{0,20})?[\])]?"
)
_STEMS = ("ep", "iter", "update", "rollout")
"""What every label holds one of: a line without it is passed over quickly."""
_BETWEEN = re.compile(r"[\s,;:|\[\]()#-]*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a console.

    Attributes:
        number: its number in the file, from 1.
        text: what it says, without colors and without the name of a worker.
        cut_at: the length at which a logger cut it, so that its last value is unknown; else None.
        process: the worker or the rank that printed it; "" where the line does not say it.
    """

    number: int
    text: str
    cut_at: int | None
    process: str = ""


def console_lines(log: Log, file: Path, *, finds_cuts: bool = True) -> Iterator[Line]:
    """The lines of a console log; the log notes those that are too long.

    A carriage return, with which a progress bar goes back, ends a line too.

    Args:
        log: gets the notes.
        file: the console log.
        finds_cuts: whether to look for lines that a logger cut, which reads the file twice.
    """
    cap = cap_of(file) if finds_cuts else None
    for number, line in enumerate(lines(file), 1):
        if line is None:
            log.damaged(f"line {number} of {file.name}, which is longer than any log's")
        else:
            is_cut = len(line.rstrip("\r\n")) == cap
            yield Line(number, plain_text(line), cap if is_cut else None, process_of(line))


def plain_text(line: str) -> str:
    """A line without colors and without what Ray puts before it.

    >>> plain_text("\\x1b[36m(TaskRunner pid=7)\\x1b[0m step:3 - a:1\\n")
    'step:3 - a:1\\n'
    """
    text = _COLORS.sub("", line) if "\x1b" in line else line
    return _WORKER.sub(lambda at: " " if at.start() else "", text) if "pid=" in text else text


def process_of(line: str) -> str:
    """The worker or the rank that a line names before its text; empty if it names none.

    >>> process_of("(Worker pid=7, ip=10.0.0.1) step:3 - a:1"), process_of("[rank1]: step:3")
    ('Worker pid=7', 'rank1')
    """
    if "pid=" not in line and "ank" not in line:
        return ""
    found = _PROCESS.match(_COLORS.sub("", line))
    return found[1] or found[2] if found else ""


def cap_of(file: Path) -> int | None:
    """The length at which a logger cut the lines of a file; None if no line looks cut.

    Lines are cut if the longest of them have exactly a length at which loggers cut.
    """
    longest = max((len(line.rstrip("\r\n")) for line in lines(file) if line), default=0)
    return longest if longest in _CAPS else None


class Cuts:
    """Gathers the values at which lines were cut, for one sentence about them."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._names: dict[str, None] = {}
        self._length = 0

    def add(self, place: str, name: str, length: int) -> None:
        """Note a cut line: where it is, the name of the value at the cut, and its length."""
        self._places.append(place)
        self._names[name] = None
        self._length = length

    def says(self) -> list[str]:
        """A sentence, or none."""
        if not self._places:
            return []
        more = len(self._places) - _MOST_PLACES
        places = ", ".join(self._places[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")
        names = ", ".join(map(repr, list(self._names)[:_MOST_PLACES]))
        return [
            f"A logger cut lines at {self._length:,} characters: {places}. The value at the cut "
            f"({names}) and what followed it are unknown there."
        ]


@dataclass(frozen=True, slots=True)
class Label:
    """What a line says it is of: "Step 12", "iteration 12/100".

    Attributes:
        word: one of step, timestep, iteration, iter, update, rollout, episode, ep, epoch.
        number: 12.
        start, end: where it stands in the text.
    """

    word: str
    number: float
    start: int
    end: int


def label_of(text: str) -> Label | None:
    """The label of a text; the finest of several in a row, as "Epoch 1 Step 20".

    >>> label_of("22:43:19 SUCCESS Step 12 | Reward 0.5").number
    12.0
    >>> label_of("Micro Step 1/8 | Loss 0.1"), label_of("the next step: 3x faster")
    (None, None)
    """
    found: Label | None = None
    lower = text.casefold()
    if not any(stem in lower for stem in _STEMS):
        return None
    for match in _LABEL.finditer(text):
        following = text[match.end() : match.end() + 1]
        if match[1] or following.isalnum() or following in (".", "_", "%"):
            continue
        if found is not None and not _BETWEEN.fullmatch(text[found.end : match.start()]):
            break
        number = float(match["number"].rstrip(",").replace(",", ""))
        word = match["word"].lower()
        if found is None or _FINER_FIRST.index(word) <= _FINER_FIRST.index(found.word):
            found = Label(word, number, match.start(), match.end())
    return found


def as_value(text: str) -> float:
    """A number as `NUMBER` matches it.

    >>> as_value("1,234.5"), as_value("1e-06"), as_value("0,455")
    (1234.5, 1e-06, 0.455)
    """
    return float(text.replace(",", "." if DECIMAL_COMMA.fullmatch(text) else ""))


def seconds_of(text: str) -> float | None:
    """The seconds of a duration in minutes or hours, as "2m 35s"; None of other texts.

    >>> seconds_of("2m 35s"), seconds_of("1h 2m 3.5s"), seconds_of("35s")
    (155.0, 3723.5, None)
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds
