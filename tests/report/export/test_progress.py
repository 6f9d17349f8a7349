"""The bar: only for somebody who looks, and only where it takes a while."""

import io
import os
import pty
from contextlib import suppress

import pytest

from rlviz.report.export.progress import bar


@pytest.fixture
def terminal():
    """A terminal of its own, and what was printed there so far."""
    ours, theirs = pty.openpty()
    stream = open(theirs, "w", encoding="utf-8")  # noqa: SIM115

    def printed():
        stream.flush()
        os.set_blocking(ours, False)
        found = b""
        with suppress(BlockingIOError):
            while more := os.read(ours, 1 << 16):
                found += more
        return found.decode()

    yield stream, printed
    stream.close()
    os.close(ours)


def test_a_terminal_gets_a_bar_after_a_second_and_a_clean_line_at_the_end(terminal):
    stream, printed = terminal
    now = 0.0
    with bar("table.csv [1]", stream=stream, clock=lambda: now) as progress:
        for second in (0.5, 0.9):
            now = second
            progress(10, 100)
            assert printed() == ""
        now = 1.1
        progress(50, 100)
        progress(60, 100)
        shown = printed()
        assert "table.csv [1]" in shown
    assert "60%" in shown + printed()


def test_what_ends_in_its_first_second_shows_nothing(terminal):
    stream, printed = terminal
    now = 0.0
    with bar("x", stream=stream, clock=lambda: now) as progress:
        progress(10, 100)
        now = 5.0
        progress(100, 100)
    assert printed() == ""


def test_what_is_no_terminal_gets_nothing():
    stream = io.StringIO()
    now = 0.0
    with bar("x", stream=stream, clock=lambda: now) as progress:
        now = 60.0
        progress(50, 100)
    assert stream.getvalue() == ""


def test_a_bar_goes_away_when_the_work_fails(terminal):
    stream, printed = terminal

    def work():
        with bar("x", stream=stream, after_seconds=0) as progress:
            progress(50, 100)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        work()
    assert printed().count("\x1b[?25") == 2  # the cursor was hidden, and is back
