"""Which of the values that a framework logs can be metrics of a step."""

import math
import numbers
from collections.abc import Mapping
from typing import Any

from rlviz import schema


def scalars(values: Mapping[str, Any], *, prefix: str = "") -> dict[str, float]:
    """The numbers among a framework's values, under names that rlviz leaves free.

    What is no number, or bears a name that rlviz uses itself, is left out: a framework logs what it
    likes, and that must not disturb the training.

    Args:
        values: by name; numbers, NumPy's included, and one-element tensors on the host.
        prefix: put before each name.

    >>> scalars({"loss": 0.5, "note": "warm-up", "kl": None, "accuracy": 1.0, "done": True})
    {'loss': 0.5, 'done': 1.0}
    """
    found = {}
    for name, value in values.items():
        try:
            if math.prod(getattr(value, "shape", ())) == 1 and hasattr(value, "item"):
                value = value.item()
            if isinstance(value, numbers.Real):
                found[schema.check_metric(f"{prefix}{name}")] = float(value)
        except (ValueError, OverflowError):
            continue
    return found
