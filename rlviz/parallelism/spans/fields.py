"""Times and token counts as the sources write them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, TypedDict

from rlviz.parallelism.spans.record import Seconds

_UTC = timezone(timedelta())  # `datetime.UTC` is Python 3.11's
_EPOCH = datetime(1970, 1, 1, tzinfo=_UTC)
_FRACTION = re.compile(r"[.,](\d+)")


class Tokens(TypedDict):
    """The token counts of a `SpanRecord`."""

    prompt_tokens: int | None
    cached_tokens: int
    completion_tokens: int | None


def nanoseconds(value: Any) -> Seconds | None:
    """Seconds from whole nanoseconds, as an integer or (OTLP in JSON) a string of digits.

    Example:
        >>> nanoseconds("1500000000"), nanoseconds(None)
        (Fraction(3, 2), None)
    """
    return None if value is None else Fraction(int(value), 10**9)


def seconds(value: Any) -> Seconds | None:
    """Seconds from a number of them, a `datetime`, or a date in ISO 8601; UTC if it says none.

    Example:
        >>> seconds("1970-01-01T00:00:01.5Z"), seconds(2.5), seconds(None)
        (Fraction(3, 2), 2.5, None)
    """
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        # Python 3.10 knows neither "Z" nor fractions of other than 3 or 6 digits.
        text = _FRACTION.sub(lambda found: f".{found[1]:0<6.6}", value.replace("Z", "+00:00"))
        value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        value = value.replace(tzinfo=_UTC)
    return Fraction((value - _EPOCH) // timedelta(microseconds=1), 10**6)


def before(end: Seconds | None, milliseconds: Any) -> Seconds:
    """When something began that ended at `end` after so many milliseconds."""
    if end is None:
        raise ValueError("it has no timestamp")
    return end - (milliseconds or 0) / 1000


def tokens(prompt: Any, cached: Any, completion: Any) -> Tokens:
    """Token counts, whole numbers or None or floats that are whole; `cached` is part of `prompt`.

    Some APIs count cached tokens beside the prompt's. Where more are cached than the prompt has,
    that is what the source does, and they are added.

    Example:
        >>> tokens(10, 90, 5)
        {'prompt_tokens': 100, 'cached_tokens': 90, 'completion_tokens': 5}
    """
    given, kept, written = _whole(prompt), _whole(cached) or 0, _whole(completion)
    if given is not None and kept > given:
        given += kept
    return {
        "prompt_tokens": given,
        "cached_tokens": 0 if given is None else kept,
        "completion_tokens": written,
    }


def usage(told: Any) -> Tokens:
    """Token counts from what model APIs call `usage`: chat completions, responses, messages.

    Example:
        >>> usage({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}})
        {'prompt_tokens': 9, 'cached_tokens': 4, 'completion_tokens': None}
    """
    told = told if isinstance(told, Mapping) else {}
    details = first(told, "prompt_tokens_details", "input_tokens_details")
    cached = first(told, "cached_tokens", "cache_read_input_tokens")
    if cached is None and isinstance(details, Mapping):
        cached = details.get("cached_tokens")
    prompt = first(told, "prompt_tokens", "input_tokens")
    if "cache_read_input_tokens" in told and "total_tokens" not in told and prompt is not None:
        # The Messages API alone counts them beside its input tokens, and gives no total.
        prompt += (cached or 0) + (told.get("cache_creation_input_tokens") or 0)
    return tokens(prompt, cached, first(told, "completion_tokens", "output_tokens"))


def first(told: Mapping[str, Any], *names: str) -> Any:
    """The value of the first of these names that has one, None for none."""
    return next((told[name] for name in names if told.get(name) is not None), None)


def plain(item: Any) -> Mapping[str, Any] | None:
    """A record as a mapping: a mapping itself, or what dumps itself as one; None for all else."""
    if isinstance(item, Mapping):
        return item
    for name in ("model_dump", "to_dict"):
        if callable(dump := getattr(item, name, None)):
            dumped = dump()
            return dumped if isinstance(dumped, Mapping) else None
    return None


def decoded(value: Any) -> Any:
    """What a JSON text holds; anything else as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def _whole(value: Any) -> int | None:
    value = decoded(value)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
