"""Reads the `result.json` that Ray Tune writes for a trial of RLlib: a JSON object a line.

Each repeats the whole configuration and some book-keeping, which is no metric. Formats:
`JsonLoggerCallback` in ray/tune/logger/json.py, `Trainable.train` in ray/tune/trainable.
"""

from collections.abc import Sequence
from pathlib import Path

from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Folder, Reader, Start
from rlviz.importers.readers.json_lines import flat, objects
from rlviz.importers.text import parsed

_FILE = "result.json"
_BOOKS = (
    *("pid", "done", "should_checkpoint", "warmup_time", "iterations_since_restore"),
    *("time_since_restore", "timesteps_since_restore", "episodes_this_iter"),
)


def read(files: Sequence[Path], name: str) -> Log:
    """Read the results of one trial, one file after the other.

    The configuration and Tune's books are left out, which the log notes.
    """
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for row in objects(log, file):
            measured = {n: v for n, v in row.items() if n != "config" and n not in _BOOKS}
            log.add(flat(measured))
    log.notes.append("The configuration (config) and the books of Ray Tune were left out.")
    return log


def _recognises(start: Start) -> bool:
    try:
        row = parsed(start.line)
    except ValueError:  # a first line of a configuration that is longer than the first bytes
        return '"training_iteration": ' in start.line
    return isinstance(row, dict) and "training_iteration" in row


def _in_folder(path: Path) -> list[Path]:
    return [path / _FILE] if (path / _FILE).is_file() else []


READER = Reader(
    file="a result.json of Ray Tune",
    log="result.json of Ray Tune",
    missing="no object with a training_iteration",
    read=read,
    begins=("{",),
    recognises=_recognises,
    names=(_FILE,),
    folder=Folder(holds="a result.json of Ray Tune", files=_in_folder),
)
