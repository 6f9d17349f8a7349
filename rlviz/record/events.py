"""What stands in an event file: rows, scalars, pictures, text and hyperparameters as protos.

The data classes and value types let both of TensorBoard's loaders (the Rust data server and the
Python one) pass every value on unchanged; `tests/record/test_events.py` checks that.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import (
    DATA_CLASS_TENSOR,
    Summary,
    SummaryMetadata,
)
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_STRING
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from rlviz import schema, wording

_HPARAMS_PLUGIN = "hparams"


def file_start(wall_time: float) -> Event:
    """The record that every event file begins with."""
    return Event(wall_time=wall_time, file_version="brain.Event:2")


def session_start(wall_time: float, step: int) -> Event:
    """Tells TensorBoard's Python loader to void what earlier sessions wrote from `step` on."""
    return Event(wall_time=wall_time, step=step, session_log=SessionLog(status=SessionLog.START))


def session_stop(wall_time: float, step: int) -> Event:
    """Says that the script closed its `Callback`; a run without it was killed or still goes on."""
    return Event(wall_time=wall_time, step=step, session_log=SessionLog(status=SessionLog.STOP))


def rows(
    wall_time: float,
    header: schema.RowsHeader,
    layout: int,
    table: NDArray[np.float64],
    *,
    rows_before: int,
) -> Event:
    """A batch of rows, bit-exact.

    The event's step counts rows from `schema.FIRST_ROW_STEP` on; the training step is in the row.
    The event's step must increase strictly, because the Rust loader drops what stands before a step
    that does not. It must stay below every training step, because the Python loader drops what
    stands at or above the step at which a later session starts.
    """
    tensor = TensorProto(
        dtype=DT_DOUBLE, tensor_shape=_shape(*table.shape), tensor_content=table.tobytes()
    )
    value = Summary.Value(
        tag=schema.rows_tag(header.session, layout),
        metadata=_metadata(schema.PLUGIN, header.to_bytes()),
        tensor=tensor,
    )
    step = schema.FIRST_ROW_STEP + rows_before + len(table)
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[value]))


def scalars(
    steps: NDArray[np.int64],
    wall_times: NDArray[np.float64],
    values: Mapping[str, tuple[NDArray[np.float64], NDArray[np.bool_]]],
) -> Iterator[bytes]:
    """One serialized event per step, with the scalars of the step.

    Args:
        steps: (k,), each in [0, 2**53).
        wall_times: (k,), seconds since the epoch.
        values: tag -> values and which steps have one, each (k,). Values beyond float32's range
            become infinities.
    """
    shape = len(values), len(steps)
    with np.errstate(over="ignore"):
        numbers = np.array([v for v, _ in values.values()], "<f4").reshape(shape)
    masks = np.array([mask for _, mask in values.values()], bool).reshape(shape)
    if len(steps) >= _MANY and (masks == masks[:, :1]).all():
        step_bytes = np.searchsorted(_LONGER_FROM, steps, side="right")
        if (step_bytes == step_bytes[0]).all():
            tags = [tag for tag, is_there in zip(values, masks[:, 0], strict=True) if is_there]
            yield from _alike(tags, steps, int(step_bytes[0]), wall_times, numbers[masks[:, 0]])
            return
    columns = list(zip(values, numbers.tolist(), strict=True))
    event, cells, before = Event(), [], None
    for at, (step, wall_time) in enumerate(zip(steps.tolist(), wall_times.tolist(), strict=True)):
        if (brought := masks[:, at].tolist()) != before:
            before, event = brought, Event()  # refilling one that fits takes half the time
            event.summary.SetInParent()
            known = (column for column, is_there in zip(columns, brought, strict=True) if is_there)
            cells = [(event.summary.value.add(tag=tag), column) for tag, column in known]
        event.wall_time, event.step = wall_time, step
        for cell, column in cells:
            cell.simple_value = column[at]
        yield event.SerializeToString()


_MANY = 32
"""So many events that differ in their numbers alone are made at once."""
_LONGER_FROM = np.array([1, *(128**size for size in range(1, 8))])
"""From each of these steps on, a step takes a byte more in its event; 0 takes none."""


def _alike(
    tags: Sequence[str],
    steps: NDArray[np.int64],
    step_bytes: int,
    wall_times: NDArray[np.float64],
    numbers: NDArray[np.float32],
) -> Iterator[bytes]:
    """Copies of one event, with the numbers of each where its own stand.

    Protobuf writes fields in the order of their numbers, the scalar of a value last. The numbers of
    the scalars are (tags, k).
    """
    cells = [Summary.Value(tag=tag, simple_value=0) for tag in tags]
    pattern = Event(wall_time=1, step=int(steps[0]), summary=Summary(value=cells))
    size = pattern.ByteSize()
    table = np.tile(np.frombuffer(pattern.SerializeToString(), np.uint8), (len(steps), 1))
    table[:, 1:9] = _bytes(wall_times.astype("<f8"))
    sevens = steps[:, None] >> 7 * np.arange(step_bytes) & 0x7F
    sevens[:, :-1] |= 0x80  # more bytes of the step follow
    table[:, 10 : 10 + step_bytes] = sevens
    end = size
    for cell, column in zip(reversed(cells), numbers[::-1], strict=True):
        table[:, end - 4 : end] = _bytes(column)
        end -= Summary(value=[cell]).ByteSize()
    content = table.tobytes()
    return (content[at : at + size] for at in range(0, len(content), size))


