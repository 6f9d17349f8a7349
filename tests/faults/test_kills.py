"""Killed with SIGKILL at any time, a run loses at most a second of steps and garbles nothing."""

import time

import pytest

AT_ONCE = 8

TRAINING = """
    import sys, time
    logdir, logbook, pace = sys.argv[1], sys.argv[2], float(sys.argv[3])
    viz = rlviz.Callback(logdir, figure_seconds=None)
    book = Logbook(logbook)
    for step in range(1, 100_000):
        book.note(step)
        log_step(viz, step)
        time.sleep(pace)
"""


@pytest.mark.parametrize("pace", [0.001, 0.1], ids=["1 ms", "100 ms"])
@pytest.mark.parametrize(
    "kills", [4, pytest.param(120, marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
)
def test_a_killed_run_loses_a_second_of_steps_at_most_and_the_rows_that_are_left_are_exact(
    children, tmp_path, when_logged, seconds_lost, stalled, rng, ran, noted, kills, pace
):
    worst = 0.0
    done = 0
    while done < kills:
        group = range(done, min(done + AT_ONCE, kills))
        runs = {
            n: children(TRAINING, tmp_path / str(n), tmp_path / f"{n}.log", pace) for n in group
        }
        for n, child in runs.items():
            child.wait_for(lambda n=n: len(when_logged(tmp_path / f"{n}.log")))
        began = time.monotonic()
        for due, n in sorted((rng.uniform(0, 3.5), n) for n in group):
            time.sleep(max(0.0, began + due - time.monotonic()))
            died = runs[n].kill()
            assert runs[n].wait() == -9
            # Half a second for a busy machine, and what it visibly took from the loop itself.
            allowed = 1.0 + 0.5 + stalled(tmp_path / f"{n}.log", died, pace)
            lost = seconds_lost(tmp_path / str(n), tmp_path / f"{n}.log", died)
            assert lost <= allowed, f"killed {due:.3f} s after the first step"
            worst = max(worst, lost)
            done += 1
    assert done == kills
    ran(kills=done)
    noted(f"kills at {1000 * pace:g} ms steps: at most {worst:.2f} s of steps lost")
