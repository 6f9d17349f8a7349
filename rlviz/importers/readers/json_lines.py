"""Reads JSON Lines, one object per line, and JSON arrays of such objects."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.text import LONGEST_LINE, document, is_content, lines, parsed

_LOOKED_AT = 64
"""Lines among which one object shows the kind."""


def read(files: Sequence[Path], name: str) -> Log:
    """Read the files of one run, one after the other; the log notes lines that hold no object.

    Raises:
        ValueError: a JSON array is not complete, or a file is wandb's summary of a run.
    """
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for row in objects(log, file):
            log.add(flat(row))
        if log.count == 1 and row.keys() >= _WANDB_SUMMARY:
            raise ValueError(
                f"{file.name} is wandb's summary of a run: its last values, and not its course. "
                "Export the history of the run: its values step by step."
            )
    return log


_WANDB_SUMMARY = {"_step", "_runtime", "_wandb"}


def objects(log: Log, file: Path) -> Iterator[dict[str, object]]:
    """The objects of a file, one a line or in one array; the log notes lines without one.

    Raises:
        ValueError: a JSON array is not complete.
    """
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        if stream.read(1) == "[":
            yield from _array(log, file)
            return
    for number, line in enumerate(lines(file), 1):
        if line is not None and not line.strip():
            continue
        try:
            row = None if line is None else parsed(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            yield row
        else:
            log.damaged(f"line {number} of {file.name}, which is no JSON object")


def _array(log: Log, file: Path) -> Iterator[dict[str, object]]:
    try:
        rows = parsed(document(file))
    except ValueError as error:
        raise ValueError(f"{file.name} begins as a JSON array but is none: {error}.") from error
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield row
        else:
            log.damaged(f"entry {number} of {file.name}, which is no object")


def flat(row: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    """Names and values of an object; "/" joins the names of nested objects.

    >>> flat({"step": 3, "critic": {"score": {"mean": 0.5}}})
    [('step', 3), ('critic/score/mean', 0.5)]
    """
    found: list[tuple[str, object]] = []
    stack = [(prefix, iter(row.items()))]
    while stack:  # an object may be nested deeper than Python calls may be
        prefix, items = stack[-1]
        for name, value in items:
            if isinstance(value, dict):
                stack.append((f"{prefix}{name}/", iter(value.items())))
                break
            found.append((prefix + name, value))
        else:
            stack.pop()
    return found


def _recognises(start: Start) -> bool:
    line = start.line.lstrip()
    if line[:1] == "[" and line[1:].lstrip()[:1] in ("{", ""):
        return True
    return any(_is_row(one) for one in _first_lines(start.file))


def _first_lines(file: Path) -> Iterator[str]:
    """Some lines of content: the first one, or a few, may be cut off or damaged."""
    read = 0
    for line in islice(filter(is_content, lines(file)), _LOOKED_AT):
        read += LONGEST_LINE if line is None else len(line)
        if line is not None:
            yield line
        if read > 2 * LONGEST_LINE:
            return


def _is_row(line: str) -> bool:
    if not line.lstrip().startswith("{"):
        return False
    try:
        return bool(parsed(line))
    except ValueError:
        return False


READER = Reader(
    file="JSON Lines",
    log="JSON log",
    missing="no number in a JSON object on a line",
    read=read,
    recognises=_recognises,
    names=("*.json", "*.jsonl", "*.ndjson"),
)
