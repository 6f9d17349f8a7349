"""What the tests of all trackers share: a training that sends itself to one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rlviz


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Records steps into a sink, closes the run and returns its state of before."""

    def run(
        sink: rlviz.sinks.Sink,
        steps: range,
        *,
        state: dict[str, Any] | None = None,
        figure: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        viz = rlviz.Callback(
            tmp_path / "swarm",
            config={"optimizer": {"lr": 1e-5}, "note": "a" * 7000},
            figure_seconds=3600 if figure else None,
            also=[sink],
        )
        if state is not None:
            viz.load_state_dict(state)
        for step in steps:
            viz.on_step_end(
                step,
                correct=np.arange(4) < 1 + step % 3,
                parallelism=[4.0],
                flops={"rollout": 10**20},
                metrics={"kl": float("nan") if step == 2 else 0.25},
                **more,
            )
        viz.close(timeout=100)
        assert viz.health.unsent == 0
        return viz.state_dict()

    return run
