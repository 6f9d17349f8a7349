"""How messages get from every rank of a job to rank 0, which waits for none of them.

A collective makes all ranks wait for the slowest and breaks when the first one dies. So each rank
puts its messages into a store that rank 0 serves (c10d's TCPStore), and rank 0 takes what is there.
"""

import hashlib
import json
import os
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

_SETUP = timedelta(seconds=60)
_ANSWER = timedelta(seconds=10)


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


class Mailbox:
    """Brings messages from every rank to rank 0; all ranks of the group make one together.

    Args:
        process_group: an initialised `torch.distributed` group, of any backend.

    Raises:
        RuntimeError: torch.distributed is not initialised, this process is not in the group, or
            rank 0 can't be reached.
    """

    def __init__(self, process_group: Any) -> None:
        self.rank, self.world_size = rank_and_world(process_group)
        dist = sys.modules["torch"].distributed
        if self.rank < 0:
            raise RuntimeError("this process is not in the process_group. Pass a group it is in.")
        self._sent = 0
        self._next = [0] * self.world_size
        members = dist.get_process_group_ranks(process_group)
        server = None
        if self.rank == 0:
            server = dist.TCPStore(
                "localhost", 0, is_master=True, wait_for_workers=False, timeout=_ANSWER
            )
            own = _addresses(members[0]), server.port, secrets.token_hex(8)
            _tell(dist, members, own)
            addresses, port, self._prefix = own
        else:
            addresses, port, self._prefix = _told(dist, members)
        self._store: Any = server or _connected(dist, addresses, port)

    def send(self, message: bytes) -> None:
        """Leave a message for rank 0.

        Raises:
            OSError: rank 0 can't be reached.
        """
        try:
            self._store.set(self._key(self.rank, self._sent), message)
        except RuntimeError as error:
            raise ConnectionError(f"rank 0 can't be reached from rank {self.rank}") from error
        self._sent += 1

    def take(self) -> Iterator[tuple[int, bytes]]:
        """On rank 0: the messages of the others as (rank, message), in the order of each rank."""
        for rank in range(1, self.world_size):
            while self._store.check([key := self._key(rank, self._next[rank])]):
                message = self._store.get(key)
                self._store.delete_key(key)
                self._next[rank] += 1
                yield rank, message

    def _key(self, rank: int, number: int) -> str:
        return f"{self._prefix}/{rank}/{number}"


# Rank 0 tells where its store is through the store by which the job's processes found each other.
# A process group for that one message could not be made twice under one name, and a gloo group that
# is still alive when the interpreter ends may abort the process.

_made: Counter[tuple[int, ...]] = Counter()
"""Members of a group -> number of mailboxes made for them; the same on every member."""


def _key_of_the_next(members: list[int]) -> str:
    number = _made[tuple(members)]
    _made[tuple(members)] += 1
    return f"rlviz/{hashlib.sha256(repr(members).encode()).hexdigest()}/{number}"


def _tell(dist: Any, members: list[int], where: tuple[list[str], int, str]) -> None:
    store = dist.distributed_c10d._get_default_store()
    store.set(_key_of_the_next(members), json.dumps(where))


def _told(dist: Any, members: list[int]) -> tuple[list[str], int, str]:
    store, key = dist.distributed_c10d._get_default_store(), _key_of_the_next(members)
    try:
        store.wait([key], _SETUP)
    except RuntimeError as error:
        raise RuntimeError(
            f"rank 0 has made no Callback in {_SETUP.seconds} seconds. Make one on all ranks of "
            "the process_group, at the same place of the script."
        ) from error
    addresses, port, prefix = json.loads(store.get(key))
    return addresses, port, prefix


def _addresses(global_rank: int) -> list[str]:
    """Where rank 0 may be; every rank has reached the job's master under its address."""
    master = [os.environ["MASTER_ADDR"]] if global_rank == 0 and "MASTER_ADDR" in os.environ else []
    return [*master, socket.gethostname()]


def _connected(dist: Any, addresses: list[str], port: int) -> Any:
    if addresses[-1] == socket.gethostname():
        addresses = ["localhost", *addresses]
    said = ""
    for address in addresses:
        try:
            return dist.TCPStore(
                address, port, is_master=False, wait_for_workers=False, timeout=_ANSWER
            )
        except RuntimeError as error:
            said = str(error).splitlines()[0]
    raise RuntimeError(
        f"rank 0 can't be reached at port {port} of any of {addresses}: {said}. Open the port, or "
        "make the Callback on rank 0 alone, without process_group."
    )
