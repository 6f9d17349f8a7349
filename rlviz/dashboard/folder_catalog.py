"""The runs below some directories, read from their own files: without TensorBoard."""

import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlviz.dashboard.catalog import Run, Told
from rlviz.dashboard.directories import run_directories
from rlviz.dashboard.listing import listing_of
from rlviz.report.history.ending import was_closed
from rlviz.report.history.files import Contents, RunFile, RunReader
from rlviz.report.history.history import History, merged
from rlviz.report.history.settings import settings_of

_PATIENCE_SECONDS = 0.75
"""Seconds of reading before an answer goes out; the next answer reads the rest."""
_REST = 3.0
"""A run that took one second to read is not looked at again for three, nor are the directories."""


class _Folder:
    """One directory: its files as far as they were read, and the run that they make."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._reader = RunReader(path)
        self._seen: Contents | None = None
        self.quiet_until = -float("inf")
        self.known: tuple[Run, History] | None = None
        """None before it has a row."""
        self._path = path
        self._told: tuple[tuple[RunFile, ...], Told] | None = None

    def look(self, versions: "itertools.count[int]") -> None:
        """Read what is new."""
        began = time.monotonic()
        contents = self._reader.look()
        if contents is not self._seen:
            self._seen = contents
            if contents.batches:
                history = replace(merged(contents), logdir=self._name)
                self.known = Run(self._name, next(versions), listing_of(history, ())), history
        now = time.monotonic()
        self.quiet_until = now + _REST * (now - began)

    def told(self) -> Told:
        """What its script said; its files are looked at again where they have grown."""
        assert self._seen is not None
        assert self.known is not None
        files = self._seen.files
        if self._told is None or self._told[0] != files:
            run = replace(self.known[1], logdir=str(self._path))
            settings = self._told[1].settings if self._told else settings_of(run)
            self._told = files, Told(settings, was_closed(run))
        return self._told[1]


class FolderCatalog:
    """All runs below some directories. Any thread may ask.

    The rows of all runs stay in memory, but those of a run of more than 256 MB.

    Args:
        given: as in `run_directories`.
    """

    def __init__(self, given: Mapping[str, Sequence[Path]]) -> None:
        self._given = given
        self._folders: dict[str, tuple[Path, _Folder]] = {}
        self._versions = itertools.count(1)
        self._reading = threading.Lock()
        self._listed_until = -float("inf")
        self.unread = 0
        """How many runs have not been read yet."""

    def refresh(self, context: Any, experiment: str) -> list[Run]:
        """Read what is new, for at most a second or so, and return all known runs."""
        with self._reading:
            self._find()
            deadline = time.monotonic() + _PATIENCE_SECONDS
            waiting = [folder for _, folder in self._folders.values()]
            waiting.sort(key=lambda folder: folder.quiet_until)  # the new and the quick first
            self.unread = sum(folder.quiet_until == -float("inf") for folder in waiting)
            for folder in waiting:
                now = time.monotonic()
                if now > deadline:
                    break
                if now >= folder.quiet_until:
                    self.unread -= folder.quiet_until == -float("inf")
                    folder.look(self._versions)
            known = [folder.known[0] for _, folder in self._folders.values() if folder.known]
            return sorted(known, key=lambda run: run.name)

    def get(self, context: Any, experiment: str, name: str) -> tuple[Run, History] | None:
        """A run as of its latest reading; None if no run has that name."""
        if name not in self._folders:
            self.refresh(context, experiment)
        found = self._folders.get(name)
        return found[1].known if found else None

    def told(self, context: Any, experiment: str) -> dict[str, Told]:
        """What the scripts of the known runs said, by name."""
        known = [(name, folder) for name, (_, folder) in self._folders.items() if folder.known]
        return {name: folder.told() for name, folder in known}

    def _find(self) -> None:
        """Look for new directories, and forget those that are gone."""
        began = time.monotonic()
        if began < self._listed_until:
            return
        found = run_directories(self._given)
        folders = {}
        for name, path in found.items():
            known = self._folders.get(name)
            is_same = known is not None and known[0] == path
            folders[name] = known if known and is_same else (path, _Folder(name, path))
        self._folders = folders
        now = time.monotonic()
        self._listed_until = now + _REST * (now - began)
