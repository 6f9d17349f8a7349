"""The runs that the page knows of: read again where they changed, kept where they did not."""

import itertools
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlviz import schema
from rlviz.dashboard.listing import Listing, listing_of
from rlviz.dashboard.rows import Rows, Source, Stamp
from rlviz.report.files import Contents
from rlviz.report.history import History, merged

_PATIENCE_SECONDS = 0.75
"""Spent on reading before an answer goes out; what is left is read for the next one."""
_FRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run at one moment."""

    name: str
    version: int
    """Greater than that of any state before, of any run of this server."""
    history: History
    listing: Listing


@dataclass(frozen=True, slots=True)
class _Known:
    stamps: dict[str, Stamp]
    rows: dict[str, Rows]
    run: Run
    read_at: float


class Store:
    """All runs of one TensorBoard. Any thread may ask.

    Args:
        source: where they are read.
        sampling_hint: how many batches of rows TensorBoard was told to keep; 0 or None for all.
    """

    def __init__(self, source: Source, *, sampling_hint: int | None = None) -> None:
        self._source = source
        self._sampling_hint = sampling_hint
        self._known: dict[str, _Known] = {}
        self._versions = itertools.count(1)
        self._refreshing = threading.Lock()
        self._listed_at = -1e9
        self.unread = 0
        """How many runs have rows that were not read yet."""

    def refresh(self, context: Any, experiment: str) -> list[Run]:
        """Read what is new, for at most a second or so, and give all runs that are known."""
        with self._refreshing:
            self._refresh(context, experiment)
        return [known.run for _, known in sorted(self._known.items())]

    def get(self, context: Any, experiment: str, name: str) -> Run | None:
        """A run as it was read last, lately; None where there is none of that name."""
        if name not in self._known or time.monotonic() - self._listed_at > _FRESH_SECONDS:
            self.refresh(context, experiment)
        known = self._known.get(name)
        return None if known is None else known.run

    def _refresh(self, context: Any, experiment: str) -> None:
        listed = self._source.stamps(context, experiment)
        for name in self._known.keys() - listed.keys():
            del self._known[name]
        changed = [name for name, stamps in listed.items() if self._is_new(name, stamps)]
        changed.sort(key=lambda name: self._known[name].read_at if name in self._known else 0.0)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        self.unread = len(changed)
        for name in changed:
            self._known[name] = self._read(context, experiment, name, listed[name])
            self.unread -= 1
            if time.monotonic() > deadline:
                break
        self._listed_at = time.monotonic()

    def _is_new(self, name: str, stamps: dict[str, Stamp]) -> bool:
        return name not in self._known or self._known[name].stamps != stamps

    def _read(
        self, context: Any, experiment: str, name: str, stamps: dict[str, Stamp]
    ) -> _Known:
        before = self._known.get(name)
        rows: dict[str, Rows] = {}
        if before is not None:
            rows = {tag: r for tag, r in before.rows.items() if before.stamps[tag] == stamps.get(tag)}
        new = {tag: stamp for tag, stamp in stamps.items() if tag not in rows}
        rows |= self._source.read(context, experiment, name, new)
        run = self._run(name, [rows[tag] for tag in stamps])
        return _Known(stamps, rows, run, time.monotonic())

    def _run(self, name: str, rows: list[Rows]) -> Run:
        notes = [complaint for part in rows for complaint in part.complaints]
        if self._sampling_hint:
            notes.append(
                f"TensorBoard was started with --samples_per_plugin=rlviz={self._sampling_hint}, "
                "so rows are missing here. Start it without."
            )
        history = History({schema.STEP: np.empty(0)})
        batches = tuple(batch for part in rows for batch in part.batches)
        if batches:
            try:
                history = merged(Contents(Path(name), batches, (), ()))
            except Exception as error:  # rows that no writer of ours has written
                notes.append(f"The rows of this run contradict themselves: {error!r}.")
        history = replace(history, logdir=name)
        return Run(name, next(self._versions), history, listing_of(history, notes))
