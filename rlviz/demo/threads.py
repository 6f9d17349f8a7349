"""Parts of a training step that run side by side, on two cores."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")

THREADS = 2
"""How many parts run at a time; with 1, all of them run in the thread that asks."""
# Not torch's own threads: they spin while they wait, and that for every product.
_pool = ThreadPoolExecutor(THREADS)


def side_by_side(work: Callable[..., _Result], *parts: Iterable[object]) -> list[_Result]:
    """What `map` gives, in its order. Modes of torch such as `no_grad` hold for one thread."""
    run = _pool.map if THREADS > 1 else map
    return list(run(work, *parts))
