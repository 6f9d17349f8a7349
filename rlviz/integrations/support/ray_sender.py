"""The sender of a run under a name in Ray, for rollouts that nobody hands it to.

Frameworks make their own actors for rollouts and load what users write by its name, so a sender
can't come as an argument. It waits in an actor instead, which all of a Ray job find.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any

from rlviz.callback import Callback
from rlviz.record.sender import Sender

_NAME = "rlviz-sender"
_SECONDS = 60.0
"""How long the first call in a process waits for an answer."""
_AGAIN_SECONDS, _BRIEFLY = 1.0, 0.2
"""How often a process whose run is gone looks for another, and how long it then waits."""
_holders: list[Any] = []
"""Of the runs that this process offered."""


class _Holder:
    """Runs as an actor."""

    def __init__(self) -> None:
        self._sender: Sender | None = None

    def put(self, sender: Sender) -> None:
        self._sender = sender

    def get(self) -> Sender | None:
        return self._sender


def publish(viz: Callback) -> Any:
    """Put the sender of a run under its name in this Ray job; a later run takes the place of an
    earlier one.

    Returns:
        What must be kept as long as the sender is to be found.

    Raises:
        RuntimeError: this process is in no Ray job.
    """
    import ray

    if not ray.is_initialized():
        raise RuntimeError(
            "senders=True offers a sender to the rollouts of a Ray job, and this process is in "
            "none. Leave it out, or hand viz.sender() to them yourself."
        )
    options = {"name": _NAME, "get_if_exists": True, "num_cpus": 0}
    until = time.monotonic() + _SECONDS
    while True:
        holder = ray.remote(_Holder).options(**options).remote()
        try:
            ray.get(holder.put.remote(viz.sender()))
            break
        except ray.exceptions.RayActorError:  # that of a trainer which has died, and ends with it
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)
    _holders.append(holder)  # the actor ends with the handle that made it, not with later ones
    return holder


def sender() -> Sender:
    """The sender of the run of this Ray job, for rollouts: `sender().record(parallelism=[trace])`.

    The first call in a process asks for it, which takes milliseconds; it is known from then on.
    Where that run is over or its trainer can't be reached, calls look for the run that has taken
    its place, such as that of a trainer that was started again: once a second at most, and then for
    a fifth of one.

    Raises:
        TimeoutError: the trainer's node does not answer the first call within a minute.
        RuntimeError: no run offers one: its logger lacks `senders=True`, or does not exist yet.
    """
    return _known.sender()


class _Known:
    """What a process knows of the sender under the name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sender: Sender | None = None
        self._answer: Future[Sender | None] | None = None
        """Of the last time that it looked for another."""
        self._asked = -_SECONDS

    def sender(self) -> Sender:
        with self._lock:
            if self._sender is None:
                self._sender = _first()
            elif self._sender.is_cut_off:
                self._sender = self._that_of_now(self._sender)
            return self._sender

    def _that_of_now(self, known: Sender) -> Sender:
        """The sender of the run that has taken the place of a known one, or that one."""
        since = time.monotonic() - self._asked
        if since >= (_AGAIN_SECONDS if self._answer is None else _SECONDS):
            self._asked, self._answer = time.monotonic(), None
            with suppress(Exception):  # nobody offers one now, or Ray is at its end
                self._answer = _question()
                wait([self._answer], _BRIEFLY)
        if self._answer is None or not self._answer.done():
            return known
        answer, self._answer, found = self._answer, None, None
        with suppress(Exception):  # who holds it is gone too
            found = answer.result()
        if found is None or found == known:
            return known
        known.end_here(0.0)  # which says what is lost with that run
        return found


_known = _Known()


def _question() -> Future[Sender | None]:
    """Ask for the sender.

    Raises:
        ValueError: nobody holds one.
    """
    import ray

    # Not ray.get, of which Ray warns in actors that are asynchronous, as those of rollouts are.
    answer: Future[Sender | None] = ray.get_actor(_NAME).get.remote().future()
    return answer


def _first() -> Sender:
    try:
        found = _question().result(_SECONDS)
    except ValueError:  # no actor has that name
        found = None
    if found is None:
        raise RuntimeError(
            "no run offers a sender in this Ray job. Give its logger senders=True (of verl: "
            "+trainer.rlviz.senders=true), and call sender() in rollouts, which come after it."
        )
    return found
