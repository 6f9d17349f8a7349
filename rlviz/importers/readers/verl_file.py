"""Reads what verl's file logger writes: `{"step": 3, "data": {"critic/score/mean": 0.5}}`.

Format: `FileLogger` in verl/utils/tracking.py.
"""

from collections.abc import Sequence
from pathlib import Path

from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.readers.json_lines import flat, objects
from rlviz.importers.text import parsed


def read(files: Sequence[Path], name: str) -> Log:
    """Read the files of one run, one after the other; the log notes lines that are of no step."""
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for row in objects(log, file):
            step, data = as_number(row.get("step")), row.get("data")
            if step is not None and step == step and isinstance(data, dict):
                log.add(flat(data), step=step)
            else:
                log.damaged(f"an object of {file.name} without a step and its data")
    return log


def _recognises(start: Start) -> bool:
    try:
        row = parsed(start.line)
    except ValueError:
        return False
    return isinstance(row, dict) and set(row) == {"step", "data"} and isinstance(row["data"], dict)


_EXAMPLE = '{"step": 3, "data": {"critic/score/mean": 0.5}}'

READER = Reader(
    file="a file of verl's file logger",
    log="log of verl's file logger",
    missing=f"no line with a step and its data, like '{_EXAMPLE}'",
    read=read,
    begins=("{",),
    recognises=_recognises,
)
