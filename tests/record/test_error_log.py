"""What went wrong is counted always, and said once a minute."""

import logging

from rlviz.record.error_log import ErrorLog


def test_it_counts_all_keeps_the_first_and_says_one_a_minute(caplog):
    now = [0.0]
    log = ErrorLog(clock=lambda: now[0])
    first = OSError("disk full")
    for seconds, error in [(0, first), (59, ValueError("b")), (60, ValueError("c"))]:
        now[0] = seconds
        log.note(error)
    assert (log.errors, log.first) == (3, first)
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "rlviz: OSError: disk full",
        "rlviz: ValueError: c",
    ]
    assert "3 such so far" in caplog.records[-1].getMessage()


def test_it_can_be_told_to_say_the_next_one_at_once(caplog):
    log = ErrorLog(clock=lambda: 0.0)
    log.note(OSError("a"))
    log.say_again()
    log.note(OSError("b"))
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
