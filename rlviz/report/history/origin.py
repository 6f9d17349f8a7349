"""Where an imported run came from, and what its log does not tell, by the run's configuration."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlviz import schema, tfrecord
from rlviz.report.history.event_bytes import opened, read_at
from rlviz.report.history.history import History

_HEAD_BYTES = 1 << 18
"""How much of a file is read: the configuration is in its first records."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an import wrote about the log that it read.

    Attributes:
        source: the name of the log.
        kind: its kind, such as "csv".
        account: what was taken for what, and what can't be known: one sentence a line.
        is_sampled: whether counts and times are those of every k-th step alone.
    """

    source: str
    kind: str
    account: tuple[str, ...]
    is_sampled: bool

    @property
    def unknown(self) -> tuple[str, ...]:
        """Sentences on what the log does not tell about the compute."""
        return tuple(line for line in self.account if any(word in line for word in _ON_COMPUTE))


_ON_COMPUTE = (" not in the RL FLOPs", " not in the count", " rows, ", "too high by that factor")


def origin_of(history: History) -> Origin | None:
    """The origin of a run; None for one that was recorded, or whose files don't tell."""
    named = [(schema.FileName.of(file.name), file.name) for file in history.files]
    ours = [((name.session, name.number), file) for name, file in named if name is not None]
    if not ours:
        return None
    try:
        head = _head(Path(history.logdir) / min(ours)[1])
    except OSError:
        return None
    if schema.IMPORTED_FROM.encode() not in head:
        return None
    for record in tfrecord.scan(head):
        if isinstance(record, tfrecord.Record) and (config := _config(record.payload)):
            return Origin(
                str(config.get(schema.IMPORTED_FROM, "")),
                str(config.get("kind", "")),
                tuple(str(config.get(schema.IMPORT_ACCOUNT, "")).splitlines()),
                config.get(schema.IMPORT_SAMPLED) is True,
            )
    return None


def _head(file: Path) -> bytes:
    with opened(file) as descriptor:
        return read_at(descriptor, 0, min(os.fstat(descriptor).st_size, _HEAD_BYTES))


def _config(payload: bytes) -> dict[str, Any]:
    """The configuration that a record holds; empty for any other record, and for any other run."""
    if schema.IMPORTED_FROM.encode() not in payload:
        return {}
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        for value in Event.FromString(payload).summary.value:
            data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
            told = data.session_start_info.hparams
            if schema.IMPORTED_FROM in told:
                return {name: _plain(field) for name, field in told.items()}
    except DecodeError:
        pass
    return {}


def _plain(field: Any) -> Any:
    kind = field.WhichOneof("kind")
    return None if kind is None else getattr(field, kind)
