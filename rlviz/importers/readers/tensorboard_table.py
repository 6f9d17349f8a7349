"""Reads what TensorBoard's page offers for download: a tag as CSV or JSON.

A table has the columns `Wall time`, `Step` and `Value`, a JSON text is a list of such triples. The
tag is told by the file's name alone, `run-RUN-tag-TAG.csv`, where "_" stands for "/".
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.readers.csv_table import header_of
from rlviz.importers.text import document, lines, parsed

_HEADER = ("wall time", "step", "value")
_NAME = re.compile(r"(?:run-(?P<run>.*?)-)?tag-(?P<tag>.+)")


def read(files: Sequence[Path], name: str) -> Log:
    """Read the downloaded tags of one run.

    Raises:
        ValueError: a JSON text is not complete.
    """
    log = Log(name, modified=newest(files), events=True)
    log.begin(name)
    events = []
    for file in files:
        run, tag = _run_and_tag(file)
        events += [(wall, step, tag, value, run) for wall, step, value in _triples(log, file)]
    events.sort(key=lambda event: event[:2])
    for wall, step, tag, value, run in events:
        log.add([(tag, value)], step=step, wall_time=wall, run=run)
    return log


def _run_and_tag(file: Path) -> tuple[str, str]:
    match = _NAME.fullmatch(file.stem)
    return (match["run"] or "", match["tag"]) if match else ("", file.stem)


def _triples(log: Log, file: Path) -> Iterator[tuple[float, float, float]]:
    for number, row in enumerate(_rows(file), 1):
        numbers = [as_number(cell) for cell in row] if isinstance(row, list) else []
        if len(numbers) == 3 and None not in numbers and numbers[:2] == numbers[:2]:
            wall, step, value = (float(n) for n in numbers if n is not None)
            if wall == wall and step == step:
                yield wall, step, value
                continue
        log.damaged(f"row {number} of {file.name}, which is no time, step and value")


def _rows(file: Path) -> Iterator[object]:
    stream = lines(file)
    first = next((line for line in stream if line is None or line.strip()), "") or ""
    if first.lstrip().startswith("["):
        try:
            yield from parsed(document(file))
        except ValueError as error:
            raise ValueError(f"{file.name} is no complete JSON: {error}.") from error
        return
    for line in stream:
        if line is None or line.strip():
            yield header_of((line or "").strip())


def _recognises(start: Start) -> bool:
    line = start.line.strip()
    if line.startswith("["):
        return re.match(r"\[\s*\[\s*[\d.eE+]+\s*,\s*\d+\s*,", line) is not None
    return tuple(cell.casefold() for cell in header_of(line)) == _HEADER


READER = Reader(
    file="a download from TensorBoard",
    log="download from TensorBoard",
    missing="no row of a time, a step and a value",
    read=read,
    recognises=_recognises,
)
