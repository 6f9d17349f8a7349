"""What senders recorded, on its way to the step that it belongs to."""

import time

import pytest

from rlviz.record.arrivals import Arrivals
from rlviz.record.late import LateSums
from rlviz.record.link import Link
from rlviz.record.measurement import measurement
from rlviz.record.receiver import Receiver
from rlviz.record.step_sums import StepSums


def closed(step, *episodes):
    made = StepSums()
    made.step, made.flops, made.episodes = step, {"update": 1}, list(episodes)
    return made


class Run:
    """Arrivals with a real receiver and real senders, at a time that the test sets."""

    def __init__(self):
        self.errors, self.now = [], 0.0
        key = b"k" * 32
        self.receiver = Receiver(
            "127.0.0.1", 0, key, on_error=self.errors.append, wake=lambda: None
        )
        self.receiver.start()
        self.begin()
        self.links = [Link(["127.0.0.1"], self.receiver.port, key) for _ in range(3)]

    def begin(self, **options):
        self.late = LateSums()
        self.arrivals = Arrivals(
            self.receiver,
            self.late,
            patience=5.0,
            on_error=self.errors.append,
            clock=lambda: self.now,
            **options,
        )

    def send(self, place, flops=0, *, sender=0, **others):
        link = self.links[sender]
        link.put(place, measurement({"flops": {"rollout": flops}, **others}))
        assert link.flush(20)

    def ready(self):
        """Steps that are ready once those senders have answered that do."""
        deadline = time.monotonic() + 300
        while not (steps := self.arrivals.ready()) and time.monotonic() < deadline:
            time.sleep(0.005)
        return [(step.step, step.flops.get("rollout")) for step in steps]

    def waiting(self):
        """What went to the late sums."""
        made = StepSums()
        self.late.join(made)
        return made.flops.get("rollout", 0)


@pytest.fixture
def run():
    made = Run()
    yield made
    for link in made.links:
        link.end(0.1)
    made.receiver.close()


def test_sums_of_a_step_join_it_whether_they_come_before_it_closes_or_while_it_waits(run):
    run.send(1, 10)
    run.send(2, 5, sender=1)
    run.arrivals.add([closed(1), closed(2), closed(3)])
    run.send(1, 7)
    run.send(3, 9)
    assert run.ready() == [(1, 17), (2, 5), (3, 9)]
    assert (run.late.count, bool(run.late), run.errors) == (0, False, [])


def test_sums_of_a_step_that_has_passed_are_late_and_those_of_no_step_go_into_the_next(run):
    run.arrivals.add([closed(1)])
    assert run.ready() == [(1, None)]
    run.send(1, 10)
    run.send(None, 3)
    run.send(None, 4)
    run.arrivals.add([closed(5)])
    run.send(None, 8)
    assert run.ready() == [(5, 15)]
    assert (run.waiting(), run.late.count) == (10, 1)
    run.send(7, 2)  # a step that the trainer leaves out
    run.arrivals.add([closed(8)])
    assert run.ready() == [(8, 2)]
    assert run.late.count == 2


def test_an_episode_counts_in_the_step_that_it_is_bound_to_whenever_it_comes(run):
    run.send("early", 1)
    run.send("other", 100)
    run.arrivals.add([closed(1, "early", "meanwhile")])
    run.send("meanwhile", 2)
    assert run.ready() == [(1, 3)]
    run.send("early", 4)  # more of it, after its row
    run.arrivals.add([closed(2, "other")])
    assert run.ready() == [(2, 100)]
    assert (run.waiting(), run.late.count) == (4, 1)


def test_episodes_that_another_rank_bound_are_claimed(run):
    run.send("theirs", 6, seconds={"rollout": 2.0})
    run.send("theirs", 6, sender=1, seconds={"rollout": 3.0})
    run.arrivals.add([closed(1)])
    assert run.ready() == [(1, None)]
    step = closed(1, "theirs", "unknown")
    run.arrivals.claim(step)
    assert (step.flops["rollout"], step.seconds, step.episodes) == (12, {"rollout": 3.0}, [])


def test_seconds_add_up_within_a_sender_and_senders_ran_side_by_side(run):
    for sender, taken in ((0, 1.0), (0, 2.0), (1, 2.5)):
        run.send(1, sender=sender, seconds={"rollout": taken})
    run.arrivals.add([closed(1)])
    deadline = time.monotonic() + 300
    while not (steps := run.arrivals.ready()):
        assert time.monotonic() < deadline
    assert steps[0].seconds == {"rollout": 3.0}


