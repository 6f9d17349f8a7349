"""Reads the `monitor.csv` that Stable-Baselines3, SB2 and baselines write: a row for each episode.

`r` is its return, `l` its length in steps of the environment, `t` its end in seconds after the
`t_start` of the first line. Parallel environments write a file each, `0.monitor.csv` and so on.
Format: stable_baselines3/common/monitor.py.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Folder, Reader, Start
from rlviz.importers.readers.csv_table import header_of
from rlviz.importers.text import lines

_MOST_HEADER = 1 << 16


def read(files: Sequence[Path], name: str) -> Log:
    """Read the episodes of one run, those of parallel environments in the order of their ends.

    The step is the number of steps of all environments so far.
    """
    log = Log(name, modified=newest(files))
    log.begin(name)
    log.return_, log.step_name = "r", "timesteps"
    episodes: list[tuple[float, float, list[tuple[str, object]]]] = []
    for file in files:
        episodes += _episodes(log, file)
    episodes.sort(key=lambda episode: episode[0])
    step, lengths = 0.0, 0
    for wall, length, values in episodes:
        step += length
        lengths += 1
        log.add(values, step=step, wall_time=wall)
    if len(files) > 1:
        log.notes.append(
            f"The {lengths:,} episodes of {len(files)} environments stand in the order of their "
            "ends; the step is the sum of their lengths."
        )
    return log


def _episodes(log: Log, file: Path) -> list[tuple[float, float, list[tuple[str, object]]]]:
    found: list[tuple[float, float, list[tuple[str, object]]]] = []
    begun, names = 0.0, list[str]()
    for number, line in enumerate(lines(file), 1):
        text = (line or "").strip()
        if text.startswith("#"):
            begun = _begun(text)
        elif not names:
            names = header_of(text)
        elif text:
            row = dict(zip(names, header_of(text), strict=False))
            length, took = as_number(row.get("l", "x")), as_number(row.get("t", "x"))
            if length is None or took is None or not (0 <= length < 2**53 and 0 <= took < 2**53):
                log.damaged(f"line {number} of {file.name}, which is no episode")
                continue
            others = [(n, v) for n, v in row.items() if n and n not in ("r", "l", "t")]
            values: list[tuple[str, object]] = [("r", row.get("r")), ("l", length), *others]
            found.append((begun + took, length, values))
    return found


def _begun(text: str) -> float:
    """The `t_start` of the first line, seconds since 1970; 0 if it can't be read."""
    try:
        head = json.loads(text[1:_MOST_HEADER])
        began = as_number(head.get("t_start")) if isinstance(head, dict) else None
    except (ValueError, RecursionError):
        return 0.0
    return began if began is not None and 0 < began < 1e11 else 0.0


def _recognises(start: Start) -> bool:
    return {"r", "l", "t"} <= set(header_of(start.line.strip()))


def _in_folder(path: Path) -> list[Path]:
    return sorted(filter(Path.is_file, path.glob("*monitor.csv")))


READER = Reader(
    file="a monitor.csv",
    log="monitor.csv of episodes",
    missing="no row with an episode's r, l and t",
    read=read,
    recognises=_recognises,
    names=("*monitor.csv",),
    folder=Folder(holds="a monitor.csv", files=_in_folder),
)
