"""What a comparison holds: rows at equal compute and at equal accuracy, and who leads."""

from dataclasses import dataclass

from rlviz.report.compare.estimate import Estimate


@dataclass(frozen=True, slots=True)
class EqualCompute:
    """What the runs reached with the same compute."""

    flops: float
    values: dict[str, Estimate]
    differences: dict[str, Estimate]
    """The difference between every other run and the reference."""


@dataclass(frozen=True, slots=True)
class EqualAccuracy:
    """What the runs spent to reach the same accuracy."""

    level: float
    flops: dict[str, Estimate | None]
    """None if a run did not surely reach the level, or started there."""
    multipliers: dict[str, Estimate | None]
    """FLOPs of the reference / FLOPs of each other run; above 1, the other run needed less."""
    in_passing: dict[str, int]
    """The runs whose curve was at the level and later surely fell below it again, and how many of
    their seeds did."""


@dataclass(frozen=True, slots=True)
class Lead:
    """The run that is ahead at the end of the compute that all runs spent."""

    name: str
    since_flops: float
    """From this compute on, the interval of its difference from every other run leaves out 0."""
    ahead: dict[str, Estimate]
    """Its difference from every other run at the end."""