@pytest.mark.slow
def test_a_step_waits_for_a_silent_sender_no_longer_than_patience_and_later_ones_not_at_all(run):
    run.send(1, 1)
    run.send(1, 1, sender=1)
    silent = run.links[1]
    silent._hear = lambda source: (source.recv(4096), time.sleep(0.01))  # it hangs
    run.arrivals.add([closed(1)])
    time.sleep(0.3)
    assert run.arrivals.ready() == []
    run.now = 4.9
    assert run.arrivals.ready() == []
    run.now = 5.0
    assert run.ready() == [(1, 2)]
    (error,) = run.errors
    assert "nothing came from the sender of pid" in str(error)
    run.arrivals.add([closed(2)])
    assert run.ready() == [(2, None)]
    del silent._hear
    run.arrivals.add([closed(3)])
    silent.put(3, measurement({"flops": {"rollout": 9}}))
    deadline = time.monotonic() + 300
    while run.arrivals._silent and time.monotonic() < deadline:
        run.arrivals._awaited(run.receiver.ask())  # it has answered again, so it is waited for
        time.sleep(0.01)
    run.arrivals.add([closed(4)])
    ready = run.ready()
    while ready[-1][0] < 4:  # both steps may come at once
        ready += run.ready()
    assert sum(flops or 0 for _, flops in ready) == 9


def test_at_the_end_what_belongs_to_no_step_is_left_for_the_last_row(run):
    run.arrivals.add([closed(1)])
    assert run.ready() == [(1, None)]
    run.send(None, 1)
    run.send(2, 2)
    run.send("never bound", 4)
    run.arrivals.begin_end()
    deadline = time.monotonic() + 300
    while run.arrivals.waits_at_the_end:
        assert time.monotonic() < deadline
    run.arrivals.end()
    assert (run.waiting(), run.late.count) == (7, 2)


def test_early_sums_beyond_the_limit_go_into_the_next_row_and_none_is_lost(run):
    run.begin(byte_limit=20_000)
    for number in range(40):
        run.send(f"e{number}", 1)
    assert run.arrivals.ready() == []
    assert run.arrivals.nbytes <= 20_000
    run.arrivals.add([closed(1, *[f"e{number}" for number in range(40)])])
    ((_, flops),) = run.ready()
    assert 5 < flops < 20
    assert run.waiting() == 40 - flops
    assert run.arrivals.unbound == 40 - flops


def test_an_episode_that_is_given_up_piece_by_piece_counts_once(run):
    run.begin(byte_limit=20_000)
    for number in range(40):
        run.send(f"e{number}", 1)
        run.send("long", 1)
        run.arrivals.ready()  # its oldest piece has to go, in the end
    run.arrivals.end()
    assert run.waiting() == 80
    assert run.arrivals.unbound == 41


def test_names_of_bound_episodes_are_forgotten_oldest_first_where_they_take_too_much(run):
    run.begin(byte_limit=20_000)
    for step in range(100):
        run.arrivals.add([closed(step, f"e{step}")])
        run.ready()
    assert run.arrivals.nbytes <= 5_000  # a quarter
    run.send("e99", 1)
    run.send("e0", 2)
    run.arrivals.ready()
    assert (run.waiting(), run.late.count) == (1, 1)  # the other one is taken for a new one
    run.arrivals.end()
    assert (run.waiting(), run.arrivals.unbound) == (2, 1)


def test_all_that_waits_is_weighed_and_nothing_once_all_has_passed(run):
    assert run.arrivals.nbytes == 0
    run.send(None, 1)
    run.send(3, 1)
    run.send("e", 1)
    assert run.receiver.nbytes > 2 * 900
    run.arrivals.ready()
    assert run.receiver.nbytes == 0
    assert run.arrivals.nbytes > 3 * 900
    run.arrivals.add([closed(3, "e")])
    assert run.ready() == [(3, 3)]
    assert run.arrivals.nbytes < 400  # the name


@pytest.mark.slow
def test_a_step_is_released_as_fast_with_very_many_that_wait_for_theirs(run):
    run.begin(byte_limit=1_000_000_000)

    def seconds(first):
        times = []
        for step in range(first, first + 50):
            run.arrivals.add([closed(step)])
            (held,) = run.arrivals._held
            began = time.perf_counter()
            run.arrivals._release(held)
            times.append(time.perf_counter() - began)
            run.arrivals._held.clear()
        return sorted(times)[25]

    alone = seconds(0)
    for number in range(50_000):
        run.arrivals._early.add(f"e{number}", 0, StepSums())
        run.arrivals._early.add(1_000_000 - number, 0, StepSums())
    assert seconds(100) < 20 * alone  # it took a thousand times as long
