"""Reads the boxes of names and values that loggers of reinforcement learning draw on the console.

Stable-Baselines3 and baselines (`HumanOutputFormat`) and Spinning Up (`dump_tabular` in logx.py)
draw them alike: lines of dashes, and `| ep_rew_mean | 21.3 |` between them. Where a name stands
alone, as `| rollout/ | |`, it begins those below it.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rlviz.importers.console import console_lines
from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start

_EDGE = re.compile(r"\s*[-+=]{8,}\s*")
_CELLS = re.compile(r"\s*\|(?P<name>[^|]{1,120})\|(?P<value>[^|]{0,120})\|\s*")


def read(files: Sequence[Path], name: str) -> Log:
    """Read console logs, one after the other, as the parts of one run.

    Numbers have the few digits that were printed. A name that was cut short ends in "...".
    """
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for box in _boxes(log, file):
            log.add(box)
    return log


def _boxes(log: Log, file: Path) -> Iterator[list[tuple[str, object]]]:
    box: list[tuple[str, object]] | None = None
    group = ""
    for line in console_lines(log, file):
        if _EDGE.fullmatch(line.text):
            if box:
                yield box
            box, group = [], ""
        elif box is not None:
            cells = _CELLS.fullmatch(line.text)
            if cells is None:
                box = None
                continue
            name, value = cells["name"].rstrip(), cells["value"].strip()
            indented = name.startswith("    ")
            if not value and name.endswith("/"):
                group = name.strip()
            elif value:
                box.append(((group if indented else "") + name.strip(), value))


def _resembles(start: Start) -> bool:
    """Whether two boxes have numbers under the same name."""
    seen: set[str] = set()
    for box in _boxes(Log("", modified=1.0), start.file):
        numbered = {name for name, value in box if as_number(value) is not None}
        if seen & numbered:
            return True
        seen |= numbered
    return False


_EXAMPLE = "| ep_rew_mean | 21.3 |"

READER = Reader(
    file="a console log of boxes",
    log="console log of boxes",
    missing=f"no two boxes of names and numbers, lines like '{_EXAMPLE}' between lines of dashes",
    read=read,
    resembles=_resembles,
    names=("*.log", "*.txt", "*.out"),
)
