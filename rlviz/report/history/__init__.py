"""The reader: it makes a `History` of event files, each step once, and tells what is lost."""

from rlviz.report.history.history import History, read

__all__ = ["History", "read"]
