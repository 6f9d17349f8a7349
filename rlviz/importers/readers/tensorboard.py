"""Reads the scalars of TensorBoard event files, whoever wrote them: torch, TRL, SB3, verl.

Every tag has its own steps, and their unit may differ between the tags of a file.
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rlviz import schema, tfrecord
from rlviz.importers.log import Log, newest
from rlviz.importers.readers import Folder, Reader, Start


def read(files: Sequence[Path], name: str) -> Log:
    """Read the event files of one run, in the given order; the log notes what is damaged.

    Raises:
        ValueError: rlviz wrote them.
    """
    log = Log(name, modified=newest(files), events=True)
    for file in files:
        log.begin(file.name)
        for event in _events(log, file):
            for value in event.summary.value:
                if schema.is_rows_tag(value.tag):
                    raise ValueError(
                        f"{name} is a run that rlviz recorded. It needs no import: "
                        "give it to rlviz.read, `rlviz plot` or `rlviz summary`."
                    )
                number = _scalar(value)
                if number is None:
                    log.texts[value.tag] = log.texts.get(value.tag, 0) + 1
                else:
                    log.add([(value.tag, number)], step=event.step, wall_time=event.wall_time)
    return log


def _events(log: Log, file: Path) -> Iterator[Any]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    for record in tfrecord.scan(file.read_bytes()):
        if isinstance(record, tfrecord.Damage):
            log.damaged(
                f"{record.length} bytes at {record.offset} of {file.name} ({record.reason})"
            )
            continue
        try:
            yield Event.FromString(record.payload)
        except DecodeError:
            log.damaged(f"a record before {record.end} of {file.name} that is no event")


def _scalar(value: Any) -> float | None:
    """The number of a summary value; None for pictures, texts and histograms."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or value.metadata.plugin_data.plugin_name not in ("", "scalars"):
        return None
    if math.prod(dim.size for dim in value.tensor.tensor_shape.dim) != 1:
        return None
    from tensorboard.util import tensor_util  # only newer writers store scalars as tensors

    try:
        return float(tensor_util.make_ndarray(value.tensor).item())
    except (TypeError, ValueError, KeyError):  # a type that no number has
        return None


def _recognises(start: Start) -> bool:
    named = "tfevents" in start.file.name
    return named or start.bytes[8:12] == tfrecord.checksum(start.bytes[:8])


def _in_folder(path: Path) -> list[Path]:
    return sorted(filter(Path.is_file, path.glob("*tfevents*")), key=_age)


def _age(file: Path) -> tuple[list[int], str]:
    """The order of event files: the time in their names, and the number that a writer puts behind
    it, as numbers."""
    return [int(number) for number in re.findall(r"(?<=\.)\d+(?=\.|$)", file.name)], file.name


def _below_folder(path: Path) -> dict[str, list[Path]]:
    below = sorted({file.parent for file in path.glob("*/**/*tfevents*") if file.is_file()})
    return {str(folder.relative_to(path)): _in_folder(folder) for folder in below}


READER = Reader(
    file="a TensorBoard event file",
    log="TensorBoard log",
    missing="no scalar of a TensorBoard event file",
    read=read,
    recognises=_recognises,
    names=("*tfevents*",),
    folder=Folder(holds="TensorBoard event files", files=_in_folder, below=_below_folder),
)
