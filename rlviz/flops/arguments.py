"""What stands in the arguments and the outputs of a call: shapes to look a cost up by, and tensors.

Imports torch: only `counting` and the ledger of a watch import this module, when they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import torch

# Kinds of arguments that never change; what any other object holds may.
CONSTANTS = (
    *(type(None), bool, int, float, str, Enum),
    *(torch.dtype, torch.device, torch.layout, torch.memory_format),
)


def shapes(value: Any) -> Any:
    """What the cost of a call may depend on, as a hashable value.

    Raises:
        TypeError: there is an object of unknown kind, whose contents may change.

    Example:
        >>> shapes((torch.zeros(2, 8), 3))
        (<class 'tuple'>, ((torch.Size([2, 8]), False), (<class 'int'>, 3)))
    """
    kind = type(value)
    if isinstance(value, torch.Tensor):
        if value.is_nested:
            raise TypeError("the rows of a nested tensor are not in its shape")
        return value.shape, value.requires_grad
    if isinstance(value, dict):
        parts = tuple([(name, shapes(item)) for name, item in value.items()])
    elif isinstance(value, (tuple, list)):
        parts = tuple([shapes(item) for item in value])
    elif isinstance(value, CONSTANTS):
        return kind, value
    else:
        raise TypeError(f"what a {kind.__name__} holds is not known")
    # A subclass may hold more than its items.
    more = getattr(value, "__dict__", None)
    return (kind, parts, shapes(more)) if more else (kind, parts)


def tensors_in(value: Any, depth: int = 2) -> Iterator[torch.Tensor]:
    """The tensors in a value, also those inside a distribution or a dataclass.

    Args:
        value: a tensor, a container of tensors, or any object.
        depth: how many objects within each other are opened.
    """
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item, depth)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item, depth)
    elif depth and hasattr(value, "__dict__"):
        yield from tensors_in(vars(value), depth - 1)
