"""Any thread may record and close steps, also where it interrupts itself."""

import threading
import time

import pytest

import rlviz

THREADS = 64


def assert_adds_up(health):
    assert health.logged == health.written + health.dropped + health.queued
    assert min(health.written, health.dropped, health.queued) >= 0


@pytest.mark.parametrize("each", [50, pytest.param(2000, marks=pytest.mark.soak)])
def test_64_threads_record_and_close_steps_and_every_one_is_there_once(tmp_path, ran, each):
    step_of = iter(range(1, THREADS * each + 1))  # `next` is atomic
    ready = threading.Barrier(THREADS)

    def work():
        ready.wait()
        for _ in range(each):
            viz.record(correct=[1, 0, 1], flops={"update": 10**20 + 1})
            viz.on_step_end(next(step_of), parallelism=[2.0])
            while viz.health.queued > 10_000:  # what the queue can't hold is not this test's matter
                time.sleep(0.01)

    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.01)
    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        health = viz.health
        assert_adds_up(health)
        seen.append(health)
        time.sleep(0.001)
    viz.on_step_end(THREADS * each + 1)  # so that no record is left open
    assert viz.flush(60)
    assert viz.close(60)
    health = viz.health
    assert_adds_up(health)
    assert (health.logged, health.written) == (THREADS * each + 1,) * 2
    for name in ("logged", "written", "dropped"):
        counts = [getattr(health, name) for health in seen]
        assert counts == sorted(counts)
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, THREADS * each + 2))
    assert run.columns["graded"].sum() == THREADS * each * 3
    assert run.columns["correct"].sum() == THREADS * each * 2
    assert run.columns["parallelism_count"].sum() == THREADS * each
    assert max(run.exact_flops()) == THREADS * each * (10**20 + 1)
    ran(steps_of_64_threads=THREADS * each)


# The alarm comes every half millisecond, wherever the main thread stands.
SIGNALS = """
    import faulthandler, json, signal, sys, time
    logdir, seconds, what = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    faulthandler.dump_traceback_later(seconds + 60, exit=True)
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.01)
    numbers = iter(range(1, 10**9))
    storms = records = 0
    inside = False

    def record():
        global records
        viz.record(flops={"update": 3}, correct=[1], metrics={"loss": 0.5})
        records += 1
        viz.on_step_end(next(numbers))

    def in_handler(number, frame):
        global inside, storms
        storms += 1
        record()
        if what == "save" and storms % 20 == 0 and not inside:
            inside = True
            viz.state_dict()
            viz.flush(1)
            inside = False
        health = viz.health
        assert health.logged == health.written + health.dropped + health.queued

    signal.signal(signal.SIGALRM, in_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.0005)
    until = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < until:
        rounds += 1
        for _ in range(20):
            record()
        viz.state_dict()
        viz.flush(5)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert viz.close(30)
    health = viz.health
    assert health.logged == health.written == next(numbers) - 1, health
    print(json.dumps([storms, rounds, records, health.logged]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.5, pytest.param(15, marks=pytest.mark.soak)])
@pytest.mark.parametrize("what", ["record", "save"])
def test_a_signal_handler_may_do_it_wherever_it_interrupts_the_loop(
    children, tmp_path, assert_counts_of_records, ran, seconds, what
):
    """`record` is P10; saving a checkpoint is what a handler of preemption does."""
    child = children(SIGNALS, tmp_path, seconds, what)
    assert child.wait(seconds + 120) == 0, child.output
    assert_counts_of_records(tmp_path, child.output, at_least=seconds * 100)
    ran(signals=int(child.output.strip("[]\n").split(",")[0]))


# The collector runs at every hundredth allocation of a container, so also inside `record`, and
# finds objects that record when they go.
FINALIZERS = """
    import faulthandler, gc, json, sys, time
    logdir, seconds = sys.argv[1], float(sys.argv[2])
    faulthandler.dump_traceback_later(seconds + 60, exit=True)
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.01)
    numbers = iter(range(1, 10**9))
    finalized = records = 0

    def record():
        global records
        viz.record(flops={"update": 3}, correct=[1], metrics={"loss": 0.5})
        records += 1
        viz.on_step_end(next(numbers))

    class Episode:
        def __init__(self):
            self.itself = self  # only the collector finds it
        def __del__(self):
            global finalized
            finalized += 1
            record()

    gc.set_threshold(100, 5, 5)
    until = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < until:
        rounds += 1
        for _ in range(20):
            Episode()
            record()
        if rounds % 10 == 0:
            viz.state_dict()
            viz.flush(5)
        time.sleep(0.002)
    gc.set_threshold(0)
    gc.collect()
    assert viz.close(30)
    health = viz.health
    assert health.logged == health.written == next(numbers) - 1, health
    print(json.dumps([finalized, rounds, records, health.logged]))
"""


@pytest.mark.parametrize("seconds", [1, pytest.param(15, marks=pytest.mark.soak)])
def test_a_finalizer_may_record_wherever_the_collector_runs_it(
    children, tmp_path, assert_counts_of_records, ran, seconds
):
    child = children(FINALIZERS, tmp_path, seconds)
    assert child.wait(seconds + 120) == 0, child.output
    assert_counts_of_records(tmp_path, child.output, at_least=seconds * 100)
    ran(finalizers=int(child.output.strip("[]\n").split(",")[0]))


@pytest.fixture
def assert_counts_of_records():
    """Checks that the run holds all that the script says it recorded, and that it was enough."""

    def check(logdir, output, *, at_least):
        interruptions, rounds, records, logged = map(int, output.strip("[]\n").split(","))
        assert interruptions >= at_least
        assert rounds > 0
        run = rlviz.read(logdir)
        assert list(run.step) == list(range(1, logged + 1))
        assert max(run.exact_flops("update")) == 3 * records
        assert run.columns["correct"].sum() == run.columns["graded"].sum() == records
        assert run.damage == ()

    return check
