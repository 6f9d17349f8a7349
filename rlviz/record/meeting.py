"""Where the ranks of a job meet: the store that joined its processes, or one that rank 0 serves.

Every rank has reached the job's store, so no other port needs to be open between them. Rank 0
serves a store of its own as well: for ranks that the job's store has left, as when the process
group is destroyed before the run is closed, and for jobs whose store is none that a second
connection can be made to.
"""

import hashlib
import json
import os
import secrets
import socket
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rlviz import wording

_ANSWER = timedelta(seconds=10)
_REACH_SECONDS = 2.0
"""How long one address may take to answer."""


def rank_and_world(process_group: Any = None) -> tuple[int, int]:
    """This process's rank and how many there are, in the group or in the whole job.

    Raises:
        RuntimeError: a group was given, and torch.distributed is not initialised.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available():
        dist = torch.distributed
        if dist.is_initialized():
            return dist.get_rank(process_group), dist.get_world_size(process_group)
    if process_group is not None:
        raise RuntimeError(
            "process_group was given, but torch.distributed is not initialised. Call "
            "init_process_group() before rlviz.Callback()."
        )
    try:  # as torchrun tells it before the processes are joined
        return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1


@dataclass(frozen=True, slots=True)
class Place:
    """What rank 0 tells the others."""

    prefix: str
    """Of all keys."""
    is_at_the_jobs: bool
    """Whether rank 0 looks into the job's store."""
    addresses: tuple[str, ...]
    """Where rank 0's own store may be, best first; empty where it has none."""
    port: int


class Meeting:
    """The way of one rank to the stores through which it meets the others.

    Making one reaches for nothing: whatever can't be reached is found out by who opens the stores,
    which is never the training thread.

    Args:
        process_group: an initialised `torch.distributed` group, of any backend.

    Raises:
        RuntimeError: torch.distributed is not initialised, or this process is not in the group.
    """

    def __init__(self, process_group: Any) -> None:
        self.rank, self.world_size = rank_and_world(process_group)
        self._dist = sys.modules["torch"].distributed
        if self.rank < 0:
            raise RuntimeError("this process is not in the process_group. Pass a group it is in.")
        members = self._dist.get_process_group_ranks(process_group)
        self._key = _key_of_the_next(members)
        self._is_at_the_master = members[0] == 0
        self._prefix = secrets.token_hex(8)
        self._own: Any = None
        self._known: Place | None = None

    def served(self) -> Any | None:
        """On rank 0: its own store, on a port that the others may reach or not; None if there is
        none to be had."""
        if self._own is None:
            with suppress(RuntimeError, OSError):
                self._own = self._dist.TCPStore(
                    "localhost", 0, is_master=True, wait_for_workers=False, timeout=_ANSWER
                )
        return self._own

    def leave(self) -> None:
        """On rank 0: serve no store any more, so that nobody waits for who takes nothing."""
        self._own = None

    def at_the_jobs(self) -> Any | None:
        """The job's store by a connection of our own, on which only we wait; None where it is no
        store that takes one.

        Raises:
            OSError, RuntimeError: there is none any more, or it can't be reached.
        """
        store = _job_store(self._dist)
        while isinstance(store, self._dist.PrefixStore):
            store = store.underlying_store
        if not isinstance(store, self._dist.TCPStore):  # a file would keep all that it is ever told
            return None
        # As its `clone` of torch 2.8 does, which may take the store's own timeout, of half an hour.
        return self._connected((store.host,), store.port)

    def tell(self, *, is_at_the_jobs: bool) -> Place:
        """On rank 0: let the others know where to leave their messages.

        Raises:
            OSError, RuntimeError: the job's store can't be reached.
        """
        own = self.served()
        addresses = _addresses(self._is_at_the_master) if own is not None else []
        place = Place(self._prefix, is_at_the_jobs, tuple(addresses), own.port if own else 0)
        told = json.dumps([place.prefix, is_at_the_jobs, addresses, place.port])
        _job_store(self._dist).set(self._key, told)
        return place

    def told(self) -> Place | None:
        """On another rank: what rank 0 told last; None if it has told nothing yet."""
        with suppress(RuntimeError, OSError):  # what is known may do
            store = _job_store(self._dist)
            if store.check([self._key]):
                prefix, is_at_the_jobs, addresses, port = json.loads(store.get(self._key))
                self._known = Place(prefix, is_at_the_jobs, tuple(addresses), port)
        return self._known

    def at_rank_0(self, place: Place) -> Any:
        """Rank 0's own store.

        Raises:
            OSError, RuntimeError: it can't be reached.
        """
        addresses = place.addresses
        if addresses and addresses[-1] == socket.gethostname():
            addresses = ("localhost", *addresses)
        return self._connected(addresses, place.port)

    def _connected(self, addresses: tuple[str, ...], port: int) -> Any:
        said: Exception = ConnectionError("it serves none")
        for address in addresses:
            try:  # torch would try for as long as its timeout is where nothing listens
                socket.create_connection((address, port), _REACH_SECONDS).close()
                return self._dist.TCPStore(
                    address, port, is_master=False, wait_for_workers=False, timeout=_ANSWER
                )
            except (RuntimeError, OSError) as error:
                said = error
        raise ConnectionError(
            f"port {port} of {' or '.join(addresses) or 'rank 0'}: {wording.first_line(said)}"
        )


_made: Counter[tuple[int, ...]] = Counter()
"""Members of a group -> number of meetings made for them; the same on every member."""


def _key_of_the_next(members: list[int]) -> str:
    number = _made[tuple(members)]
    _made[tuple(members)] += 1
    return f"rlviz/{hashlib.sha256(repr(members).encode()).hexdigest()}/{number}"


# A process group for our messages could not be made twice under one name, and a gloo group that is
# still alive when the interpreter ends may abort the process.


def _job_store(dist: Any) -> Any:
    """Raises ConnectionError where there is none any more, or never was, as with MPI."""
    store = None
    with suppress(Exception):  # torch says it in several ways
        store = dist.distributed_c10d._get_default_store()
    if store is None:
        raise ConnectionError("the process group has no store, or was destroyed")
    return store


def _addresses(is_at_the_master: bool) -> list[str]:
    """Where rank 0 may be; every rank has reached the job's master under its address."""
    known = is_at_the_master and "MASTER_ADDR" in os.environ
    return [*([os.environ["MASTER_ADDR"]] if known else []), socket.gethostname()]
