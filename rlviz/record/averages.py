"""The online averages of a run's series, computed at once for all steps since the last flush."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.ema import EMA, EXACT, EMAState, ema

Floats = NDArray[np.float64]


class OnlineAverages:
    """Debiased exponential moving averages of any number of series, by name.

    A series starts when it is first seen. The averages are bit-identical however the steps are cut
    into calls, so a resumed run repeats the table of an uninterrupted one.

    Args:
        weight: memory per point, in [0, 1).
        always: the series that every run has.
    """

    def __init__(self, weight: float, always: Sequence[str]) -> None:
        self._weight = weight
        self._always = always
        self._states: dict[str, EMAState] = {name: EMA().state_dict() for name in always}

    def update(self, series: Mapping[str, Floats], steps: int) -> dict[str, Floats]:
        """Add the values of some steps, each (steps,), NaN for a gap.

        Returns:
            The averages of all series known so far, each (steps,); NaN in a gap.
        """
        for name in series:
            self._states.setdefault(name, EMA().state_dict())
        names = list(self._states)
        gap = np.full(steps, np.nan)
        values = np.array([series.get(name, gap) for name in names])
        at_once = max(1, EXACT // max(1, len(names)))
        parts = [
            self._smooth(names, np.ascontiguousarray(values[:, first : first + at_once]))
            for first in range(0, steps, at_once)
        ]
        return dict(zip(names, np.concatenate(parts, axis=1), strict=True))

    def latest(self, series: Mapping[str, Floats]) -> dict[str, Floats]:
        """The averages as they stand, for one step that they have already, each (1,).

        Args:
            series: the values of that step, each (1,); where one is a gap, so is the average.
        """
        gap = np.full(1, np.nan)
        with np.errstate(invalid="ignore"):
            return {
                name: np.where(
                    np.isnan(series.get(name, gap)),
                    np.nan,
                    np.divide([state["num"]], [state["den"]]),
                )
                for name, state in self._states.items()
            }

    def _smooth(self, names: list[str], values: Any) -> Any:
        before = list(self._states.values())
        state: EMAState = {
            "num": np.array([state["num"] for state in before]),
            "den": np.array([state["den"] for state in before]),
            "x": None,
        }
        smoothed, after = ema(values, weight=self._weight, state=state)
        for name, num, den in zip(names, after["num"], after["den"], strict=True):
            self._states[name] = {"num": float(num), "den": float(den), "x": None}
        return smoothed

    def state_dict(self) -> dict[str, EMAState]:
        """What each series remembers, in plain numbers."""
        return {name: {**state} for name, state in self._states.items()}

    def load_state_dict(self, states: Mapping[str, EMAState]) -> None:
        """Continue from where `state_dict` was taken; on an error nothing is loaded."""
        loaded: dict[str, EMAState] = {}
        for name in (*self._always, *states):
            average = EMA()
            average.load_state_dict(states[name])
            loaded[str(name)] = average.state_dict()
        self._states = loaded
