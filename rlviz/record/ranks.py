"""Several processes, one run: every rank sends its sums to rank 0, which waits for none of them.

A collective makes all ranks wait for the slowest and breaks with the first that dies. So each rank
puts one packed message for each flush into a store that rank 0 serves (c10d's TCPStore), and rank 0
takes what is there. A step is written once all ranks have sent their sums of it; or without those
that were not heard of for `patience` seconds, which are named, until they are heard of again.
"""

import json
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from rlviz.record.steps import StepSums

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
    """Brings messages from every rank to rank 0; made on all ranks of the group together.

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
        box: list[Any] = [None]
        if self.rank == 0:
            server = dist.TCPStore(
                "localhost", 0, is_master=True, wait_for_workers=False, timeout=_ANSWER
            )
            box = [(_addresses(members[0]), server.port, secrets.token_hex(8))]
        # A group of its own, and of a backend that needs no device, for this one exchange.
        group = dist.new_group(
            members, backend="gloo", timeout=_SETUP, use_local_synchronization=True
        )
        dist.broadcast_object_list(box, src=members[0], group=group)
        dist.destroy_process_group(group)
        addresses, port, self._prefix = box[0]
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
        """On rank 0: what the others have left, as (rank, message), in each one's order."""
        for rank in range(1, self.world_size):
            while self._store.check([key := self._key(rank, self._next[rank])]):
                message = self._store.get(key)
                self._store.delete_key(key)
                self._next[rank] += 1
                yield rank, message

    def _key(self, rank: int, number: int) -> str:
        return f"{self._prefix}/{rank}/{number}"


def _addresses(global_rank: int) -> list[str]:
    """Where rank 0 may be found; all ranks have found the job's master under its address."""
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


def pack(steps: list[StepSums]) -> bytes:
    """The sums of some steps in one message; floats and integers of any size stay exact."""
    return json.dumps([step.to_list() for step in steps], separators=(",", ":")).encode()


def unpack(message: bytes) -> list[StepSums]:
    return [StepSums.from_list(fields) for fields in json.loads(message)]


class Gathering:
    """On rank 0: brings the sums of one step together, and decides when to wait no longer.

    Args:
        world_size: how many ranks there are, rank 0 included.
        patience: seconds that a step waits for a rank that is not known to be missing.
        limit: steps of other ranks that are kept while rank 0 has not come to them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        world_size: int,
        *,
        patience: float = 5.0,
        limit: int = 65_536,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._others = set(range(1, world_size))
        self._patience = patience
        self._limit = limit
        self._clock = clock
        self._own: list[tuple[float, StepSums]] = []
        self._inbox: dict[int, dict[int, StepSums]] = {rank: {} for rank in self._others}
        self._released = -1
        self.missing: set[int] = set()
        """Ranks that are not waited for now."""
        self.late = 0
        """Sums that came after their step was written, and are not in it."""

    def __len__(self) -> int:
        """Steps of rank 0 that wait for another rank."""
        return len(self._own)

    def add(self, steps: list[StepSums]) -> None:
        """Steps that rank 0 itself closed."""
        now = self._clock()
        self._own += [(now, step) for step in steps]

    def receive(self, rank: int, steps: list[StepSums]) -> None:
        """Steps that another rank closed."""
        self.missing.discard(rank)
        inbox = self._inbox[rank]
        for step in steps:
            if step.step <= self._released and not self._own_waits_for(step.step):
                self.late += 1
                continue
            if (known := inbox.get(step.step)) is not None:
                step.merge(known)
            inbox[step.step] = step
        while len(inbox) > self._limit:
            del inbox[next(iter(inbox))]
            self.late += 1

    def _own_waits_for(self, step: int) -> bool:
        return any(own.step == step for _, own in self._own)

    def ready(self, *, now_or_never: bool = False) -> list[tuple[list[StepSums], tuple[int, ...]]]:
        """Steps that need not wait any longer, in order: (steps, ranks that they lack)."""
        released: list[tuple[list[StepSums], tuple[int, ...]]] = []
        now = self._clock()
        count = 0
        for since, step in self._own:
            lacking = {rank for rank in self._others if step.step not in self._inbox[rank]}
            if lacking - self.missing:
                if now - since < self._patience and not now_or_never:
                    break
                self.missing |= lacking
            for rank in self._others - lacking:
                step.merge(self._inbox[rank].pop(step.step))
            self._released = step.step
            missing = tuple(sorted(lacking))
            if released and released[-1][1] == missing:
                released[-1][0].append(step)
            else:
                released.append(([step], missing))
            count += 1
        del self._own[:count]
        return released
