"""Turns existing logs into runs of rlviz, so that people get the figure of runs they already have.

Each kind of log has one file in `readers`. The other modules open the source (`opening`), give each
column its role (`choosing`), order the steps (`timeline`), count FLOPs (`compute`) and record the
steps through `rlviz.Callback` (`steps`). Names are resolved at first use, so the command line knows
the kinds without loading their readers.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlviz.importers.import_report import Imported as Imported
    from rlviz.importers.run import import_run as import_run
    from rlviz.importers.run import import_runs as import_runs

_MODULES = {"Imported": "import_report", "import_run": "run", "import_runs": "run"}

__all__ = ["Imported", "import_run", "import_runs"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
