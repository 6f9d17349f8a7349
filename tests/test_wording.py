"""Numbers, ranges and times in words, at both ends of each."""

import pytest

from rlviz import wording


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (10**7, "10,000,000 steps")]
)
def test_a_noun_goes_with_its_number(count, words):
    assert wording.counted(count, "step") == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (999, "999"), (1000, "1.00e03"), (10**26 + 1, "1.00e26"), (2**106, "8.11e31")],
)
def test_flops_have_three_digits(count, words):
    assert wording.flops(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (10**6, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
    ],
)
def test_bytes_come_in_the_unit_that_suits_them(count, words):
    assert wording.size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (3600, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_a_time_span_has_two_units_at_most(seconds, words):
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.99, "just now"),
        (1, "1.0 s ago"),
        (86_399, "23 h 59 min ago"),
        (86_400, "1 day ago"),
        (10 * 86_400, "10 days ago"),
    ],
)
def test_what_is_long_past_is_told_in_days(seconds, words):
    assert wording.ago(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1_789_000_000, "2026-09-10 00:26:40 UTC"),
        (1e300, "1e+300 s after 1970"),
        (float("nan"), "nan s after 1970"),
    ],
)
def test_a_moment_that_no_calendar_has_is_still_said(seconds, words):
    assert wording.moment(seconds) == words


def test_numbers_become_stretches_without_holes_and_are_counted_again():
    found = wording.runs([7, 3, 2, 1, 3, 9])
    assert found == [(1, 3), (7, 7), (9, 9)]
    assert wording.how_many(found) == 5
    assert wording.stretches(found) == "steps 1 to 3, 7 and 9"
    assert wording.stretches(found, "rank", limit=1) == "ranks 1 to 3 and 2 more such"
    assert wording.runs([]) == []


def test_names_in_a_row_need_no_comma_before_the_last():
    assert [wording.joined(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_a_value_that_cannot_be_printed_is_named_by_its_type():
    class Angry:
        def __repr__(self):
            raise RuntimeError

    assert wording.shown(Angry()) == "an object of Angry"
    assert wording.shown("a" * 100, most=3) == "'aa"


def test_the_name_that_was_probably_meant_is_asked_after():
    assert wording.close_to("los", ["kl", "loss"]) == " Did you mean 'loss'?"
    assert wording.close_to("Loss", ["actor/loss"]) == " Did you mean 'actor/loss'?"
    assert wording.close_to("accuracy", ["kl"]) == ""


def test_of_many_names_the_first_are_told_and_how_many_more():
    assert wording.some(["a"] * 3) == "'a', 'a', 'a'"
    assert wording.some([f"m{number}" for number in range(25)]).endswith("'m19' and 5 more")


def test_signs_that_turn_a_line_around_or_command_a_terminal_are_seen():
    text = "a\u202eb\u2066c\x1b[2J\r\u2028d\x85\ufeff"
    assert wording.visible(text) == r"a\u202eb\u2066c\x1b[2J\r\u2028d\x85\ufeff"
    assert wording.visible("\ud800") == r"\ud800"


def test_other_letters_and_the_ends_of_lines_stay_as_they_are():
    text = "日本語 été 👩\u200d🔬\n\tgrün"
    assert wording.visible(text) == text
