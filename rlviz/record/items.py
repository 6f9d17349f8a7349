"""What stands in the queue between the threads that record and the writer."""

from typing import TypeAlias

from rlviz.record.measurement import ENTRY_BYTES, PLAIN_BYTES, Measurement, Plain
from rlviz.record.merged import Merged

StepEnd: TypeAlias = tuple[int, float, dict[str, float] | None]
"""Closes a step: its number, the wall time, the last metrics. All measurements queued since the
step end before belong to it."""

Item: TypeAlias = Plain | Measurement | Merged | StepEnd

SPOILED: StepEnd = (-1, 0.0, None)
"""Stands in the queue where a step was dropped: what came since the step before is void."""


def ends_a_step(item: Item) -> bool:
    return isinstance(item, tuple) and len(item) == 3 and item is not SPOILED


def bytes_of(item: Item) -> int:
    """About how many bytes an item takes, as they were counted when it came."""
    if not isinstance(item, tuple):
        return item.nbytes
    metrics = item[-1]
    return 0 if item is SPOILED else PLAIN_BYTES + (ENTRY_BYTES * len(metrics) if metrics else 0)
