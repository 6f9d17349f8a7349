"""Existing logs become runs of rlviz, so that people get the figure of runs that they already have.

One file for each kind of log reads it (`tensorboard`, `trainer_state`, `verl`, `csv_table`,
`json_lines`); the others decide what is what, order the steps and record them through
`rlviz.Callback`.
"""

from rlviz.importers.import_report import Imported as Imported
from rlviz.importers.run import import_run as import_run

__all__ = ["Imported", "import_run"]
