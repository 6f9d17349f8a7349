"""Doctests in docstrings become blocks of code: Markdown would take `>>>` for three quotes."""

import re
from typing import Any

import griffe

_DOCTEST = re.compile(r"(?:^([ \t]*)>>> .*$)(?:\n[ \t]*\S.*$)*", re.MULTILINE)


class DoctestsAsCode(griffe.Extension):
    """Fences the examples of each docstring before it is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    text = re.sub(r"^(\s*)Example:$", r"\1Examples:", text, flags=re.MULTILINE)
    return _DOCTEST.sub(lambda m: f"{m[1]}```pycon\n{m[0]}\n{m[1]}```", text)
