"""How often the claims of a summary are false, and how often true ones are found.

python benchmarks/claims.py [--seeds 200] [--steps 50 200 1000]

Simulates runs of known shape and counts what `rlviz.report.statistics.analyse` claims. The noise is
white, or AR(1) with 0.5 or 0.8; the scenario `parl` has the shape of the figure of the Kimi K2.5
report: a dip of 0.6 at 12 % of the compute, a slow rise, a steep one from 75 % on, and scatter that
grows threefold.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.signal import lfilter

from rlviz.report.statistics import Analysis, analyse

SHAPES = {
    "white": lambda x: 0 * x,
    "line": lambda x: x,
    "step": lambda x: (x > 0.5) * 1.0,
    "parabola": lambda x: x * x,
    "saturating": lambda x: 1 - np.exp(-4 * x),
    "parl": lambda x: np.interp(x, [0, 0.12, 0.30, 0.75, 1], [8.3, 7.7, 8.4, 8.9, 13.7]),
}
SCATTER = [0.0, 0.55, 0.8, 1.0], [0.19, 0.22, 0.32, 0.65]
"""Standard deviation of `parl` along x."""
SCENARIOS = (
    *("white", "white AR.5", "white AR.8", "line", "line AR.5", "step", "step AR.5"),
    *("parabola", "parabola AR.5", "saturating", "saturating AR.5", "random walk"),
    *("parl", "parl AR.5"),
)
CLAIMS = ("trend", "dip", "acceleration", "plateau", "scatter")
TRUE = {
    "trend": ("line", "step", "parabola", "saturating", "parl"),
    "dip": ("parl",),
    "acceleration": ("parl",),
    "plateau": ("step", "parabola", "saturating", "parl"),
    "scatter": ("parl",),
}
"""Shapes of which a claim is true: there the rate is one of detection."""


@dataclass(frozen=True)
class Run:
    """What was claimed of one simulated run."""

    claimed: tuple[bool, ...]
    drift_excluded: bool
    bend: float
    seconds: float


def simulate(name: str, steps: int, seed: int, *, even: bool = True):
    """A run of a scenario -> (x, y)."""
    rng = np.random.default_rng([SCENARIOS.index(name), steps, seed])
    x = np.linspace(0, 1, steps) if even else np.sort(rng.uniform(0, 1, steps))
    kind, _, lasting = name.partition(" AR")
    if kind == "random walk":
        return x, np.cumsum(rng.standard_normal(steps))
    a = float(lasting or 0)
    noise = lfilter([1.0], [1.0, -a], rng.standard_normal(steps + 200))[200:] * np.sqrt(1 - a * a)
    if kind == "parl":
        return x, SHAPES[kind](x) + np.interp(x, *SCATTER) * noise
    return x, SHAPES[kind](x) + (1.0 if kind == "white" else 0.15) * noise


def claims(found: Analysis) -> tuple[bool, ...]:
    return (
        found.direction != 0,
        found.dip is not None,
        found.acceleration is not None,
        found.plateau is not None,
        found.scatter is not None and found.scatter.grows,
    )


def one(name: str, steps: int, seed: int, *, even: bool = True) -> Run:
    x, y = simulate(name, steps, seed, even=even)
    began = time.perf_counter()
    found = analyse(x, y)
    seconds = time.perf_counter() - began
    bend = found.acceleration.at if found.acceleration else np.nan
    return Run(claims(found), found.drift_excluded, bend, seconds)


def rates(name: str, steps: int, runs: list[Run]) -> dict[str, object]:
    """What was claimed of the runs of a scenario, as shares."""
    bends = np.array([run.bend for run in runs])
    bends = bends[np.isfinite(bends)]
    shares = np.mean([run.claimed for run in runs], axis=0).tolist()
    return {
        "scenario": name,
        "steps": steps,
        "claims": dict(zip(CLAIMS, shares, strict=True)),
        "drift not excluded": float(np.mean([not run.drift_excluded for run in runs])),
        "bend within 3 %": float(np.mean(abs(bends - 0.75) <= 0.03)) if len(bends) else None,
        "ms": 1000 * float(np.median([run.seconds for run in runs])),
    }


def is_true(name: str, claim: str) -> bool:
    return name.partition(" AR")[0] in TRUE[claim]


def row(found: dict) -> str:
    name, claims = found["scenario"], found["claims"]
    cells = [f"{100 * claims[c]:11.1f} {'+' if is_true(name, c) else ' '}" for c in CLAIMS]
    near = f"{100 * found['bend within 3 %']:.1f}" if is_true(name, "acceleration") else ""
    return (
        f"{found['steps']:6} {name:16}{''.join(cells)} {100 * found['drift not excluded']:6.1f}"
        f"{near:>18}{found['ms']:6.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--uneven", action="store_true", help="positions drawn at random")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each scenario")
    options = parser.parse_args()
    if not options.json:
        print(
            f"share of {options.seeds} runs of which a thing is claimed, in %; + where it is true"
        )
        print(
            f"{'steps':>6} {'scenario':16}{''.join(f'{name:>13}' for name in CLAIMS)}  drift",
            end="",
        )
        print("   bend within 3 %    ms")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for steps in options.steps:
            for name in SCENARIOS:
                simulated = partial(one, name, steps, even=not options.uneven)
                runs = list(pool.map(simulated, range(options.seeds), chunksize=25))
                found = rates(name, steps, runs)
                print(json.dumps(found) if options.json else row(found), flush=True)


if __name__ == "__main__":
    main()
