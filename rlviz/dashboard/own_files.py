"""What a run's own files tell that TensorBoard does not: it says nothing of damage."""

import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rlviz import wording
from rlviz.report.doctor import damage
from rlviz.report.history import read

_QUIET_SECONDS = 10.0
"""Files that changed since are being written, or read by TensorBoard."""
_MOST_BYTES = 256 << 20
"""A larger run is not read a second time: `rlviz doctor` tells of it."""

_LOGGER = logging.getLogger("tensorboard")

_Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    stamp: _Stamp
    steps: int
    findings: tuple[str, ...]


class OwnFiles:
    """Looks into the files of runs whose directories are on this machine, each once in each state.

    Args:
        root: the log directory; None where it is elsewhere, as in a bucket.
        quiet_seconds: a run is looked at once its files have not changed for so long.
    """

    def __init__(self, root: Path | None, *, quiet_seconds: float = _QUIET_SECONDS) -> None:
        self._root = root
        self._quiet_seconds = quiet_seconds
        self._seen: dict[str, _Seen] = {}
        self._looking = threading.Lock()

    def look_soon(self, names: Iterable[str]) -> None:
        """Look into the runs that changed in the background: `notes` tells of each once it has been
        looked into. While an earlier look goes on, this does nothing."""
        if self._root is None or not self._looking.acquire(blocking=False):
            return
        thread = threading.Thread(
            target=self._look, args=(tuple(names),), name="rlviz-own-files", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no thread is to be had: the next call tries again
            self._looking.release()

    def _look(self, names: Sequence[str]) -> None:
        try:
            self.look(names)
        except Exception:
            _LOGGER.warning("rlviz could not look into the files of runs", exc_info=True)
        finally:
            self._looking.release()

    def look(self, names: Iterable[str]) -> None:
        """Look into the runs that changed, however long that takes."""
        for name in names if self._root is not None else ():
            path = self._path(name)
            stamp = () if path is None else _stamp(path)
            seen = self._seen.get(name)
            if path is None or not stamp or (seen is not None and seen.stamp == stamp):
                continue
            age = time.time() - max(changed for _, _, changed in stamp) / 1e9
            if age < self._quiet_seconds or sum(size for _, size, _ in stamp) > _MOST_BYTES:
                self._seen.pop(name, None)
                continue
            self._seen[name] = _examined(path, stamp)

    def notes(self, name: str, steps: int) -> list[str]:
        """What is wrong with a run's files, in sentences.

        Args:
            name: the run.
            steps: how many of its steps TensorBoard shows.
        """
        seen = self._seen.get(name)
        if seen is None or not seen.findings:
            return []
        found = list(seen.findings)
        if steps < seen.steps:
            whole = wording.counted(seen.steps, "step")
            found.insert(
                0,
                f"TensorBoard shows {steps:,} of the {whole} in this run's files: it stops at "
                "damage. `rlviz watch --standalone` and `rlviz plot` show all of them.",
            )
        elif steps > seen.steps:
            found.insert(
                0,
                f"TensorBoard shows {wording.counted(steps, 'step')}, and {seen.steps:,} of them "
                "are as they were written: its data server does not check the others. "
                "`rlviz watch --standalone` and `rlviz plot` leave them out.",
            )
        return found

    def _path(self, name: str) -> Path | None:
        parts = PurePosixPath(name.replace(os.sep, "/"))
        if self._root is None or parts.is_absolute() or ".." in parts.parts:
            return None
        return self._root / parts


def _stamp(path: Path) -> _Stamp:
    """Name, size and time of the last change of each event file."""
    try:
        files = [e for e in os.scandir(path) if "tfevents" in e.name and e.is_file()]
        return tuple(sorted((e.name, e.stat().st_size, e.stat().st_mtime_ns) for e in files))
    except (OSError, ValueError):  # such as a name with a NUL
        return ()


def _examined(path: Path, stamp: _Stamp) -> _Seen:
    try:
        history = read(path)
        found = [
            f"{finding.what[0].upper()}{finding.what[1:]} {finding.advice}"
            for finding in damage.damage(history)
            if finding.kind in ("cut", "damaged", "unreadable")
        ]
        return _Seen(stamp, len(history), tuple(found))
    except Exception:  # no run, or none that can be read: TensorBoard's rows tell what there is
        return _Seen(stamp, 0, ())
