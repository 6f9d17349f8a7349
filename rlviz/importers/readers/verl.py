"""Reads the console log of a verl run: its `step:12 - critic/score/mean:0.37 - …` lines.

Anything else that the run printed stands between them. Ray puts `(TaskRunner pid=123)` before a
line and colors it, progress bars end without a newline, and values may look like `np.float64(0.1)`.
Format: verl/utils/logger/aggregate_logger.py in https://github.com/volcengine/verl
"""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.text import lines

_COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# `training/global_step:12 - ` also contains `step:12 - `.
_STEP = re.compile(r"(?<![\w/.@-])step:(\d+) - ")
_VALUE = re.compile(r"(.+?):([A-Za-z_][\w.]*\([^()]*\)|[^\s:(]+)(?:[\s(]|$)")
_PROCESS = re.compile(r"\s*(?:\((\w+ pid=\d+)[^)]*\)|\[?(rank[ :=]?\d+)[\]:])", re.IGNORECASE)
_SPACE = re.compile(r"\s")


def holds_steps(line: str) -> bool:
    """Whether a line of text has what verl prints at the end of a step.

    >>> holds_steps("(TaskRunner pid=7) step:3 - actor/lr:0.000 - critic/score/mean:0.5")
    True
    >>> holds_steps("training/global_step:3 - actor/lr:0.000")
    False
    """
    return "step:" in line and _STEP.search(_COLORS.sub("", line)) is not None


def read(files: Sequence[Path], name: str) -> Log:
    """Read console logs, one after the other, as the parts of one run."""
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for number, line in enumerate(lines(file), 1):  # "\r", with which a bar goes back, ends one
            if line is None:
                log.damaged(f"line {number} of {file.name}, which is longer than any log's")
            elif "step:" in line:
                line = _COLORS.sub("", line)
                process = _PROCESS.match(line)
                for step, values in _steps(line):
                    if values:
                        if process:
                            log.label("process", process[1] or process[2])
                        log.add(values, step=step)
    return log


def _steps(line: str) -> Iterator[tuple[float, list[tuple[str, object]]]]:
    starts = list(_STEP.finditer(line))
    for start, following in zip_longest(starts, starts[1:]):
        end = following.start() if following else len(line)
        yield float(start[1]), _values(line[start.end() : end])


def _values(text: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for part in text.split(" - "):
        name, _, text_or_number = part.rpartition(":")
        value: object = None
        try:
            value = float(text_or_number)
        except ValueError:  # wrapped, a text, or with something behind it
            if match := _VALUE.match(part.strip()):
                name, value = match[1], match[2]
        if value is not None and name and not _SPACE.search(name):  # else a sentence
            found.append((name, value))
    return found


def _resembles(start: Start) -> bool:
    return any(line is not None and holds_steps(line) for line in lines(start.file))


_EXAMPLE = "step:12 - critic/score/mean:0.37 - …"

READER = Reader(
    file="a verl console log",
    log="verl console log",
    missing=f"no step of a verl run, a line like '{_EXAMPLE}'",
    example=_EXAMPLE,
    read=read,
    resembles=_resembles,
    names=("*.log", "*.txt"),
)
