"""Reads lines that begin with the step and list its values: `Step 12 | Loss: 0.1 | Reward: 0.5`.

prime-rl (`trainer/rl/train.py`, `orchestrator.py`) and Megatron (`training_log` in
megatron/training/training.py) print them, and many loops written by hand.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rlviz.importers import names, rates
from rlviz.importers.console import (
    NUMBER,
    Cuts,
    Label,
    Line,
    as_value,
    console_lines,
    label_of,
    seconds_of,
)
from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Reader, Start

_NAMED = re.compile(
    rf"(?P<name>[A-Za-z_][\w ./()%@^*+-]{{0,80}}?)\s*[:=]\s*[\[(]?(?P<value>{NUMBER})"
    rf"(?:\s?/\s?(?P<of>\d{{1,12}})(?![\d.]))?[\])]?"
    r"(?P<unit> ?[A-Za-z%][A-Za-z%/]{0,20}(?=[\s,|;)\]]|$))?"
)
_BARE = re.compile(
    rf"\s*(?P<name>[A-Za-z_][\w ./()@-]{{0,60}}?)\s+(?P<value>{NUMBER})(?P<unit>[ %/].*)?"
)
_DOTTED = re.compile(r"(?<![\d,.])\d+(?:\.\d+)+")
_THOUSANDS = re.compile(r"(?<![\d,.])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.])")
"""A number whose points may stand before thousands."""
_DECIMAL_COMMA = re.compile(r"[:=\s][-+]?0,\d{2,20}(?!\d|[,.]\d)")
"""A number that no thousands make: a program that writes one writes 1,893 for 1.893 too."""
_COMMA = re.compile(r"(?<![\d,.])(\d{1,40}),(\d{1,20})(?!\d|[,.]\d)")
_FARTHEST = 120
"""Characters before a label: times, levels and the names of modules."""
_MOST_VALUES = 1000
_LONGEST = 1 << 16
"""Characters of a line that says a step and its values."""


@dataclass(frozen=True, slots=True)
class _Row:
    word: str
    step: float
    values: list[tuple[str, object]]
    epoch: float | None = None


class _Commas:
    """How a log writes numbers, as told by those that can be written in one way only.

    Attributes:
        are_decimal: whether every comma is a decimal one.
        points_part_thousands: whether every point stands before thousands.
    """

    def __init__(self) -> None:
        self.are_decimal = False
        self.points_part_thousands = False
        self._has_others = False

    def look(self, text: str) -> None:
        """Take what the end of a line tells, behind its label."""
        self.are_decimal = self.are_decimal or _DECIMAL_COMMA.search(text) is not None
        self._has_others = self._has_others or not all(
            map(_THOUSANDS.fullmatch, _DOTTED.findall(text))
        )
        self.points_part_thousands = self.are_decimal and not self._has_others

    def plain(self, text: str) -> str:
        """A line without points before thousands."""
        if not self.points_part_thousands:
            return text
        return _THOUSANDS.sub(lambda number: number[0].replace(".", ""), text)

    def with_points(self, text: str) -> str:
        """The end of a line, behind its label, with decimal points."""
        return _COMMA.sub(r"\1.\2", text) if self.are_decimal else text


_USUAL = _Commas()


def read(files: Sequence[Path], name: str) -> Log:
    """Read console logs, one after the other, as the parts of one run.

    Lines of one label make the run, those that are the most; the log notes how many others were
    left out. Steps that begin again in each epoch are no steps of the run: its rows are numbered.
    """
    log = Log(name, modified=newest(files))
    cuts = Cuts()
    commas = _commas_of(files)
    found = [(file.name, list(_rows(console_lines(log, file), cuts, commas))) for file in files]
    words = Counter(row.word for _, rows in found for row in rows)
    word = max(words, key=words.__getitem__, default="")
    taken = [(file_name, [row for row in rows if row.word == word]) for file_name, rows in found]
    begins_again = _begins_again([row for _, rows in taken for row in rows])
    if begins_again:
        log.notes.append(f"The numbers of '{word}' begin again in each epoch.")
    else:
        log.step_name = word
    for file_name, rows in taken:
        log.begin(file_name)
        for row in rows:
            log.add(row.values, step=None if begins_again else row.step)
    others = [f"{count:,} of '{other}'" for other, count in words.items() if other != word]
    if others:
        log.notes.append(
            f"Lines with another label than '{word}' were left out: {', '.join(others)}."
        )
    if commas.points_part_thousands:
        log.notes.append("Commas are decimal here, and points stand before thousands.")
    log.notes += cuts.says()
    return log


def _commas_of(files: Sequence[Path]) -> _Commas:
    commas = _Commas()
    for file in files:
        for line in console_lines(Log("", modified=1.0), file, finds_cuts=False):
            if (label := _label(line.text)) is not None:
                commas.look(line.text[label.end :])
    return commas


def _rows(stream: Iterator[Line], cuts: Cuts, commas: _Commas = _USUAL) -> Iterator[_Row]:
    for line in stream:
        row = _row(commas.plain(line.text), commas)
        if row is None:
            continue
        if line.cut_at is not None:  # what stands last may be a part of a number
            name, _ = row.values.pop()
            cuts.add(f"{row.word} {row.step:.0f}", name, line.cut_at)
        if row.values:
            yield row


def _label(text: str) -> Label | None:
    if len(text) > _LONGEST:
        return None
    label = label_of(text[: 2 * _FARTHEST])
    return None if label is None or label.start > _FARTHEST else label


def _row(text: str, commas: _Commas) -> _Row | None:
    if (label := _label(text)) is None:
        return None
    values = _values(commas.with_points(text[label.end :].rstrip("\r\n")))
    coarser = label_of(text[: label.start])
    epoch = coarser.number if coarser is not None and coarser.word == "epoch" else None
    return _Row(label.word, label.number, values, epoch) if values else None


def _values(text: str) -> list[tuple[str, object]]:
    return _of_cells(text) if "|" in text else _of_names(text)


def _begins_again(rows: list[_Row]) -> bool:
    """Whether the steps fall where the epoch rises."""
    return any(
        later.step <= earlier.step
        for earlier, later in pairwise(rows)
        if earlier.epoch is not None and later.epoch is not None and later.epoch > earlier.epoch
    )


def _of_cells(text: str) -> list[tuple[str, object]]:
    """The values between bars: "Loss: 0.1", "Loss 0.1", "22.5s"."""
    found: list[tuple[str, object]] = []
    for cell in text.split("|", _MOST_VALUES):
        took = seconds_of(cell)
        if took is None and re.fullmatch(r"\s*\d+(?:\.\d+)?s\s*", cell):
            took = float(cell.strip()[:-1])
        if took is not None:
            found.append(("time", took))
        elif named := _of_names(cell):
            found += named
        elif match := _BARE.fullmatch(cell.rstrip()):
            found.append((match["name"].strip(), as_value(match["value"])))
    return found


def _of_names(text: str) -> list[tuple[str, object]]:
    """The values behind their names; of "acc=(12/64)" the share and the number of answers."""
    found: list[tuple[str, object]] = []
    graded: list[float] = []
    for match in _NAMED.finditer(text):
        name = match["name"].strip(" -").strip()
        tail = text[match.start("value") : match.start("value") + 40]
        took = seconds_of(re.split(r"[|,;\]]", tail, maxsplit=1)[0])
        if not name:
            continue
        if took is not None:
            found.append((name, took))
            continue
        value = as_value(match["value"])
        if (of := float(match["of"] or 0)) and value <= of and rates.is_rate(name):
            found.append((name, value if names.plain(name) in names.CORRECT else value / of))
            graded.append(of)
        else:  # else "batch: 3/64" is how far the loop is
            found.append((name, value * (0.01 if (match["unit"] or "").strip() == "%" else 1.0)))
    shares = [name for name, _ in found if rates.is_rate(name)]
    if graded and len(shares) == 1 and not names.is_evaluation(shares[0]):
        found.append(("graded", graded[0]))
    return found


def _resembles(start: Start) -> bool:
    """Whether two lines have the same label with other numbers, and a name in common."""
    return _has_two(start.file, _USUAL) or _has_two(start.file, _commas_of([start.file]))


def _has_two(file: Path, commas: _Commas) -> bool:
    seen: dict[tuple[str, str], set[float]] = {}
    stream = console_lines(Log("", modified=1.0), file, finds_cuts=False)
    for row in _rows(stream, Cuts(), commas):
        for name, _ in row.values:
            steps = seen.setdefault((row.word, name), set())
            steps.add(row.step)
            if len(steps) > 1:
                return True
    return False


_EXAMPLE = "Step 12 | Loss: 0.1 | Reward: 0.5"

READER = Reader(
    file="a console log of steps",
    log="console log of steps",
    missing=f"no two lines with a step and a value, like '{_EXAMPLE}'",
    read=read,
    resembles=_resembles,
    names=("*.log", "*.txt", "*.out"),
)
