"""Pieces of work at once: in order, and with what they raise."""

import os
import threading

import pytest

from rlviz.smooth.threads import side_by_side


def test_few_points_stay_in_the_thread_that_asks():
    asked = threading.current_thread()
    assert side_by_side(lambda _: threading.current_thread(), range(3), points=10) == [asked] * 3


def test_many_points_go_to_all_cores_and_come_back_in_order(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    met = threading.Barrier(2, timeout=300)

    def work(item):
        met.wait()  # only two at once get through
        return item * item

    assert side_by_side(work, [3, 4], points=1 << 30) == [9, 16]


def test_what_a_piece_raises_arrives(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)

    def work(item):
        raise ValueError(item)

    with pytest.raises(ValueError, match="7"):
        side_by_side(work, [7], points=1 << 30)
