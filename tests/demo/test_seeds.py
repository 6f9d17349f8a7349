"""What the demo promises, over its first five seeds: the whole runs. Takes about six minutes."""

import numpy as np
import pytest

import rlviz
from rlviz.demo.train import train

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_rises_and_parallelism_dips_and_then_rises(seed, tmp_path, capsys):
    train(tmp_path, seed=seed, figure_seconds=None)
    run = rlviz.read(tmp_path)
    smooth = np.convolve(run.parallelism, np.ones(9) / 9, "same")[4:-4]
    start, end = run.parallelism[:10].mean(), run.parallelism[-10:].mean()
    early = smooth[: len(run) // 2]
    dip, at = early.min(), int(run.step[4 + early.argmin()])
    before, after = run.accuracy[:10].mean(), run.accuracy[-10:].mean()
    seconds = run.wall_time[-1] - run.wall_time[0]
    with capsys.disabled():
        print(  # noqa: T201 (the figures are what one runs it for)
            f"\nseed {seed}: accuracy {100 * before:.1f} % -> {100 * after:.1f} %, parallelism "
            f"{start:.2f} -> {dip:.2f} (step {at} of {len(run)}, {100 * (dip / start - 1):+.1f} %) "
            f"-> {end:.2f} (x {end / start:.2f}), {seconds:.0f} s"
        )
    assert 0.30 <= before <= 0.42
    assert after >= 0.60
    assert 7 <= start <= 10
    assert dip <= 0.97 * start
    assert end >= 1.4 * start