def _bytes(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """(k,) -> (k, bytes of each)."""
    return numbers[:, None].view(np.uint8)


_FLOAT64_MAX = float(np.finfo(np.float64).max)
_NUMBER = (int, float, np.integer, np.floating)


def figure(wall_time: float, step: int, png: bytes) -> Event:
    """A PNG for the Images tab."""
    width, height = struct.unpack(">II", png[16:24])  # the IHDR chunk comes first (RFC 2083)
    image = Summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
    value = Summary.Value(tag=schema.FIGURE_TAG, image=image)
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[value]))


def is_illustration(event: Event) -> bool:
    """Whether the event holds a figure or its summary; the rows are complete without them."""
    tags = {value.tag for value in event.summary.value}
    return bool(tags & {schema.FIGURE_TAG, schema.SUMMARY_TAG})


def text(wall_time: float, step: int, tag: str, markdown: str) -> Event:
    """Markdown for the Text tab."""
    tensor = TensorProto(
        dtype=DT_STRING, tensor_shape=_shape(1), string_val=[markdown.encode("utf-8", "replace")]
    )
    value = Summary.Value(tag=tag, metadata=_metadata("text", b""), tensor=tensor)
    return Event(wall_time=wall_time, step=step, summary=Summary(value=[value]))


def config(wall_time: float, name: str, settings: Mapping[str, Any]) -> list[Event]:
    """Hyperparameters: for the HParams tab, and as a table for the Text tab.

    They come without the summary of an experiment, which lists names and metrics for the whole tab:
    of several runs TensorBoard takes that of any one, and shows nothing that only others have.
    Without it, the tab has every run's settings and scalars.
    """
    flat = flattened(settings)
    table = "| setting | value |\n|---|---|\n" + "".join(
        f"| {_cell(key)} | {_cell(value)} |\n" for key, value in flat.items()
    )
    start = plugin_data_pb2.SessionStartInfo(group_name=name, start_time_secs=wall_time)
    for key, value in flat.items():
        _set_hparam(start.hparams[key], value)
    return [
        text(wall_time, 0, schema.CONFIG_TAG, table),
        _hparams_event(wall_time, "session_start_info", session_start_info=start),
    ]


def config_end(wall_time: float, *, success: bool) -> Event:
    """Tells the HParams tab how the run ended."""
    status = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=wall_time)
    return _hparams_event(wall_time, "session_end_info", session_end_info=end)


def flattened(settings: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Hyperparameters in one level, nested ones under dotted names; what is no finite number, bool
    or string becomes a string."""
    return dict(_flatten(settings))


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in settings.items():
        name = f"{prefix}{key}" if isinstance(key, str) else f"{prefix}{_text(key)}"
        name = name.encode("utf-8", "replace").decode()
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        elif isinstance(value, (bool, np.bool_)):
            yield name, bool(value)
        elif _is_number(value) and -_FLOAT64_MAX < value < _FLOAT64_MAX:
            yield name, value
        else:
            yield name, _text(value).encode("utf-8", "replace").decode()


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # some tensors can't be printed
        return wording.shown(value)


def _is_number(value: Any) -> bool:
    """Whether the value is a number; NumPy counts its durations among the integers."""
    return isinstance(value, _NUMBER) and not isinstance(value, np.timedelta64)


def _cell(value: object) -> str:
    """Text that can't break out of its table cell."""
    return " ".join(str(value).splitlines()).replace("\\", "\\\\").replace("|", "\\|")


def _set_hparam(field: Any, value: Any) -> None:
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, _NUMBER):
        field.number_value = float(value)
    else:
        field.string_value = value


def _hparams_event(wall_time: float, name: str, **content: Any) -> Event:
    data = plugin_data_pb2.HParamsPluginData(version=0, **content)
    value = Summary.Value(
        tag=f"_hparams_/{name}",
        metadata=_metadata(_HPARAMS_PLUGIN, data.SerializeToString()),
        # The tab reads only the metadata, but the loaders would drop a value without a tensor.
        tensor=TensorProto(dtype=DT_DOUBLE, tensor_shape=_shape(1), double_val=[math.nan]),
    )
    return Event(wall_time=wall_time, summary=Summary(value=[value]))


def _metadata(plugin: str, content: bytes) -> SummaryMetadata:
    return SummaryMetadata(
        plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content),
        data_class=DATA_CLASS_TENSOR,
    )


def _shape(*sizes: int) -> TensorShapeProto:
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])
