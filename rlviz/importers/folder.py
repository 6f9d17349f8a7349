"""Which files of a folder are imported, and what is left out of it."""

import re
from collections.abc import Sequence
from pathlib import Path

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_LOGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".log", ".txt")
_MOST_NAMES = 4


def in_folder(path: Path) -> list[Path]:
    """The files of the run in a folder: event files, else the last state of a trainer.

    Raises:
        FileNotFoundError: it has neither.
        ValueError: it is the folder of several runs.
    """
    if events := _event_files(path):
        return events
    if (path / "trainer_state.json").is_file():
        return [path / "trainer_state.json"]
    checkpoints = [
        (int(match[1]), file)
        for file in path.glob("checkpoint-*/trainer_state.json")
        if (match := _CHECKPOINT.fullmatch(file.parent.name))
    ]
    if checkpoints:  # the last one holds the history of all
        return [max(checkpoints)[1]]
    below = sorted({file.parent for file in path.glob("*/**/*tfevents*") if file.is_file()})
    if len(below) == 1:
        return _event_files(below[0])
    if below:
        names = ", ".join(str(folder) for folder in below[:5])
        raise ValueError(f"{path} holds {len(below)} TensorBoard runs: import one of {names}.")
    logs = [name for name, is_log in _others(path, []) if is_log]
    has = f": {_some(logs)}" if logs else ""
    raise FileNotFoundError(
        f"{path} holds neither TensorBoard event files nor a trainer_state.json. For another log, "
        f"name the file{has}."
    )


def _event_files(path: Path) -> list[Path]:
    return sorted(filter(Path.is_file, path.glob("*tfevents*")))


def left_out(path: Path, taken: Sequence[Path]) -> list[str]:
    """A sentence on what was taken of a folder and what was not; none where all of it was."""
    others = _others(path, taken)
    if not others:
        return []
    names = [name for name, _ in sorted(others, key=lambda other: not other[1])]
    return [
        f"Of the folder {path} was taken {_some(_names(path, taken))}; left out: {_some(names)}."
    ]


def _others(path: Path, taken: Sequence[Path]) -> list[tuple[str, bool]]:
    """What else is in a folder, and whether it may be a log."""
    found = []
    for entry in sorted(path.iterdir()):
        if entry in taken or entry.name.startswith("."):
            continue
        if not entry.is_dir():
            is_log = entry.suffix.lower() in _LOGS or "tfevents" in entry.name
            found.append((entry.name, is_log))
        elif entry not in {file.parent for file in taken}:
            logs = (*entry.glob("**/*tfevents*"), *entry.glob("**/trainer_state.json"))
            found.append((f"{entry.name}/", bool(logs)))
    return found


def _names(path: Path, files: Sequence[Path]) -> list[str]:
    return [str(file.relative_to(path)) for file in files]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
