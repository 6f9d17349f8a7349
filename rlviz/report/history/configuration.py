"""The configuration that a run was given, as its files hold it for TensorBoard's HParams tab."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlviz import schema, tfrecord
from rlviz.report.history.event_bytes import opened, read_at
from rlviz.report.history.history import History

_HEAD_BYTES = 1 << 18
"""How much of a file is read: the configuration is in its first records."""
_TAG = b"session_start_info"


def configuration(history: History) -> dict[str, Any]:
    """The settings of a run, those of nested mappings as `outer.inner`; {} where it has none, or
    its files can't be read.

    Numbers are floats: TensorBoard's format has no others.
    """
    named = [(schema.FileName.of(file.name), file.name) for file in history.files]
    ours = [((name.session, name.number), file) for name, file in named if name is not None]
    if not ours:
        return {}
    try:
        head = _head(Path(history.logdir) / min(ours)[1])
    except OSError:
        return {}
    for record in tfrecord.scan(head, holding=_TAG):
        if isinstance(record, tfrecord.Record) and (found := _in_event(record.payload)):
            return found
    return {}


def settings_in(content: bytes) -> dict[str, Any]:
    """The same, out of the plugin's content in a summary's metadata; {} if it holds none."""
    from google.protobuf.message import DecodeError
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        data = HParamsPluginData.FromString(content)
    except DecodeError:
        return {}
    return {name: _plain(field) for name, field in data.session_start_info.hparams.items()}


def texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings as short texts, alike only where they are equal; without those of no value and
    those longer than 100 characters.

    >>> texts({"lr": 5e-05, "seed": 3.0, "resume": True, "note": "x" * 101})
    {'lr': '5e-05', 'seed': '3', 'resume': 'true'}
    """
    found = {name: _text(value) for name, value in settings.items() if value is not None}
    return {name: text for name, text in found.items() if len(text) <= _LONGEST}


_LONGEST = 100


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def _head(file: Path) -> bytes:
    with opened(file) as descriptor:
        return read_at(descriptor, 0, min(os.fstat(descriptor).st_size, _HEAD_BYTES))


def _in_event(payload: bytes) -> dict[str, Any]:
    """The configuration that a record holds; {} for any other record."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        values = Event.FromString(payload).summary.value
    except DecodeError:
        return {}
    for value in values:
        if value.tag.encode().endswith(_TAG) and (
            found := settings_in(value.metadata.plugin_data.content)
        ):
            return found
    return {}


def _plain(field: Any) -> Any:
    kind = field.WhichOneof("kind")
    return None if kind is None else getattr(field, kind)
