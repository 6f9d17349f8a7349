"""Which of the values that a framework logs can be metrics of a step, and under which names."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rlviz import schema


def scalars(values: Mapping[str, Any], *, under: str = "") -> dict[str, Any]:
    """The numbers and one-element tensors or arrays among some values.

    A name that rlviz itself uses, such as `accuracy/val`, goes under `logged/`: what a framework
    happens to log must not raise in a training loop.

    Args:
        values: by name.
        under: what goes before each name, such as `"train/"`.

    Example:
        >>> scalars({"loss": 0.5, "accuracy/val": 1, "note": "text", "bins": [1, 2]})
        {'loss': 0.5, 'logged/accuracy/val': 1}
    """
    found = {}
    for key, value in values.items():
        if isinstance(value, numbers.Real) or getattr(value, "shape", None) in ((), (1,)):
            for name in (f"{under}{key}", f"logged/{under}{key}"):
                with suppress(ValueError):
                    found[schema.check_metric(name)] = value
                    break
    return found
