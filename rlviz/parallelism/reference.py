"""Speed-up against a reference run, which is another quantity than work over span."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable

from rlviz.parallelism.sums import ParallelismSums, Summable


def speed_up(run: Iterable[Summable], *, reference: Iterable[Summable]) -> float:
    """How many times shorter the critical path of a run is than that of a reference on the same
    tasks: mean span of the reference over mean span of the run.

    The reference, such as a single agent, does the task in its own way, and with its own work.
    Work over span asks what the run itself would take one after the other: a run that spawns
    sub-agents for nothing has a high average parallelism and no speed-up. "3 to 4.5 times fewer
    critical steps" in the PARL work (arXiv 2602.02276) is this quantity.

    Args:
        run: episodes with a work and a span: `Parallelism`, `CriticalSteps`, `Trace`,
            `RecordedEpisode` or batches of them.
        reference: episodes of the reference on the same tasks, in the same unit. Each side may
            have several episodes of a task, the same number for all.

    Returns:
        The ratio, > 0; NaN where a side has no episodes or no work.

    Raises:
        TypeError: an episode is a number, which has no span.

    Example:
        >>> from rlviz.parallelism import Parallelism
        >>> swarm = [Parallelism(work=23, span=14), Parallelism(work=9, span=6)]
        >>> alone = [Parallelism(work=30, span=30), Parallelism(work=15, span=15)]
        >>> speed_up(swarm, reference=alone)  # (30 + 15)/2 over (14 + 6)/2
        2.25
    """
    ours, theirs = _mean_span("run", run), _mean_span("reference", reference)
    return theirs / ours if ours and theirs else math.nan


def _mean_span(name: str, episodes: Iterable[Summable]) -> float:
    listed = list(episodes)
    number = next((each for each in listed if isinstance(each, numbers.Number)), None)
    if number is not None:
        raise TypeError(
            f"{name} must be episodes with a span, such as critical_steps(stages), got the number "
            f"{number!r}: a ratio says nothing of how long an episode took."
        )
    sums = ParallelismSums.from_episodes(listed)
    count = sums.ratio_count + sums.undefined
    return sums.span / count if count else math.nan
