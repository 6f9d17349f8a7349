"""How the options of an import are called in sentences: as in Python, or as on the command line."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_of_the_command_line = ContextVar("rlviz_import_options_of_the_command_line", default=False)


@contextmanager
def of_the_command_line() -> Iterator[None]:
    """Within it, sentences speak of `--full-score 100` instead of `full_score=100`."""
    before = _of_the_command_line.set(True)
    try:
        yield
    finally:
        _of_the_command_line.reset(before)


def option(name: str, value: str | float | None = None) -> str:
    """An argument of `import_run`, with a value if one is to be given.

    >>> option("full_score", 100.0), option("tokens", "mean length"), option("params")
    ('full_score=100', "tokens='mean length'", 'params')
    >>> with of_the_command_line():
    ...     option("full_score", 100.0), option("tokens", "mean length"), option("return_")
    ('--full-score 100', "--tokens 'mean length'", '--return')
    """
    number = None if value is None or isinstance(value, str) else f"{value:g}"
    if _of_the_command_line.get():
        flag = f"--{name.rstrip('_').replace('_', '-')}"
        return flag if value is None else f"{flag} {number or shlex.quote(str(value))}"
    return name if value is None else f"{name}={number or repr(value)}"
