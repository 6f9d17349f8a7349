"""Times and token counts in every spelling that the sources have."""

from datetime import datetime, timedelta, timezone
from fractions import Fraction

import pytest

from rlviz.parallelism.spans import fields


@pytest.mark.parametrize(
    "written",
    [
        "1970-01-01T01:00:00.250+01:00",
        "1970-01-01T00:00:00.250000Z",
        "1970-01-01T00:00:00.250",
        # Python 3.10 itself reads fractions of 3 or 6 digits alone.
        "1970-01-01T00:00:00.25Z",
        "1970-01-01T00:00:00,25Z",
        "1970-01-01T00:00:00.2500Z",
        "1970-01-01T00:00:00.250000999Z",
        "1970-01-01T01:00:00.25000+01:00",
        datetime(1970, 1, 1, 0, 0, 0, 250_000),
        datetime(1970, 1, 1, 1, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_dates_are_utc_unless_they_say_where_they_are(written):
    assert fields.seconds(written) == Fraction(1, 4)


def test_nanoseconds_of_an_epoch_stay_whole():
    assert fields.nanoseconds(1_700_000_000_000_000_001) * 10**9 == 1_700_000_000_000_000_001


def test_cached_tokens_are_part_of_the_prompt_whichever_api_says_so():
    responses = {
        "input_tokens": 9,
        "output_tokens": 2,
        "input_tokens_details": {"cached_tokens": 4},
    }
    chat = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    messages = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 4}
    messages["cache_creation_input_tokens"] = 2
    flat = {"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 4}
    expected = {"prompt_tokens": 9, "cached_tokens": 4, "completion_tokens": 2}
    assert all(fields.usage(told) == expected for told in (responses, chat, messages, flat))


def test_more_cached_than_given_means_that_they_were_counted_apart():
    assert fields.tokens(10, 90, 5)["prompt_tokens"] == 100


@pytest.mark.parametrize("odd", [None, "many", -1, 2.5, float("nan"), True, [3]])
def test_what_is_no_count_is_unknown(odd):
    assert fields.tokens(odd, odd, odd) == {
        "prompt_tokens": None,
        "cached_tokens": 0,
        "completion_tokens": None,
    }


def test_counts_may_be_written_as_text_or_whole_floats():
    assert fields.tokens("10", 4.0, "5")["cached_tokens"] == 4


def test_nothing_is_known_where_there_is_no_usage():
    assert fields.usage(None) == fields.usage([]) == fields.tokens(None, None, None)
