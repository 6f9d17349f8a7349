"""Tells which kind of log a file or folder is, and hands it to the reader of that kind."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rlviz import tfrecord
from rlviz.importers.folder import in_folder, left_out
from rlviz.importers.log import Log
from rlviz.importers.options import option
from rlviz.importers.readers import csv_table, json_lines, tensorboard, trainer_state, verl

READERS: dict[str, Callable[[Sequence[Path], str], Log]] = {
    "tensorboard": tensorboard.read,
    "trainer_state": trainer_state.read,
    "verl": verl.read,
    "csv": csv_table.read,
    "jsonl": json_lines.read,
}

Source = str | os.PathLike[str]


def open_log(source: Source | Sequence[Source], kind: str | None = None) -> Log:
    """Read a log, of the kind given or else the one that its content shows.

    Args:
        source: a file; a folder of TensorBoard files or of a Hugging Face trainer; several files
            of one run, in order; or "-" for the standard input.
        kind: a key of `READERS`, or None.

    Raises:
        FileNotFoundError: there is no such file, or nothing in the folder that can be imported.
        ValueError: the kind is none of `READERS`, or can't be told, or the files are of several.
        OSError: a file can't be read.
    """
    if kind is not None and kind not in READERS:
        raise ValueError(f"kind must be one of {', '.join(READERS)}, got {kind!r}.")
    given = [source] if isinstance(source, (str, os.PathLike)) else list(source)
    if not given:
        raise ValueError("source must name at least one file, got an empty list.")
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rlviz-import-") as spool:
        files = [file for one in given for file in _files(one, Path(spool), notes)]
        kinds = [kind or kind_of(file) for file in files]
        for file, its in zip(files, kinds, strict=True):
            if its != kinds[0]:
                raise ValueError(
                    f"the files of one run must be of one kind, but {files[0].name} is {kinds[0]} "
                    f"and {file.name} is {its}. Import them as two runs."
                )
        name = "standard input" if given[0] == "-" else Path(given[0]).resolve().name
        log = READERS[kinds[0]](files, name)
        if kind is not None and not log.series:
            raise ValueError(_not_of(kind, files[0]))
    log.notes += notes
    return log


def _not_of(kind: str, file: Path) -> str:
    """What to say of a file that was said to be of a kind and has nothing of it."""
    says = f"{file.name} has {_NOTHING[kind]}."
    try:
        looks = kind_of(file)
    except ValueError:
        return f"{says} It is none of the logs that rlviz knows."
    if looks == kind:
        return f"{says} There is nothing to import."
    return f"{says} It looks like {_KINDS[looks]}: give {option('kind', looks)}, or none."


_NOTHING = {
    "tensorboard": "no scalar of a TensorBoard event file",
    "trainer_state": "no row with a number in its log_history",
    "verl": "no step of a verl run, a line like 'step:12 - critic/score/mean:0.37 - …'",
    "csv": "no number under the names of a CSV table's first line",
    "jsonl": "no number in a JSON object on a line",
}
_KINDS = {
    "tensorboard": "a TensorBoard event file",
    "trainer_state": "a trainer_state.json",
    "verl": "a verl console log",
    "csv": "a CSV table",
    "jsonl": "JSON Lines",
}


def _files(source: Source, spool: Path, notes: list[str]) -> list[Path]:
    if source == "-":
        return [_spooled(spool)]
    path = Path(source)
    if path.is_dir():
        taken = in_folder(path)
        notes += left_out(path, taken)
        return taken
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path} to import.")
    return [path]


def _spooled(spool: Path) -> Path:
    """The standard input as a file, for its kind shows only in its content."""
    file = spool / "standard input"
    with file.open("wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    return file


def kind_of(file: Path) -> str:
    """The kind of a file, by its content.

    Raises:
        ValueError: it is of none of the kinds.
    """
    with file.open("rb") as stream:
        start = stream.read(1 << 16)
    if not start.strip():
        raise ValueError(f"{file.name} is empty.")
    if "tfevents" in file.name or start[8:12] == tfrecord.checksum(start[:8]):
        return "tensorboard"
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        line = next((line for line in stream if line.strip() and line[0] != "#"), "")
    kind = _json_kind(file, line)
    if kind is None and file.suffix.lower() in (".csv", ".tsv") and csv_table.is_table(line):
        kind = "csv"
    if kind is None and _is_verl(file):
        kind = "verl"
    if kind is None and csv_table.is_table(line):
        kind = "csv"
    if kind is None:
        raise ValueError(
            f"{file.name} is none of the logs that rlviz knows: a TensorBoard event file, a "
            "trainer_state.json, a verl console log (step:12 - critic/score/mean:0.37 - …), a CSV "
            f"table or JSON Lines. It begins {line.strip()[:60]!r}. If it is one, "
            f"say so: {option('kind')}."
        )
    return kind


def _json_kind(file: Path, line: str) -> str | None:
    first = line.lstrip()[:1]
    if first == "[":
        return "jsonl" if line.lstrip()[1:].lstrip()[:1] in ("{", "") else None
    if first != "{":
        return None
    try:
        row = json.loads(line)
    except ValueError:  # an object over several lines, or a text that begins with a brace
        with file.open("rb") as stream:
            start = stream.read(1 << 20)
        return "trainer_state" if b'"log_history"' in start else None
    return "trainer_state" if "log_history" in row else "jsonl"


def _is_verl(file: Path) -> bool:
    with file.open(encoding="utf-8", errors="replace", newline=None) as stream:
        return any(map(verl.holds_steps, stream))
