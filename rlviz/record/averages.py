"""The online averages of a run's series, all at once for the steps since the last flush."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlviz.smooth.ema import EMA, EXACT, EMAState, ema


class OnlineAverages:
    """Debiased exponential moving averages of any number of series, by name.

    A series that is met later starts then. Wherever the steps are cut into calls, the averages are
    the same to the last bit, so that a resumed run repeats the table of an uninterrupted one.

    Args:
        weight: memory per point, in [0, 1).
        always: the series that every run has.
    """

    def __init__(self, weight: float, always: Sequence[str]) -> None:
        self._weight = weight
        self._always = always
        self._states: dict[str, EMAState] = {name: EMA().state_dict() for name in always}

    def update(self, steps: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
        """Take in the values of some steps, NaN or absent for a gap.

        Returns:
            For each step the averages of all series known so far; NaN in a gap.
        """
        for name in dict.fromkeys(name for step in steps for name in step):
            self._states.setdefault(name, EMA().state_dict())
        names = list(self._states)
        averages: list[dict[str, float]] = []
        at_once = max(1, EXACT // max(1, len(names)))
        for first in range(0, len(steps), at_once):
            part = steps[first : first + at_once]
            values = np.array([[step.get(name, np.nan) for step in part] for name in names], float)
            columns = self._smooth(names, values).T.tolist()
            averages += [dict(zip(names, column, strict=True)) for column in columns]
        return averages

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
        """Go on from where `state_dict` was taken; all of it or, with an error, nothing."""
        loaded: dict[str, EMAState] = {}
        for name in (*self._always, *states):
            average = EMA()
            average.load_state_dict(states[name])
            loaded[str(name)] = average.state_dict()
        self._states = loaded
