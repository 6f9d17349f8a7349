"""Which of the values that a framework logs can be metrics of a step, or its accuracy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from rlviz import schema
from rlviz.record.error_log import logger

_NUMBER = (bool, int, float, np.bool_, np.integer, np.floating)
_ROUNDING = 1e-6
"""A mean in float32 may be a little more than 1."""
_said: set[str] = set()


def scalars(values: Mapping[str, Any], *, under: str = "") -> dict[str, Any]:
    """The numbers and one-element tensors or arrays among some values.

    A name that rlviz itself uses, such as `accuracy/val`, goes under `logged/`: a framework's own
    names must not raise in a training loop.

    Args:
        values: by name.
        under: what goes before each name, such as `"train/"`.

    Example:
        >>> scalars({"loss": 0.5, "accuracy/val": 1, "note": "text", "bins": [1, 2]})
        {'loss': 0.5, 'logged/accuracy/val': 1}
    """
    found = {}
    for key, value in values.items():
        if is_number(value):
            for name in (f"{under}{key}", f"logged/{under}{key}"):
                with suppress(ValueError):
                    found[schema.check_metric(name)] = value
                    break
    return found


def is_number(value: Any) -> bool:
    """Whether `rlviz.Callback.record` takes it for one number; the number itself is not read."""
    if isinstance(value, np.ndarray):
        return value.size == 1 and value.dtype.kind in "biuf"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return bool(
            value.numel() == 1 and value.layout is torch.strided and not value.dtype.is_complex
        )
    return isinstance(value, _NUMBER) and not isinstance(value, np.timedelta64)


def as_accuracy(name: str, value: Any) -> Any:
    """A logged value as `record(accuracy=…)` takes it; None if it is none, said once per name.

    A number on an accelerator passes unread: reading it would wait for the device.

    Args:
        name: the name under which it was logged.
        value: whatever was logged.

    Example:
        >>> as_accuracy("accuracy", 0.25), as_accuracy("accuracy", np.float32(1.0000001))
        (0.25, 1.0)
    """
    if not is_number(value):
        return None
    if hasattr(value, "device") and getattr(value.device, "type", "cpu") != "cpu":
        return value
    number = float(value)
    if number != number or -_ROUNDING <= number <= 1 + _ROUNDING:
        return min(max(number, 0.0), 1.0) if number == number else number
    if name not in _said:
        _said.add(name)
        logger.warning("rlviz: %s is %g, outside [0, 1], so it is no accuracy.", name, number)
    return None
