"""Reads the console log of a verl run: its `step:12 - critic/score/mean:0.37 - …` lines.

Anything else that the run printed stands between them. Ray puts `(TaskRunner pid=123)` before a
line and colors it, progress bars end without a newline, and values may look like `np.float64(0.1)`.
Format: verl/utils/logger/aggregate_logger.py in https://github.com/volcengine/verl
"""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from rlviz.importers.console import Cuts, console_lines, plain_text
from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.text import lines

# `training/global_step:12 - ` also contains `step:12 - `.
_STEP = re.compile(r"(?<![\w/.@-])step:(\d+) - ")
_VALUE = re.compile(r"(.+?):([A-Za-z_][\w.]*\([^()]*\)|[^\s:(]+)(?:[\s(]|$)")
_SPACE = re.compile(r"\s")


def holds_steps(line: str) -> bool:
    """Whether a line of text has what verl prints at the end of a step.

    >>> holds_steps("(TaskRunner pid=7) step:3 - actor/lr:0.000 - critic/score/mean:0.5")
    True
    >>> holds_steps("training/global_step:3 - actor/lr:0.000")
    False
    """
    return "step:" in line and _STEP.search(plain_text(line)) is not None


def read(files: Sequence[Path], name: str) -> Log:
    """Read console logs, one after the other, as the parts of one run.

    A value at which a logger cut a line is left out, and the log notes it.
    """
    log = Log(name, modified=newest(files))
    cuts = Cuts()
    for file in files:
        log.begin(file.name)
        for line in console_lines(log, file):
            if "step:" not in line.text:
                continue
            found = list(_steps(line.text))
            for at, (step, text) in enumerate(found, 1):
                parts = text.rstrip("\r\n").split(" - ")
                if line.cut_at is not None and at == len(found):
                    cuts.add(f"step {step:.0f}", parts.pop().partition(":")[0], line.cut_at)
                if values := _values(parts):
                    if line.process:
                        log.label("process", line.process)
                    log.add(values, step=step)
    log.notes += cuts.says()
    return log


def _steps(line: str) -> Iterator[tuple[float, str]]:
    """The steps in a line, each with the text of its values."""
    starts = list(_STEP.finditer(line))
    for start, following in zip_longest(starts, starts[1:]):
        end = following.start() if following else len(line)
        yield float(start[1]), line[start.end() : end]


def _values(parts: Sequence[str]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for part in parts:
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
    read=read,
    resembles=_resembles,
    names=("*.log", "*.txt"),
)
