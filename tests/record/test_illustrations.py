"""Which figures a run asks for, what of them reaches the file, and the last one."""

import struct
import time
from collections import deque

import pytest

from rlviz import schema
from rlviz.record.account import Account
from rlviz.record.assembly import Assembly
from rlviz.record.figure_client import Illustration
from rlviz.record.illustrations import Illustrations
from rlviz.record.late import LateSums
from rlviz.record.ranks import FirstRank
from rlviz.record.rows import RowBuilder


class Client:
    """Draws at once what was asked for, or fails to."""

    def __init__(self, account, *, fails=False):
        self.account, self.fails = account, fails
        self.is_due, self.busy = True, False
        self.asked = []

    def due(self):
        return self.is_due and not self.busy

    def request(self):
        self.busy = True
        self.asked.append(self.account.passed.written)

    def take(self, timeout=0.0):
        if not self.busy:
            return None
        self.busy = False
        png = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR" + struct.pack(">II", 1, 1)
        return None if self.fails else Illustration(png, "text", self.asked[-1])


class Run:
    """A run whose steps are written as they come."""

    def __init__(self, **options):
        self.items, self.account, self.errors = deque(), Account(), []
        builder = RowBuilder(ema_weight=0.5, on_error=pytest.fail)
        late = LateSums()
        ranks = FirstRank(None, pytest.fail, late)
        self.assembly = Assembly(self.items, builder, ranks, self.account, late)
        self.client = Client(self.account, **options)
        self.illustrations = Illustrations(
            self.client, self.assembly, self.account, on_error=self.errors.append
        )

    def write(self, step):
        self.items.append((step, 100.0, None))
        self.account.logged += 1
        self.account.entered += 1
        self.assembly.build()
        self.assembly.take(10**6, extras_alone=False)
        self.assembly.settle(written=True)

    def draw_last(self, seconds=5.0):
        return self.illustrations.draw_last(time.monotonic() + seconds)

    def told(self):
        """The tags and steps of what waits for the file."""
        _, extras = self.assembly.take(10**6, extras_alone=True)
        self.assembly.settle(written=True)
        return [(value.tag, event.step) for event in extras for value in event.summary.value]


def figure_of(step):
    return [(schema.FIGURE_TAG, step), (schema.SUMMARY_TAG, step)]


def test_a_figure_is_asked_for_when_it_is_due_and_steps_were_written_since_the_last():
    run = Run()
    run.illustrations.look()
    assert run.client.asked == []
    run.client.is_due = False
    run.write(1)
    run.illustrations.look()
    assert run.client.asked == []
    run.client.is_due = True
    for _ in range(3):
        run.illustrations.look()
    assert run.client.asked == [1]
    assert run.told() == figure_of(1)


def test_the_last_figure_shows_all_steps():
    run = Run()
    run.write(1)
    run.illustrations.look()
    run.write(2)
    assert not run.illustrations.is_drawing_last
    assert run.draw_last()
    assert run.illustrations.is_drawing_last
    assert run.client.asked == [1, 2]
    assert run.told() == figure_of(2)  # it replaced the one that was under way


def test_a_figure_that_shows_all_steps_is_the_last_one():
    run = Run()
    run.write(1)
    run.illustrations.look()
    assert run.draw_last()
    assert run.client.asked == [1]
    assert run.told() == figure_of(1)


def test_a_last_figure_that_is_not_ready_in_time_is_named_and_one_that_fails_was():
    run = Run()
    run.write(1)
    run.client.take = lambda timeout=0.0: None
    assert not run.draw_last()
    (error,) = run.errors
    assert "rlviz plot" in str(error)
    failed = Run(fails=True)
    failed.write(1)
    assert not failed.draw_last()
    assert failed.errors == failed.told() == []
