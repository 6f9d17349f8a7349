"""FLOPs of one run of real code, measured, and counts of FLOPs as exact integers."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """FLOPs of one run, and what they leave out.

    Args:
        flops: of the counted operations, >= 0.
        uncounted: sorted names of operations that may multiply matrices and could not be counted,
            such as `my_kernels::fused_mlp`; empty when `flops` is complete.
    """

    flops: int
    uncounted: tuple[str, ...] = ()


def measure(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Measured:
    """Run a module or function once and count the FLOPs of its matrix products.

    Of a module, that is the forward pass; to count the backward pass too, give a function that runs
    both. The call runs uncompiled (a compiled module stays compiled). Afterwards the random state
    and the module's buffers are put back; gradients that it accumulates stay. Counts of modules are
    cached by the shapes of their inputs.

    Conventions: one multiply-add is two FLOPs, causal masks are not halved, fused attention counts
    two products forward and four backward. What runs in other threads, in kernels launched past
    torch's dispatcher or inside captured CUDA graphs is not seen.

    Args:
        fn: an `nn.Module`, one of its methods, or any callable.
        *args: its arguments; tensors of the real shapes on the real device.
        **kwargs: its keyword arguments.

    Raises:
        TypeError: `fn` cannot be called.

    Example:
        >>> import torch
        >>> layer = torch.nn.Linear(8, 4)
        >>> measure(layer, torch.zeros(2, 8))  # 2 * 2 * 8 * 4
        Measured(flops=128, uncounted=())
        >>> measure(lambda x: layer(x).sum().backward(), torch.zeros(2, 8)).flops  # + weights' grad
        256
    """
    from rlviz.flops import counting  # imports torch

    if not callable(fn):
        raise TypeError(
            f"measure needs a module or function and its arguments, got {type(fn).__name__}. "
            "Write measure(model, batch), not measure(model(batch))."
        )
    result = counting.count(fn, *args, **kwargs)
    return Measured(result.flops, result.uncounted)


def exact(flops: float, name: str = "flops") -> int:
    """A count of FLOPs as a Python int, which holds 1e26 exactly.

    Args:
        flops: a whole number >= 0: an int, a numpy integer, or a float without a fraction.
        name: what the message calls it, for example `flops["rollout"]`.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative, fractional or not finite.

    Example:
        >>> exact(6 * 2.0**40)
        6597069766656
    """
    if isinstance(flops, bool) or not isinstance(flops, numbers.Real):
        raise TypeError(f"{name} must be a whole number >= 0, got {flops!r:.80}.")
    if isinstance(flops, numbers.Rational):  # it may be beyond any float
        is_whole = flops.denominator == 1
    else:
        is_whole = float(flops).is_integer()
    if not is_whole:
        raise ValueError(
            f"{name} must be a whole number >= 0, got {flops!r:.80}. FLOPs are a count; for a rate "
            "multiply by the seconds, and round."
        )
    count = int(flops)
    if count < 0:
        raise ValueError(
            f"{name} must be >= 0, got {flops!r:.80}. Give what this step spent, not a difference."
        )
    return count
