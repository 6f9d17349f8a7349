"""The export: a run's table in a file, or as a stream of lines while the run is written."""

from rlviz.report.export.table_file import export

__all__ = ["export"]
