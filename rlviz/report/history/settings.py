"""The configuration that a script gave its `Callback`, or an import wrote, by a run's files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from rlviz import schema, tfrecord
from rlviz.report.history.event_bytes import opened, read_at
from rlviz.report.history.history import History

Settings: TypeAlias = dict[str, str | float | bool]

_HEAD_BYTES = 1 << 18
"""How much of a file is read: the configuration is in its first records."""
_MARK = b"_hparams_/session_start_info"
"""The tag under which TensorBoard's HParams tab looks for it."""


def settings_of(history: History) -> Settings:
    """Name -> value, nested names joined by dots; empty for a run without a configuration, or whose
    files don't tell. Of a resumed run it is that of the first session."""
    named = [(schema.FileName.of(file.name), file.name) for file in history.files]
    ours = [((name.session, name.number), file) for name, file in named if name is not None]
    if not ours:
        return {}
    try:
        head = _head(Path(history.logdir) / min(ours)[1])
    except OSError:
        return {}
    for record in tfrecord.scan(head):
        if isinstance(record, tfrecord.Record) and _MARK in record.payload:
            return _of_event(record.payload)
    return {}


def _head(file: Path) -> bytes:
    with opened(file) as descriptor:
        return read_at(descriptor, 0, min(os.fstat(descriptor).st_size, _HEAD_BYTES))


def _of_event(payload: bytes) -> Settings:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        values = Event.FromString(payload).summary.value
    except DecodeError:
        return {}
    found: Settings = {}
    for value in values:
        found |= decoded(value.metadata.plugin_data.content)
    return found


def decoded(content: bytes) -> Settings:
    """The settings in what TensorBoard's HParams plugin keeps of a run; empty if it has none."""
    from google.protobuf.message import DecodeError
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        told: Mapping[str, object] = HParamsPluginData.FromString(
            content
        ).session_start_info.hparams
    except DecodeError:
        return {}
    found: Settings = {}
    for name, field in told.items():
        kind = field.WhichOneof("kind")  # type: ignore[attr-defined]  # protobuf has no types here
        if kind in ("string_value", "number_value", "bool_value"):
            found[name] = getattr(field, kind)
    return found
