"""Reads the folder of an MLflow run: `metrics/NAME` has a line `time value step` for each value.

Times are milliseconds since 1970. A name with "/" is a path below `metrics`. Format: `FileStore` in
mlflow/store/tracking/file_store.py. Its databases: `sqlite.py`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Folder, Reader, Start
from rlviz.importers.text import lines

_FOLDER = "metrics"
_LINE = re.compile(r"\d{10,16} [-+.\deEnaif]+(?: -?\d+)?\s*")


def read(files: Sequence[Path], name: str) -> Log:
    """Read the metrics of one run, each a file; the log notes lines that are no value."""
    log = Log(name, modified=newest(files), events=True)
    log.begin(name)
    values = []
    for file in files:
        called = _name(file)
        for number, line in enumerate(lines(file), 1):
            numbers = [as_number(part) for part in (line or "").split(" ")]
            if len(numbers) not in (2, 3) or None in numbers:
                log.damaged(f"line {number} of {called}, which is no time, value and step")
                continue
            time, value, step = (*(float(n or 0) for n in numbers), 0.0)[:3]
            if time == time and step == step:
                values.append((time, step, called, value))
    values.sort(key=lambda row: row[:2])
    for time, step, called, value in values:
        log.add([(called, value)], step=step, wall_time=time / 1000)
    return log


def _name(file: Path) -> str:
    parts = file.parts
    above = [at for at, part in enumerate(parts[:-1]) if part == _FOLDER]
    return "/".join(parts[above[0] + 1 :]) if len(above) == 1 else _below_a_run(file)


def _below_a_run(file: Path) -> str:
    """The name where several folders are called "metrics": below the one beside a meta.yaml."""
    for folder in file.parents:
        if folder.name == _FOLDER and (folder.parent / "meta.yaml").is_file():
            return file.relative_to(folder).as_posix()
    return file.name


def _recognises(start: Start) -> bool:
    return _LINE.fullmatch(start.line) is not None


def _in_folder(path: Path) -> list[Path]:
    return sorted(file for file in (path / _FOLDER).glob("**/*") if file.is_file())


def _below_folder(path: Path) -> dict[str, list[Path]]:
    """The metrics of the runs in a folder of experiments, by the folders of the runs."""
    found = {one for depth in ("*", "*/*", "*/*/*") for one in path.glob(f"{depth}/{_FOLDER}")}
    runs = sorted(one.parent for one in found if (one.parent / "meta.yaml").is_file())
    return {str(run.relative_to(path)): files for run in runs if (files := _in_folder(run))}


READER = Reader(
    file="a metric of an MLflow run",
    log="folder of an MLflow run",
    missing="no line with a time, a value and a step",
    read=read,
    recognises=_recognises,
    folder=Folder(holds="the metrics of an MLflow run", files=_in_folder, below=_below_folder),
)
