"""Existing logs become runs of rlviz, so that people get the figure of runs that they already have.

One file in `readers` reads each kind of log; the others open what is given (`opening`), decide what
is what (`roles`), order the steps (`timeline`), count (`compute`) and record them through
`rlviz.Callback` (`steps`). Names are resolved when they are first used, so that the command line
knows the kinds without loading what reads them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlviz.importers.import_report import Imported as Imported
    from rlviz.importers.run import import_run as import_run

_MODULES = {"Imported": "import_report", "import_run": "run"}

__all__ = ["Imported", "import_run"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
