"""The export: a run's table as a file, or as a stream of lines while the run is being written."""

from rlviz.report.export.table_file import export

__all__ = ["export"]
