"""The columns of a log that become metrics, under names that rlviz takes."""

from collections.abc import Container
from typing import TypeAlias

from rlviz import schema
from rlviz.importers.clock import Clock
from rlviz.importers.compute import Spent
from rlviz.importers.log import Floats, Indices
from rlviz.importers.timeline import Timeline
from rlviz.importers.wanted import Roles

Metrics: TypeAlias = dict[str, tuple[str, Indices, Floats]]
"""Name -> the column it came from, the index of the steps that have a value, and the values."""


def metrics_of(timeline: Timeline, roles: Roles, times: Clock, spent: Spent) -> Metrics:
    """All numbers of a log that have no other role, means over the rows of a step."""
    found: Metrics = {}
    if spent.tokens is not None and roles.tokens is not None:
        found["tokens"] = (roles.tokens, spent.at, spent.tokens)
    others = [name for name in timeline.placed if name not in roles.columns() | {times.column}]
    for name in ([roles.return_] if roles.return_ in timeline.placed else []) + others:
        called = metric_name("return" if name == roles.return_ else name, found)
        found[called] = (name, *timeline.placed[name].mean(timeline.steps))
    return found


def metric_name(name: str, taken: Container[str] = ()) -> str:
    """The name that a column has as a metric: one that rlviz does not use, and that is free.

    >>> metric_name("actor/kl_loss"), metric_name("accuracy/mean"), metric_name("reward/ema")
    ('actor/kl_loss', 'log/accuracy/mean', 'reward_ema')
    >>> metric_name("return", taken={"return"})
    'return_2'
    """
    name = name.encode(errors="replace").decode().strip()[:240] or "unnamed"
    if name.endswith("/ema"):
        name = f"{name[:-4]}_ema"
    try:
        schema.check_metric(name)
    except ValueError:  # reserved
        name = f"log/{name}"
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return schema.check_metric(free)
