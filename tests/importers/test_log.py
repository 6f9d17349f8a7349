"""The numbers of a log, column by column, and what can be asked of them."""

import math

import pytest

from rlviz.importers.log import Log, as_number, newest


@pytest.fixture
def log():
    log = Log("the log", modified=1.0)
    log.begin("a.csv")
    log.add([("train/Reward", 0.5), ("note", "text"), ("kl", float("nan"))])
    log.begin("b.csv")
    log.add([("train/Reward", "0.75"), ("tokens", 10), ("timestamp", "2025-05-01T12:00:00Z")])
    return log


def test_numbers_are_kept_by_column_with_their_rows(log):
    assert log.series["train/Reward"].rows().tolist() == [0, 1]
    assert log.series["train/Reward"].numbers().tolist() == [0.5, 0.75]
    assert log.series["tokens"].rows().tolist() == [1]
    assert log.series["timestamp"].numbers().tolist() == [1746100800]
    assert "kl" not in log.series  # a NaN is no value
    assert log.texts == {"note": 1}
    assert log.parts == [("a.csv", 0), ("b.csv", 1)]


def test_the_first_of_the_known_names_is_found_however_it_is_written(log):
    assert log.first(("score", "reward", "tokens")) == "train/Reward"
    assert log.first(("reward",), lambda name: False) is None
    assert log.first(("score",)) is None


@pytest.mark.parametrize(
    ("values", "counts"),
    [([0, 1], True), ([0, 0], False), ([-1, 2], False), ([1, math.inf], False)],
)
def test_a_count_is_never_below_0_and_not_always_0(values, counts):
    log = Log("the log", modified=1.0)
    for value in values:
        log.add([("n", value)])
    assert log.is_count("n") is counts


def test_a_column_that_is_not_there_is_refused_with_those_that_are(log):
    log.check_column("tokens")
    log.check_column(3.0)
    with pytest.raises(
        ValueError, match=r"no column 'token'\. Close to it: 'tokens'\. It has timestamp, tokens, t"
    ):
        log.check_column("token")
    with pytest.raises(ValueError, match="'note' holds text, no numbers, in the log"):
        log.check_column("note")
    tags = Log("events", modified=1.0, events=True)
    with pytest.raises(ValueError, match="events has no tag 'a'"):
        tags.check_column("a")


def test_of_much_damage_the_first_places_are_named(log):
    assert log.damage == ""
    for line in range(1, 6):
        log.damaged(f"line {line}")
    assert log.damage == ("Left out, for it could not be read: line 1; line 2; line 3; and 2 more.")


@pytest.mark.parametrize(
    ("written", "number"), [("tensor(2.)", 2.0), (10**400, math.inf), (-(10**400), -math.inf)]
)
def test_a_number_is_read_however_it_was_written(written, number):
    assert as_number(written) == number


def test_a_list_is_no_number():
    assert as_number([1]) is None


def test_the_newest_file_counts(tmp_path):
    import os

    for name, when in (("a", 100), ("b", 50)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (when, when))
    assert newest([tmp_path / "a", tmp_path / "b"]) == 100


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-09-10 00:26:40", 1_789_000_000),
        ("2026-09-10T00:26:40Z", 1_789_000_000),
        ("2026-09-10T02:26:40.5+02:00", 1_789_000_000.5),
        ("2026-09-10T02:26:40,250000000+0200", 1_789_000_000.25),
        ("2026-09-09 19:26-05:00", 1_788_999_960),
        ("2026-09-10", 1_788_998_400),
    ],
)
def test_a_time_is_read_with_any_digits_and_zone_and_without_one_in_utc(written, seconds):
    log = Log("the log", modified=1.0)
    log.begin("a.csv")
    log.add([("timestamp", written), ("loss", 1.0)])
    assert log.series["timestamp"].values.tolist() == [seconds]
