"""Markdown as rlviz writes it: names as plain text, tables, and the HTML of a whole text."""

import re
from collections.abc import Sequence

_MARKS = re.compile(r"[\\`*\[\]<>|#~]|(?<![^\W_])_|_(?![^\W_])")  # "_" in a word is no mark


def escaped(text: str) -> str:
    """Any name as plain text in a line, even where Markdown would see emphasis, links or HTML.

    >>> escaped("a*b* <b> at|once"), escaped("snake_case _x_")
    ('a\\\\*b\\\\* \\\\<b\\\\> at\\\\|once', 'snake_case \\\\_x\\\\_')
    """
    return _MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: int = 0) -> str:
    """A table whose cells already are Markdown; "" without rows.

    Args:
        header: names of the columns.
        rows: each with one cell per column.
        right: how many of the last columns are right-aligned.

    >>> print(table(["run", "FLOPs"], [["a", "7"]], right=1))
    | run | FLOPs |
    |---|---:|
    | a | 7 |
    """
    if not rows:
        return ""
    rules = ["---"] * (len(header) - right) + ["---:"] * right
    drawn = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    drawn = [re.sub(r"\|  (?=\|)", "| ", line) for line in drawn]  # an empty cell
    return "\n".join([drawn[0], f"|{'|'.join(rules)}|", *drawn[1:]])


def to_html(text: str) -> str:
    """The HTML of a text; what looks like HTML in it is shown as it stands."""
    from markdown_it import MarkdownIt

    rendered: str = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return rendered
