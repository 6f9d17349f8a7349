"""Training accuracy: correct answers over graded answers, as two sums that merge."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Correct answers over graded answers; the ratio is taken last, so sums merge exactly.

    Over time, ranks and micro-batches, all sums add up (`merge`).

    Args:
        correct: sum of the graded answers' scores, in [0, graded]; an integer for 0/1 answers.
        graded: how many answers were graded, >= 0.
        ungraded: how many answers were not graded (NaN), >= 0; they never enter the ratio.
        uncounted: how many means came without the number of their answers, >= 0. Each counts as
            one answer in `graded`, so that the ratio is their mean; there is no interval.

    Raises:
        ValueError: a sum is negative, not finite, or `correct` exceeds `graded`.

    Example:
        >>> merged = Accuracy(correct=1, graded=2).merge(Accuracy(correct=90, graded=100))
        >>> round(merged.value, 3)  # not 0.70, the mean of the two rates
        0.892
    """

    correct: float
    graded: float
    ungraded: int = 0
    uncounted: int = 0

    def __post_init__(self) -> None:
        # Written so that NaN fails too: every comparison with NaN is False.
        if not 0 <= self.graded < math.inf:
            raise ValueError(
                f"graded must be a finite count of answers >= 0, got {self.graded!r}. "
                "Count the answers that got a grade; put the others into `ungraded`."
            )
        if not 0 <= self.correct <= self.graded:
            raise ValueError(
                f"correct must be in [0, graded], got correct={self.correct!r} with "
                f"graded={self.graded!r}. Give sums over the same answers, not rates."
            )
        for name in ("ungraded", "uncounted"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a count >= 0, got {getattr(self, name)!r}.")

    @classmethod
    def from_answers(cls, answers: ArrayLike) -> Accuracy:
        """Count answers: bool or 0/1 values, NaN for ungraded.

        Args:
            answers: a scalar, sequence or array of any shape; bool, integer or float values, each
                0, 1 or NaN.

        Raises:
            ValueError: a value is something else (a reward such as 0.5, None, a string), or the
                nested lists have unequal lengths.

        Example:
            >>> Accuracy.from_answers([True, 0, 1, float("nan")])
            Accuracy(correct=2, graded=3, ungraded=1, uncounted=0)
        """
        values = _as_array(answers)
        correct = int(np.count_nonzero(values == 1))
        wrong = int(np.count_nonzero(values == 0))
        ungraded = int(np.count_nonzero(values != values))  # only NaN differs from itself
        if correct + wrong + ungraded != values.size:
            raise ValueError(_not_an_answer(values))
        return cls(correct, correct + wrong, ungraded)

    @classmethod
    def from_rate(cls, accuracy: float, graded: float | None = None) -> Accuracy:
        """Turn a mean over `graded` answers back into sums.

        Args:
            accuracy: mean over the graded answers, in [0, 1]; NaN means that none was graded, and
                counts `graded` answers as ungraded.
            graded: how many answers the mean is over, >= 0; None if that is unknown.

        Raises:
            TypeError: either is not a number.
            ValueError: `accuracy` is outside [0, 1] (a percentage?), or `graded` is negative.

        Example:
            >>> Accuracy.from_rate(0.25, graded=8)
            Accuracy(correct=2.0, graded=8, ungraded=0, uncounted=0)
        """
        uncounted = int(graded is None)
        graded = 1 if graded is None else graded
        if not isinstance(accuracy, numbers.Real) or not isinstance(graded, numbers.Real):
            raise TypeError(
                f"accuracy and graded must be numbers, got {accuracy!r:.80} and {graded!r:.80}. "
                "For single answers use correct=..., or from_answers()."
            )
        if not 0 <= graded < math.inf:
            raise ValueError(
                f"graded must be a finite count of answers >= 0, got {graded!r}. "
                "Give the number of answers that `accuracy` is the mean of."
            )
        if math.isnan(accuracy):
            return cls(0.0, 0, math.ceil(graded))
        if not 0 <= accuracy <= 1:
            raise ValueError(
                f"accuracy must be in [0, 1] or NaN, got {accuracy!r}. "
                "Divide a percentage by 100; for rewards, say first which of them count as correct "
                "(for example rewards > 0.5) and pass that as `correct`."
            )
        return cls(accuracy * graded, graded, uncounted=uncounted)

    def merge(self, other: Accuracy) -> Accuracy:
        """Add the sums of two disjoint sets of answers (micro-batches, ranks, restarts)."""
        return Accuracy(
            self.correct + other.correct,
            self.graded + other.graded,
            self.ungraded + other.ungraded,
            self.uncounted + other.uncounted,
        )

    @property
    def value(self) -> float:
        """correct / graded, in [0, 1]; NaN when nothing was graded."""
        return self.correct / self.graded if self.graded else math.nan

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Wilson score interval of the rate: `(low, high)`, both in [0, 1].

        (NaN, NaN) when nothing was graded, or when the number of answers is unknown. Source: E. B.
        Wilson, Probable inference, the law of succession, and statistical inference, JASA 22
        (1927).

        Raises:
            ValueError: `confidence` is not in (0, 1).

        Example:
            >>> low, high = Accuracy(8, 10).interval()
            >>> round(low, 4), round(high, 4)
            (0.4902, 0.9433)
        """
        if not 0 < confidence < 1:
            raise ValueError(
                f"confidence must be in (0, 1), got {confidence!r}. For 95 % pass 0.95."
            )
        if self.uncounted:
            return math.nan, math.nan
        low, high = wilson_interval(np.float64(self.correct), np.float64(self.graded), confidence)
        return float(low), float(high)


def wilson_interval(
    correct: NDArray[np.float64] | np.float64,
    graded: NDArray[np.float64] | np.float64,
    confidence: float = 0.95,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`Accuracy.interval` of many sums at once: `(low, high)`, in the shape of the arguments."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing graded: NaN
        n, p = graded, correct / graded
        center = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # At p = 0 and p = 1 an end is 0 or 1 exactly; rounding would leave it an ulp outside.
    low = np.where(p == 0, 0.0, np.maximum(center - half, 0.0))
    high = np.where(p == 1, 1.0, np.minimum(center + half, 1.0))
    return low, high


def _as_array(answers: ArrayLike) -> NDArray[np.generic]:
    try:
        values: NDArray[np.generic] = np.asarray(answers)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"answers must be an array of 0, 1 or NaN, got {type(answers).__name__} that numpy "
            f"cannot read as one ({error}). Flatten ragged lists, and move tensors to the CPU."
        ) from error
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"answers must be bool, 0/1 or NaN, got {type(answers).__name__} with values of dtype "
            f"{values.dtype}. Write float('nan') for an answer that was not graded."
        )
    return values


def _not_an_answer(values: NDArray[np.generic]) -> str:
    ok = (values == 0) | (values == 1) | (values != values)
    bad = values[~ok].ravel()[0].item() if values.ndim else values.item()
    return (
        f"answers must be 0, 1 or NaN, got {bad!r}. For rewards, say which of them count as "
        "correct, for example correct=rewards > 0.5."
    )
