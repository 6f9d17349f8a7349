"""The runs that TensorBoard holds: those that changed are read again, the others are kept."""

import itertools
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlviz import schema
from rlviz.dashboard.cache import Cache
from rlviz.dashboard.catalog import Run, Told
from rlviz.dashboard.listing import Listing, listing_of
from rlviz.dashboard.own_files import OwnFiles
from rlviz.dashboard.rows import RowSource, Stamp, TagRows, bounds, parts
from rlviz.dashboard.turns import Locks
from rlviz.report.history.columns import KEPT_BYTES
from rlviz.report.history.files import Contents
from rlviz.report.history.history import History, merged

_PATIENCE_SECONDS = 0.75
"""Seconds of reading before an answer goes out; the next answer reads the rest."""
_PART_BYTES, _PART_RUNS = 16 << 20, 50
"""Bytes and runs to read before checking the clock."""
_FRESH_SECONDS = 2.0
"""Seconds: how old the known state may be when the page asks for a single run."""
_CACHE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class State(Run):
    """A run as TensorBoard holds it."""

    stamps: dict[str, Stamp]
    read_at: float


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The rows of a run, both by tag and merged."""

    stamps: dict[str, Stamp]
    rows: dict[str, TagRows]
    history: History
    complaints: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        rows = sum(part.nbytes for part in self.rows.values())
        return rows + min(rows, KEPT_BYTES)  # for its columns, once they are asked for


class Store:
    """All runs of one TensorBoard. Any thread may ask.

    Args:
        source: where the runs are read from.
        sampling_hint: how many batches of rows TensorBoard was told to keep; 0 or None for all.
        own_files: tells of damage, which the source does not.
        cache_bytes: the bytes that kept rows may take; other rows are read again when needed.
    """

    def __init__(
        self,
        source: RowSource,
        *,
        sampling_hint: int | None = None,
        own_files: OwnFiles | None = None,
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        self._source = source
        self._sampling_hint = sampling_hint
        self._own_files = OwnFiles(None) if own_files is None else own_files
        self._damage: dict[str, list[str]] = {}
        self._states: dict[str, State] = {}
        self._loaded: Cache[_Loaded] = Cache(cache_bytes, lambda loaded: loaded.nbytes)
        self._versions = itertools.count(1)
        self._reading = threading.Lock()
        self._turns = Locks()
        self._listed_at = -float("inf")
        self.unread = 0
        """How many runs have unread rows."""

    @property
    def nbytes(self) -> int:
        """Bytes that the kept rows take."""
        return self._loaded.nbytes

    def refresh(self, context: Any, experiment: str) -> list[State]:
        """Read what is new, for at most a second or so, and return all known runs."""
        with self._reading:
            self._refresh(context, experiment)
            self._add_damage()
            return [state for _, state in sorted(self._states.items())]

    def _add_damage(self) -> None:
        """Add what the files of runs tell, as far as they have been looked into, and take away what
        they tell no more."""
        self._own_files.look_soon(self._states)
        for name, state in self._states.items():
            notes = self._own_files.notes(name, state.listing["steps"])
            if notes != self._damage.get(name, []):
                before = self._damage.get(name, [])
                own = [note for note in state.listing["notes"] if note not in before]
                self._damage[name] = notes
                listing = {**state.listing, "notes": [*own, *(n for n in notes if n not in own)]}
                self._states[name] = replace(state, listing=listing, version=next(self._versions))

    def get(self, context: Any, experiment: str, name: str) -> tuple[State, History] | None:
        """A run as of its latest reading; None if no run has that name."""
        # Where another thread is reading, a known run is answered as it is known: none waits for
        # what another takes. An unknown one has to wait for the list.
        if self._is_old(name) and self._reading.acquire(blocking=name not in self._states):
            try:
                if self._is_old(name):  # nobody has read it meanwhile
                    self._refresh(context, experiment)
            finally:
                self._reading.release()
        state = self._states.get(name)
        if state is None:
            return None
        loaded = self._loaded.get(name)
        if loaded is None:
            with self._turns.of(name):
                loaded = self._loaded.get(name)
                if loaded is None:
                    loaded = self._load(context, experiment, {name: state.stamps})[name]
                    if self._states.get(name) is state:
                        self._loaded.put(name, loaded)
        return state, loaded.history

    def told(self, context: Any, experiment: str) -> dict[str, Told]:
        """What the scripts of the known runs said, by name."""
        found = {}
        for name, (settings, ended) in self._source.told(context, experiment).items():
            if state := self._states.get(name):  # a resumed run writes after an end
                last = max(stamp.max_wall_time for stamp in state.stamps.values())
                found[name] = Told(settings, ended >= last)
        return found

    def _is_old(self, name: str) -> bool:
        return name not in self._states or time.monotonic() - self._listed_at > _FRESH_SECONDS

    def _refresh(self, context: Any, experiment: str) -> None:
        listed = self._source.stamps(context, experiment)
        for name in self._states.keys() - listed.keys():
            del self._states[name]
            self._loaded.remove(name)
        changed = [name for name, stamps in listed.items() if self._is_new(name, stamps)]
        changed.sort(key=lambda name: s.read_at if (s := self._states.get(name)) else 0.0)
        sizes = {name: sum(self._new_tags(name, listed[name]).values()) for name in changed}
        self.unread = len(changed)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for names in parts(sizes, _PART_BYTES, _PART_RUNS):
            if sizes[names[0]] > _PART_BYTES:  # it is alone then
                found = self._load_in_parts(context, experiment, names[0], listed, deadline)
            else:
                found = self._load(context, experiment, {name: listed[name] for name in names})
            for name, loaded in found.items():
                self._loaded.put(name, loaded)
                self._note(name, loaded)
                self.unread -= loaded.stamps == listed[name]
            if time.monotonic() > deadline:
                break
        self._listed_at = time.monotonic()

    def _is_new(self, name: str, stamps: dict[str, Stamp]) -> bool:
        state = self._states.get(name)
        return state is None or state.stamps != stamps

    def _new_tags(self, name: str, stamps: dict[str, Stamp]) -> dict[str, int]:
        """The tags to read, in the order of their rows, and the most bytes that each can take."""
        kept = self._kept(name, stamps)
        return {tag: size for tag, size in bounds(stamps).items() if tag not in kept}

    def _note(self, name: str, loaded: _Loaded) -> None:
        self._damage.pop(name, None)  # which `_add_damage` adds again
        self._states[name] = State(
            name, next(self._versions), _described(loaded), loaded.stamps, time.monotonic()
        )

    def _load_in_parts(
        self,
        context: Any,
        experiment: str,
        name: str,
        listed: Mapping[str, dict[str, Stamp]],
        deadline: float,
    ) -> dict[str, _Loaded]:
        """Like `_load` for one long run, but it stops at the deadline: what was read by then is the
        run for now, and the next call reads the rest."""
        stamps = listed[name]
        rows = self._kept(name, stamps)
        if name in self._states and not rows:  # no room to keep a part: it would never complete
            deadline = math.inf
        for tags in parts(self._new_tags(name, stamps), _PART_BYTES):
            wanted = {name: {tag: stamps[tag] for tag in tags}}
            rows |= self._source.read(context, experiment, wanted)[name]
            if time.monotonic() > deadline:
                break
        here = {tag: stamp for tag, stamp in stamps.items() if tag in rows}
        return {name: self._merged(name, here, rows)}

    def _load(
        self, context: Any, experiment: str, runs: Mapping[str, dict[str, Stamp]]
    ) -> dict[str, _Loaded]:
        """Read the tags whose listed rows are not kept, and merge all tags of each run."""
        kept = {name: self._kept(name, stamps) for name, stamps in runs.items()}
        wanted = {
            name: {tag: stamp for tag, stamp in stamps.items() if tag not in kept[name]}
            for name, stamps in runs.items()
        }
        read = self._source.read(context, experiment, wanted)
        return {
            name: self._merged(name, stamps, kept[name] | read[name])
            for name, stamps in runs.items()
        }

    def _kept(self, name: str, stamps: dict[str, Stamp]) -> dict[str, TagRows]:
        """The rows of the unchanged tags."""
        before = self._loaded.get(name)
        if before is None:
            return {}
        return {t: r for t, r in before.rows.items() if before.stamps[t] == stamps.get(t)}

    def _merged(self, name: str, stamps: dict[str, Stamp], rows: dict[str, TagRows]) -> _Loaded:
        """Merge the rows of these tags into the run."""
        complaints = [complaint for part in rows.values() for complaint in part.complaints]
        if self._sampling_hint:
            complaints.append(
                f"TensorBoard was started with --samples_per_plugin=rlviz={self._sampling_hint}, "
                "so rows are missing here. Start it without that."
            )
        history = History({schema.STEP: np.empty(0)})
        batches = tuple(batch for tag in stamps for batch in rows[tag].batches)
        if batches:
            try:
                history = merged(Contents(Path(name), batches, (), ()))
            except Exception as error:
                complaints.append(_senseless(error))
        return _Loaded(stamps, rows, replace(history, logdir=name), tuple(complaints))


def _described(loaded: _Loaded) -> Listing:
    try:
        return listing_of(loaded.history, loaded.complaints)
    except Exception as error:
        nothing = History({schema.STEP: np.empty(0)})
        return listing_of(nothing, (*loaded.complaints, _senseless(error)))


def _senseless(error: Exception) -> str:
    """A sentence about rows that rlviz did not write: one run must not hide the others."""
    return f"The rows of this run contradict themselves ({error!r})."
