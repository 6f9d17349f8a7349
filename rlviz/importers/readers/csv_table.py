"""Reads CSV tables: exports of wandb and others, with commas, semicolons or tabs."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlviz import wording
from rlviz.importers.console import DECIMAL_COMMA
from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.text import is_content, lines

_DELIMITERS = ",;\t"
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
_COMMA = re.compile(r"\d,\d{2}")
_ONE_COMMA = re.compile(r"[-+]?\d+,\d+")
_POINTED = re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?")
"""A number whose points may stand before thousands."""
_EXTREME = ("__MIN", "__MAX")
"""What wandb puts behind the name of a column for the lowest and the highest value of those that it
merged into a point of a chart."""


def header_of(line: str) -> list[str]:
    """The column names in the first line of a table, split at the delimiter that gives the most.

    >>> header_of("step;reward;kl")
    ['step', 'reward', 'kl']
    """
    return _cells(line, _delimiter(line))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a cell of more than 131,072 characters
        return []


def read(files: Sequence[Path], name: str) -> Log:
    """Read the files of one run, one after the other; each has its own header.

    Lines that begin with "#" before the header are comments. A header that stands again begins
    another part, as where a program was started again. The log notes cells beyond the header's
    columns and lines that the csv module can't read.

    Raises:
        ValueError: a header names a column twice.
    """
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        _table(log, file)
    return log


def _table(log: Log, path: Path) -> None:
    file, stream = path.name, lines(path, newline="")
    first = next((line for line in stream if is_content(line)), "")
    if first is None:
        raise ValueError(f"the header of {file} is longer than any table's.")
    delimiter = _delimiter(first)
    names = header_of(first.rstrip("\r\n"))
    repeated = [name for name, times in Counter(names).items() if name and times > 1]
    if repeated:
        raise ValueError(
            f"{file} has more than one column {min(repeated)!r}. Rename or drop one of them."
        )
    extremes = [name for name in names if name[-5:] in _EXTREME and name[:-5] in names]
    if extremes:
        log.notes.append(
            f"What a chart merged into a point has its lowest and highest value beside it, which "
            f"were left out: {wording.some(extremes, 2)}."
        )
    taken = ["" if name in extremes else name for name in names]
    decimal = _decimal_columns(path, delimiter)
    marks = [";" if at in decimal else delimiter for at in range(len(names))]
    pointed = _pointed_columns(path, delimiter) if decimal or delimiter == ";" else set()
    if pointed:
        called = wording.some([names[at] for at in sorted(pointed) if at < len(names)], 3)
        log.notes.append(f"Commas are decimal here, and points before thousands in {called}.")
    marks = ["." if at in pointed else mark for at, mark in enumerate(marks)]
    part = 1
    for line, cells in _rows(log, file, stream, delimiter):
        if cells == names:
            part += 1
            log.begin(f"part {part} of {file}")
        elif len(cells) > len(names):
            log.damaged(f"row {line} of {file}, with more cells than columns")
        elif cells:
            log.add(_values(taken, cells, marks))


def _decimal_columns(path: Path, delimiter: str) -> set[int]:
    """Which columns hold a comma that can't stand before thousands, so that each of theirs is the
    decimal one."""
    found: set[int] = set()
    if delimiter == ";":
        return found
    for line in lines(path):
        if line is not None and _COMMA.search(line) and (delimiter == "\t" or '"' in line):
            cells = enumerate(_cells(line, delimiter))
            found |= {at for at, cell in cells if _has_decimal_comma(cell)}
    return found


def _pointed_columns(path: Path, delimiter: str) -> set[int]:
    """Which columns of a table with decimal commas have points that stand before thousands, such as
    1.000: those that have no other."""
    has_commas, found, others = False, set[int](), set[int]()
    for line in lines(path):
        if line is None or not ("." in line or "," in line):
            continue
        for at, cell in enumerate(_cells(line, delimiter)):
            if "." in cell:
                is_pointed = _POINTED.fullmatch(cell.strip()) is not None
                (found if is_pointed else others).add(at)
            has_commas = has_commas or _ONE_COMMA.fullmatch(cell.strip()) is not None
    return found - others if has_commas else set()


def _has_decimal_comma(cell: str) -> bool:
    """Whether a number has a comma that can't stand before thousands; "0,1" may be a list.

    >>> [_has_decimal_comma(cell) for cell in ("0,455", "12,34", "1,893", "0,1")]
    [True, True, False, False]
    """
    return DECIMAL_COMMA.fullmatch(cell) is not None and _COMMA.search(cell) is not None


def _values(names: list[str], cells: list[str], marks: list[str]) -> Iterator[tuple[str, object]]:
    for name, cell, mark in zip(names, cells, marks, strict=False):  # a cut-off row has fewer
        if cell and name:
            if mark == "." and _POINTED.fullmatch(cell.strip()):
                cell, mark = cell.replace(".", ""), ";"
            try:
                yield name, float(cell)
            except ValueError:
                number = as_number(_with_a_point(cell, mark) if "," in cell else cell)
                yield name, cell if number is None else number


def _with_a_point(cell: str, delimiter: str) -> str:
    """A number that has a comma in it, in the form that Python reads.

    >>> _with_a_point("0,45", ";"), _with_a_point("1.234,5", ";"), _with_a_point("1,234.5", ";")
    ('0.45', '1234.5', '1234.5')
    >>> _with_a_point("12,345", ","), _with_a_point("1,234,567", ";")
    ('12345', '1234567')
    """
    if delimiter == "," or cell.count(",") > 1 or "." in cell.partition(",")[2]:
        return cell.replace(",", "") if _THOUSANDS.fullmatch(cell.strip()) else cell
    if delimiter == "\t" and _THOUSANDS.fullmatch(cell.strip()):
        return cell  # 12 thousand, or 12 and a third
    whole, _, behind = cell.partition(",")
    return f"{whole.replace('.', '')}.{behind}"


def _rows(
    log: Log, file: str, stream: Iterator[str | None], delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """The number of each row's last line, where the header is line 1, and its cells."""
    reader = csv.reader(_short(log, file, stream), delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            log.damaged(f"row {reader.line_num + 1} of {file} ({error})")
        else:
            yield reader.line_num + 1, cells


def _short(log: Log, file: str, stream: Iterator[str | None]) -> Iterator[str]:
    for number, line in enumerate(stream, 2):
        if line is None:
            log.damaged(f"line {number} of {file}, which is longer than any log's")
        yield line or "\n"


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def is_table(line: str) -> bool:
    """Whether a line can be the header of a table: names, and more than one.

    >>> is_table("step,reward"), is_table("2025-05-01 10:00:00,123 INFO go"), is_table("1,2")
    (True, False, False)
    """
    names = header_of(line)
    numbers = [as_number(name) for name in names]
    return (
        len(names) > 1
        and all(number is None or math.isnan(number) for number in numbers)
        and not any(name[:1].isdigit() for name in names)  # as a line of a log begins
        and line.lstrip()[:1] not in ("{", "[")  # as a printed object does
        and all(map(str.isprintable, names))
    )


def _recognises(start: Start) -> bool:
    """By the file's name, unless it holds JSON; other tables may be the cells of a log."""
    return start.file.suffix.lower() in (".csv", ".tsv") and is_table(start.line)


def _resembles(start: Start) -> bool:
    return is_table(start.line)


READER = Reader(
    file="a CSV table",
    log="CSV table",
    missing="no number under the names of a CSV table's first line",
    read=read,
    recognises=_recognises,
    resembles=_resembles,
    names=("*.csv", "*.tsv"),
)
