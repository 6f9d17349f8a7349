"""The sender of a run under a name in Ray, for rollouts that nobody hands it to.

Frameworks make their own actors for rollouts and load what users write by its name, so a sender
can't come as an argument. It waits in an actor instead, which all of a Ray job find.
"""

from __future__ import annotations

import threading
from typing import Any

from rlviz.callback import Callback
from rlviz.record.sender import Sender

_NAME = "rlviz-sender"
_SECONDS = 60.0
_lock = threading.Lock()
_known: list[Sender] = []
"""What this process was given, at most one."""


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
    holder = ray.remote(_Holder).options(**options).remote()
    ray.get(holder.put.remote(viz.sender()))
    return holder


def sender() -> Sender:
    """The sender of the run of this Ray job, for rollouts: `sender().record(parallelism=[trace])`.

    The first call in a process asks for it, which takes milliseconds; it is known from then on.

    Raises:
        TimeoutError: the trainer's node does not answer within a minute.
        RuntimeError: no run offers one: its logger lacks `senders=True`, or does not exist yet.
    """
    with _lock:
        if not _known:
            _known.append(_ask())
        return _known[0]


def _ask() -> Sender:
    import ray

    try:
        answer = ray.get_actor(_NAME).get.remote()
        # Not ray.get, of which Ray warns in actors that are asynchronous, as those of rollouts are.
        found: Sender | None = answer.future().result(_SECONDS)
    except ValueError:  # no actor has that name
        found = None
    if found is None:
        raise RuntimeError(
            "no run offers a sender in this Ray job. Give its logger senders=True (of verl: "
            "+trainer.rlviz.senders=true), and call sender() in rollouts, which come after it."
        )
    return found
