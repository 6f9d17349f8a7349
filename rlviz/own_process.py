"""How a module of rlviz is run in a process of its own."""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parent.parent)


def command_of(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module as `python -m` would, with two differences.

    The working folder stays off Python's path: it may hold a training's own `statistics.py`, and
    before Python 3.11 no option leaves that folder out alone. And the module is found where this
    rlviz was, whatever put it on the path here.

    Args:
        module: its full name, such as ``"rlviz.report.figure_process"``.
        arguments: what it finds in `sys.argv` behind its own name.
    """
    code = (
        f"import sys; sys.path[:] = [*filter(None, sys.path), {_ROOT!r}];"
        f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    return sys.executable, "-c", code, *arguments
