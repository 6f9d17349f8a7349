"""What records from another process, thread or node: `Callback.sender()` gives it to a rollout.

A `Sender` is an address and a key, so it pickles. In each process all copies of it share one
thread, which adds up what was recorded and brings it to the trainer. `record` only queues.
"""

import ipaddress
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import SupportsIndex

from typing_extensions import Unpack

from rlviz.record import device, options
from rlviz.record.link import Link
from rlviz.record.measurement import Recorded, measurement
from rlviz.record.receiver import Receiver
from rlviz.record.values import check_episode, check_step
from rlviz.record.wire import Place


@dataclass(frozen=True, slots=True)
class SenderHealth:
    """What happened to the calls of `Sender.record` in this process:
    ``recorded == delivered + waiting + dropped``."""

    recorded: int
    """Calls of `record`, by all copies of the sender in this process."""
    delivered: int
    """Calls whose sums the trainer has acknowledged."""
    waiting: int
    """Calls that are still here."""
    dropped: int
    """Calls that are lost: the run was over, or the trainer could not be reached for too long. The
    log says why."""


class Sender:
    """Records into a run from wherever its rollouts are: Ray actors, subprocesses, threads, nodes.

    `Callback.sender` makes it. Pickle it, or hand it to an actor or a process as an argument; it
    connects at the first `record`. Nothing in it waits for the trainer but `flush`.

    Args:
        addresses: where the trainer may be reached, best first; empty for a Callback that records
            nothing, such as one without process_group on another rank than 0.
        port: its port.
        key: what both sides know.
        home: the name of the trainer's host.
    """

    def __init__(self, addresses: Sequence[str], port: int, key: bytes, home: str) -> None:
        self._addresses = tuple(addresses)
        self._port = port
        self._key = key
        self._home = home

    def __eq__(self, other: object) -> bool:
        """Whether both are of the same run."""
        return isinstance(other, Sender) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        if not self._addresses:
            return "<rlviz.Sender to nowhere>"
        first = self._addresses[0]
        return f"<rlviz.Sender to {f'[{first}]' if ':' in first else first}:{self._port}>"

    def record(
        self,
        *,
        step: SupportsIndex | None = None,
        episode: str | None = None,
        **record: Unpack[Recorded],
    ) -> None:
        """Record into the run, from any thread; it takes what `Callback.record` takes.

        Args:
            step: the training step that it belongs to; by default the one that is open when it
                arrives. If that one is written already, it counts in the next row.
            episode: instead of `step`, the name of an episode: it counts in the step to which the
                trainer binds that by `viz.record(episodes=[…])`, before or after.
            record: as for `Callback.record`, all but `episodes`.

        Raises:
            ValueError, TypeError: a value is not what it should be. The call then records nothing.
        """
        if step is not None and episode is not None:
            raise ValueError(
                f"record() got step={step!r} and episode={episode!r:.80}. Pass the step, or the "
                "episode and let the trainer bind it to its step."
            )
        if record.get("episodes") is not None:
            raise ValueError(
                "episodes= binds episodes to the open step, which only the trainer knows. Here "
                "pass episode=name, and there viz.record(episodes=[name])."
            )
        place: Place = None
        if step is not None:
            place = check_step(step)
        elif episode is not None:
            place = check_episode(episode)
        brought = measurement(record)
        link = self._link()
        try:
            if deferred := brought.deferred():
                device.keep(deferred)
        except Exception as error:  # the device has no memory left
            link.refuse(error)
            return
        link.put(place, brought)

    def flush(self, timeout: float | None = 5.0) -> bool:
        """Wait until the trainer has all that was recorded here; returns whether it has.

        It has not where it can't be reached in time, nor once calls of this process were dropped,
        of which `health` tells: the run was closed, or memory was full.

        Call it where a process ends by force, such as an actor before `ray.kill`.

        Raises:
            ValueError, TypeError: `timeout` is not a number of seconds.
        """
        return self._link().flush(options.waiting_time(timeout))

    def flush_here(self, timeout: float) -> None:
        """Bring what this very process recorded, before its own Callback ends the run."""
        if (link := _links.get(self._key)) is not None:
            link.flush(timeout)

    def end_here(self, timeout: float) -> None:
        """Bring what this very process recorded, and say goodbye to the trainer, which then misses
        nothing when the process ends; a later call of `record` begins anew."""
        if (link := _links.get(self._key)) is not None:
            link.end(timeout)

    @property
    def is_cut_off(self) -> bool:
        """Whether this process has found the run over, or could not reach its trainer just now."""
        return (link := _links.get(self._key)) is not None and link.is_cut_off

    @property
    def health(self) -> SenderHealth:
        """What happened to what was recorded in this process."""
        return SenderHealth(*self._link().counts)

    def _link(self) -> Link:
        known = _links.get(self._key)
        if known is None:
            here = ["localhost"] if self._home == socket.gethostname() else []
            made = Link([*here, *self._addresses], self._port, self._key)
            known = _links.setdefault(self._key, made)
        return known


def nowhere() -> Sender:
    """A sender of a Callback that records nothing: it drops what it is given, and says so."""
    return Sender((), 0, secrets.token_bytes(_KEY_BYTES), "")


def opened(
    host: str | None,
    port: int,
    *,
    on_error: Callable[[Exception], None],
    wake: Callable[[], None],
    byte_limit: int,
) -> tuple[Sender, Receiver]:
    """Listen for the senders of a run; a sender, and what takes what all its copies send.

    Args:
        host: the name or address of this machine; None for all that it has.
        port: the port, 0 for any that is free.
        on_error, wake, byte_limit: as in `Receiver`.
    """
    key = secrets.token_bytes(_KEY_BYTES)
    only = host if host is not None and _is_loopback(host) else ""
    try:
        receiver = Receiver(only, port, key, on_error=on_error, wake=wake, byte_limit=byte_limit)
    except OSError as error:
        raise OSError(
            f"sender() can't listen on port {port} ({error}). Name another port, or 0 for any that "
            "is free."
        ) from error
    receiver.start()
    addresses = [host] if host is not None else _own_addresses()
    return Sender(addresses, receiver.port, key, socket.gethostname()), receiver


def _own_addresses() -> list[str]:
    """Under which names other nodes may know this one, best first."""
    found = []
    ray = sys.modules.get("ray")
    with suppress(Exception):  # an older or a newer Ray
        if ray is not None and ray.is_initialized():
            found.append(ray.util.get_node_ip_address())
    for family, far_away in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as outwards:
            outwards.connect((far_away, 9))  # it sends nothing: it asks which way out there is
            found.append(outwards.getsockname()[0])
    return [*dict.fromkeys([*found, socket.gethostname()])]


def _is_loopback(host: str) -> bool:
    """Whether a name or address reaches its own machine alone.

    >>> [_is_loopback(host) for host in ("LOCALHOST", "localhost.", "127.0.0.2", "::1", "node-1")]
    [True, True, True, True, False]
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_KEY_BYTES = 32
_links: dict[bytes, Link] = {}
"""By the key of their run, in this process."""


def _after_fork() -> None:
    for link in _links.values():
        link.leave()
    _links.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
