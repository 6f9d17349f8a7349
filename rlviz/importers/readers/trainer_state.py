"""Reads the `trainer_state.json` that a Hugging Face trainer (TRL's too) keeps in checkpoints.

Its `log_history` holds a row with `step` for each log call. Evaluations and, at the end, a summary
of the run are separate rows with the step of the last row before them.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Folder, Reader, Start
from rlviz.importers.readers.json_lines import flat
from rlviz.importers.text import document, parsed

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_FILE = "trainer_state.json"


def read(files: Sequence[Path], name: str) -> Log:
    """Read the states of one run; a later one repeats and continues an earlier one.

    Raises:
        ValueError: a file is not JSON, or has no `log_history`.
    """
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for row in _history(file):
            if isinstance(row, dict):
                log.add(flat(row))
            else:
                log.damaged(f"an entry of log_history in {file.name} that is no object")
    return log


def _history(file: Path) -> list[Any]:
    text = document(file)
    if not text.lstrip().startswith("{"):
        raise ValueError(
            f"{file.name} is no state of a Hugging Face trainer, which is a JSON object. It begins "
            f"{text.lstrip()[:40]!r}."
        )
    try:
        state = parsed(text)
    except ValueError as error:
        raise ValueError(
            f"{file.name} is no complete JSON ({error}). A trainer that was killed while it saved "
            "leaves half a file: take the one of the checkpoint before."
        ) from error
    history = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(history, list):
        raise ValueError(
            f"{file.name} has no log_history: it is no state of a Hugging Face trainer."
        )
    return history


def _recognises(start: Start) -> bool:
    try:
        return "log_history" in parsed(start.line)
    except ValueError:  # an object over several lines, or a text that starts with a brace
        with start.file.open("rb") as stream:
            return b'"log_history"' in stream.read(1 << 20)


def _in_folder(path: Path) -> list[Path]:
    """The run's state in its folder, else that in its last checkpoint, which repeats everything."""
    if (path / _FILE).is_file():
        return [path / _FILE]
    checkpoints = [
        (int(match[1]), file)
        for file in path.glob(f"checkpoint-*/{_FILE}")
        if (match := _CHECKPOINT.fullmatch(file.parent.name)) and file.is_file()
    ]
    return [max(checkpoints)[1]] if checkpoints else []


READER = Reader(
    file="a trainer_state.json",
    log=_FILE,
    missing="no row with a number in its log_history",
    read=read,
    begins=("{",),
    recognises=_recognises,
    names=(_FILE,),
    folder=Folder(holds="a trainer_state.json", files=_in_folder),
)
