"""The reader: from event files to a `History`, each step once, with what of the run is gone."""

from rlviz.report.history.history import History, read

__all__ = ["History", "read"]
