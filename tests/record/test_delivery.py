"""One sink: it gets what was written, and whatever it does, nobody waits for it."""

import math
import threading
import time

import numpy as np
import pytest

from rlviz.record.delivery import Delivery
from rlviz.record.rows import ClosedSteps
from rlviz.record.sink import SinkFigure, SinkRun


def closed(*steps, accuracy=0.5):
    """Rows as they were written; the metric `odd` is there at odd steps alone."""
    many = len(steps)
    return ClosedSteps(
        np.array(steps),
        np.array(steps) + 1e9,
        {"accuracy": np.full(many, accuracy)},
        {
            "rlviz/accuracy": (np.full(many, accuracy), np.full(many, True)),
            "rlviz/odd": (np.array(steps, float), np.array(steps) % 2 == 1),
        },
    )


class Kept:
    """A tracker that keeps what it is told; `before` is called first in each of its methods."""

    def __init__(self, before=lambda verb: None):
        self.before, self.told = before, []

    def open(self, run):
        self.before("open")
        self.told.append(run)
        return "its-id"

    def rows(self, rows):
        self.before("rows")
        self.told.append([row.step for row in rows])
        self.last = rows[-1]

    def figure(self, figure):
        self.before("figure")
        self.told.append(figure.step)

    def close(self, success):
        self.before("close")
        self.told.append(success)

    @property
    def steps(self):
        return [step for part in self.told if isinstance(part, list) for step in part]


class Way:
    """A delivery to a sink, and what was said of it."""

    def __init__(self, sink, tmp_path, **options):
        self.sink, self.said, self.failures, self.opened = sink, [], [], []
        self.run = SinkRun(tmp_path, {"lr": 1e-5})
        self.delivery = Delivery(
            "Kept",
            sink,
            self.run,
            say=self.said.append,
            count=self.failures.append,
            opened=lambda: self.opened.append(1),
            **options,
        )

    def close(self, seconds=60.0, success=True):
        self.delivery.begin_close(success=success)
        self.delivery.await_close(seconds)
        return self.delivery.lost


def wait_until(true):
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_sink_is_opened_gets_rows_in_order_and_is_closed(tmp_path):
    way = Way(Kept(), tmp_path)
    way.delivery.offer(closed(1, 2))
    wait_until(lambda: way.delivery.id == "its-id")
    way.delivery.offer(closed(3))
    way.delivery.show(SinkFigure(3, b"png", "text"))
    assert way.close(success=False) == 0
    run, *middle, end = way.sink.told
    assert run == way.run
    assert way.sink.steps == [1, 2, 3]
    assert middle[-1] == 3
    assert end is False
    assert (way.said, way.failures, way.opened) == ([], [], [1])


def test_a_row_has_what_its_step_brought_and_nothing_else(tmp_path):
    way = Way(Kept(), tmp_path)
    way.delivery.offer(closed(1, 2, accuracy=math.nan))
    way.close()
    row = way.sink.last
    assert (row.step, row.wall_time, list(row.values)) == (2, 2 + 1e9, ["rlviz/accuracy"])
    assert math.isnan(row.values["rlviz/accuracy"])
    other = Way(Kept(), tmp_path)
    other.delivery.offer(closed(7))
    other.close()
    assert other.sink.last.values == {"rlviz/accuracy": 0.5, "rlviz/odd": 7.0}


def test_a_run_without_rows_never_opens_its_sink(tmp_path):
    way = Way(Kept(), tmp_path)
    way.delivery.show(SinkFigure(0, b"png", "text"))
    assert way.close() == 0
    assert way.sink.told == []


def test_a_resumed_run_is_opened_by_what_it_is_found_by_and_keeps_that(tmp_path):
    class Silent(Kept):
        def open(self, run):
            super().open(run)

    way = Way(Silent(), tmp_path)
    way.delivery.resume("of-before")
    way.delivery.offer(closed(1))
    way.close()
    assert way.sink.told[0].resumed == "of-before"
    assert way.delivery.id == "of-before"


def test_rows_for_which_a_sink_raises_are_counted_said_once_and_later_rows_come(tmp_path):
    fails = [True]

    def before(verb):
        if verb == "rows" and fails[0]:
            raise ConnectionError("no network")

    way = Way(Kept(before), tmp_path)
    for step in (1, 2, 3):
        way.delivery.offer(closed(step))
    wait_until(lambda: len(way.failures) == 3)
    assert way.delivery.lost == 3
    fails[0] = False
    way.delivery.offer(closed(4, 5))
    assert way.close() == 3
    assert way.sink.steps == [4, 5]
    assert len(way.said) == 1
    assert "Kept failed: ConnectionError: no network (said once; training" in way.said[0]


def test_a_sink_may_use_up_the_list_that_it_gets(tmp_path):
    class Greedy(Kept):
        def rows(self, rows):
            super().rows(list(rows))
            rows.clear()

    way = Way(Greedy(), tmp_path)
    way.delivery.offer(closed(1, 2, 3))
    assert way.close() == 0


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize("verb", ["open", "rows", "close"])
def test_a_failure_without_words_ends_nothing(tmp_path, verb):
    fails = [True]

    def before(called):
        if called == verb and fails[0]:
            fails[0] = False
            raise UnspeakableError

    way = Way(Kept(before), tmp_path, **({"first_pause": 0.01} if verb == "open" else {}))
    way.delivery.offer(closed(1))
    wait_until(lambda: verb == "close" or way.failures)
    way.delivery.offer(closed(2))
    assert way.close() == (verb == "rows")
    assert way.delivery._is_over.is_set()
    assert "UnspeakableError: its message can't be shown" in way.said[0]


