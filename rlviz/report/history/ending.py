"""Whether the script of a run said that it was done, and how long a run may be silent."""

import os
from pathlib import Path

import numpy as np

from rlviz import schema, tfrecord
from rlviz.report.history.event_bytes import opened, read_at
from rlviz.report.history.history import History

_TAIL_BYTES = 1 << 18
"""How much of a file is read: its last record, of some hundred bytes, tells the end."""
_MOST_BYTES = 4096
"""Only a record with this tag tells the end; rows, pictures and texts need not be parsed."""


def was_closed(history: History) -> bool:
    """Whether the last session of a run closed its `Callback`.

    False proves nothing: the session may still run or was killed, or the file does not tell.
    """
    named = [(schema.FileName.of(file.name), file.name) for file in history.files]
    ours = [(name.session, file) for name, file in named if name is not None]
    if not ours:
        return False
    try:
        tail = _tail(Path(history.logdir) / max(ours)[1])
    except OSError:
        return False
    closed = False
    for record in tfrecord.scan(tail):
        if isinstance(record, tfrecord.Record):
            closed = _says_so(record.payload)
    return closed


_LEAST_PATIENCE_SECONDS, _PATIENCE_STEPS = 60.0, 3


def patience_seconds(history: History) -> float:
    """How long after its last step a run may still be running: a minute, or three of its steps, for
    a step may take hours in a run that is alive."""
    wall = history.wall_time[np.isfinite(history.wall_time)]
    step_seconds = float(np.median(np.abs(np.diff(wall)))) if len(wall) > 1 else 0.0
    return max(_LEAST_PATIENCE_SECONDS, _PATIENCE_STEPS * step_seconds)


def _tail(file: Path) -> bytes:
    with opened(file) as descriptor:
        size = os.fstat(descriptor).st_size
        return read_at(descriptor, max(0, size - _TAIL_BYTES), min(size, _TAIL_BYTES))


def _says_so(payload: bytes) -> bool:
    if len(payload) > _MOST_BYTES:
        return False
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog

    try:
        event = Event.FromString(payload)
    except DecodeError:
        return False
    return bool(event.session_log.status == SessionLog.STOP)
