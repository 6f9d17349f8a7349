"""Killed with SIGKILL at any time, a run loses at most a second of steps and garbles nothing."""

import time

import pytest

AT_ONCE = 8
PACES = (0.001, 0.1)

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


@pytest.mark.parametrize(
    "kills",
    [
        4,
        pytest.param(8, marks=pytest.mark.slow),
        pytest.param(240, marks=pytest.mark.soak),
    ],
)
def test_a_killed_run_loses_a_second_of_steps_at_most_and_the_rows_that_are_left_are_exact(
    children, tmp_path, when_logged, seconds_lost, stalled, rng, ran, noted, kills
):
    worst = dict.fromkeys(PACES, 0.0)
    done = 0
    for first in range(0, kills, AT_ONCE):
        runs = {}
        for n in range(first, min(first + AT_ONCE, kills)):
            logdir, pace = tmp_path / str(n), PACES[n % 2]
            runs[logdir] = pace, children(TRAINING, logdir, logdir.with_suffix(".log"), pace)
        for logdir, (_, child) in runs.items():
            logbook = logdir.with_suffix(".log")
            child.wait_for(lambda logbook=logbook: len(when_logged(logbook)))
        began = time.monotonic()
        for due, logdir in sorted((rng.uniform(0, 3.5), logdir) for logdir in runs):
            pace, child = runs[logdir]
            logbook = logdir.with_suffix(".log")
            time.sleep(max(0.0, began + due - time.monotonic()))
            died = child.kill()
            assert child.wait() == -9, child.output
            # Half a second for a busy machine, and what it visibly took from the loop itself.
            allowed = 1.0 + 0.5 + stalled(logbook, died, pace)
            lost = seconds_lost(logdir, logbook, died)
            assert lost <= allowed, f"killed {due:.3f} s after the first step"
            worst[pace] = max(worst[pace], lost)
            done += 1
    assert done == kills
    ran(kills=done)
    for pace, lost in worst.items():
        noted(f"kills at {1000 * pace:g} ms steps: at most {lost:.2f} s of steps lost")
