"""Reads the lines and JSON texts of logs, whatever they hold, with bounded time and memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LONGEST_LINE = 1 << 23
"""Characters. Lines of real logs have up to a million, where they hold histograms."""
_MOST_VALUES = 5_000_000
"""Of one JSON text, which has to be held in memory as a whole."""
_MOST_BYTES = 1 << 28


def lines(file: Path, newline: str | None = None) -> Iterator[str | None]:
    """The lines of a text in UTF-8, with their ends; None for one that is longer than any log's.

    Args:
        file: a regular file.
        newline: as `open` takes it; None ends lines at a lone carriage return, too.
    """
    with file.open(encoding="utf-8-sig", errors="replace", newline=newline) as stream:
        while line := stream.readline(LONGEST_LINE):
            if len(line) < LONGEST_LINE or line[-1] in "\r\n":
                yield line
                continue
            while (line := stream.readline(LONGEST_LINE)) and line[-1] not in "\r\n":
                pass
            yield None


def is_content(line: str | None) -> bool:
    """Whether a line is neither empty nor a comment, which begins with "#"."""
    return line is None or bool(line.strip() and line[0] != "#")


def parsed(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or holds too much for one value.
    """
    values = sum(map(text.count, ",[{"))
    if values > _MOST_VALUES:
        raise ValueError(
            f"it holds {values:,} values, and one JSON text may have {_MOST_VALUES:,}; JSON Lines, "
            "one object a line, may have any number"
        )
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def document(file: Path) -> str:
    """A file as one text.

    Raises:
        ValueError: it is too large for one JSON text.
    """
    size = file.stat().st_size
    if size > _MOST_BYTES:
        raise ValueError(
            f"{file.name} is one JSON text of {size >> 20:,} MiB, and rlviz reads up to "
            f"{_MOST_BYTES >> 20}. Write it as JSON Lines, one object a line."
        )
    return file.read_text(encoding="utf-8-sig", errors="replace")
