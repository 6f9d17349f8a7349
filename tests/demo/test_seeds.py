"""What the demo promises, over its first three seeds: the whole runs. Takes about five minutes."""

import numpy as np
import pytest

import rlviz
from rlviz.demo.train import train

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_rises_and_parallelism_dips_and_rises_late(seed, tmp_path, capsys):
    train(tmp_path, seed=seed, figure_seconds=None)
    run = rlviz.read(tmp_path)
    compute = (run.flops / run.flops[-1])[4:-4]
    smooth = np.convolve(run.parallelism, np.ones(9) / 9, "valid")
    start, end = run.parallelism[:10].mean(), run.parallelism[-10:].mean()
    lowest = smooth[compute < 0.9].argmin()
    dip, dip_at = smooth[lowest], compute[lowest]
    rise_at = compute[lowest:][np.argmax(smooth[lowest:] > 0.5 * (dip + end))]
    before, after = run.accuracy[:10].mean(), run.accuracy[-10:].mean()
    straight = np.corrcoef(run.flops, run.accuracy)[0, 1] ** 2
    seconds = run.wall_time[-1] - run.wall_time[0]
    with capsys.disabled():
        print(  # noqa: T201 (the figures are what one runs it for)
            f"\nseed {seed}: accuracy {100 * before:.1f} % -> {100 * after:.1f} %, a line explains "
            f"{100 * straight:.0f} %; parallelism {start:.2f} -> {dip:.2f} at {100 * dip_at:.0f} % "
            f"of the compute ({100 * (dip / start - 1):+.1f} %), half risen at "
            f"{100 * rise_at:.0f} %, -> {end:.2f} (x {end / start:.2f}), {seconds:.0f} s"
        )
    assert 0.35 <= before <= 0.40
    assert 0.58 <= after <= 0.69
    assert straight >= 0.9
    assert 8 <= start <= 8.5
    assert dip <= 0.97 * start
    assert rise_at >= 0.6
    assert end >= 1.3 * start