@pytest.mark.parametrize("thrown", [RuntimeError("no"), SystemExit(1), KeyboardInterrupt()])
@pytest.mark.parametrize("verb", ["figure", "close"])
def test_whatever_the_figure_or_the_end_throws_costs_no_row(tmp_path, verb, thrown):
    def before(called):
        if called == verb:
            raise thrown

    way = Way(Kept(before), tmp_path)
    way.delivery.offer(closed(1))
    way.delivery.show(SinkFigure(1, b"png", "text"))
    wait_until(lambda: way.sink.steps)
    way.delivery.offer(closed(2))
    assert way.close() == 0
    assert way.sink.steps == [1, 2]
    assert (len(way.said), len(way.failures)) == (1, 1)


def test_a_sink_that_can_not_be_opened_is_tried_again_and_gets_all_rows_then(tmp_path):
    tries = []

    def before(verb):
        if verb == "open":
            tries.append(verb)
            if len(tries) < 4:
                raise ConnectionError("not yet")

    way = Way(Kept(before), tmp_path, first_pause=0.001)
    way.delivery.offer(closed(1))
    wait_until(lambda: way.delivery.id)
    assert way.close() == 0
    assert way.sink.steps == [1]
    assert (len(tries), len(way.said), len(way.opened)) == (4, 1, 1)


def test_a_sink_that_never_opens_is_not_waited_for_at_the_end_and_lacks_all_rows(tmp_path):
    def before(verb):
        raise ConnectionError("never")

    way = Way(Kept(before), tmp_path, first_pause=3600.0)
    way.delivery.offer(closed(1, 2))
    wait_until(lambda: way.failures)
    began = time.monotonic()
    assert way.close(seconds=60) == 2
    assert time.monotonic() - began < 30
    assert way.sink.told == []


def test_a_sink_that_stalls_for_ever_delays_nobody_and_what_it_lacks_is_counted(tmp_path):
    way = Way(Kept(lambda verb: threading.Event().wait()), tmp_path, row_limit=100)
    way.delivery.offer(closed(*range(60)))
    began = time.monotonic()
    for n in range(1, 100):
        way.delivery.offer(closed(*range(60 * n, 60 * n + 60)))
        way.delivery.show(SinkFigure(n, b"png", "text"))
    assert way.delivery.lost == 99 * 60  # the first 60 still wait
    assert len(way.delivery._figures) == 1
    assert time.monotonic() - began < 5
    assert len(way.said) == 1
    assert "is slow or does not answer: 60 steps wait" in way.said[0]
    began = time.monotonic()
    assert way.close(seconds=0.2) == 6000
    assert 0.1 < time.monotonic() - began < 5
    assert "had not taken 6,000 steps when close() ended" in way.said[1]
    way.delivery.await_close(0.0)
    assert len(way.said) == 2
    assert [str(failure) for failure in way.failures] == way.said


def test_a_slow_sink_gets_what_it_was_given_before_the_end(tmp_path):
    way = Way(Kept(lambda verb: time.sleep(0.05)), tmp_path)
    for step in range(1, 6):
        way.delivery.offer(closed(step))
    assert way.close() == 0
    assert way.sink.steps == [1, 2, 3, 4, 5]


def test_what_a_sink_takes_after_the_end_is_not_lost(tmp_path):
    go_on = threading.Event()
    way = Way(Kept(lambda verb: go_on.wait()), tmp_path)
    way.delivery.offer(closed(1, 2))
    assert way.close(seconds=0.01) == 2
    go_on.set()
    wait_until(lambda: True in way.sink.told)
    assert way.delivery.lost == 0


def test_a_sink_that_only_does_not_end_has_all_rows(tmp_path):
    def before(verb):
        if verb == "close":
            threading.Event().wait()

    way = Way(Kept(before), tmp_path)
    way.delivery.offer(closed(1))
    wait_until(lambda: way.sink.steps)
    assert way.close(seconds=0.1) == 0
    assert way.said == ["Kept had not ended its run when close() ended; it has all steps"]


def test_rows_by_bytes_are_bounded_too_but_one_large_piece_is_taken(tmp_path):
    go_on = threading.Event()
    way = Way(Kept(lambda verb: go_on.wait()), tmp_path, byte_limit=10)
    way.delivery.offer(closed(*range(50)))
    way.delivery.offer(closed(51))
    assert way.delivery.lost == 1
    go_on.set()
    assert way.close() == 1
    assert way.sink.steps == list(range(50))


def test_many_rows_come_in_parts(tmp_path):
    way = Way(Kept(), tmp_path)
    way.delivery.offer(closed(*range(1000)))
    assert way.close() == 0
    assert way.sink.steps == list(range(1000))
    assert max(len(part) for part in way.sink.told if isinstance(part, list)) == 256


def test_rows_after_the_end_are_lost(tmp_path):
    way = Way(Kept(), tmp_path)
    way.delivery.offer(closed(1))
    assert way.close() == 0
    way.delivery.offer(closed(2))
    assert way.delivery.lost == 1
