"""The doctor: the state of a run on disk, its losses, and what to do about them."""

from rlviz.report.doctor.examination import examine
from rlviz.report.doctor.result import Diagnosis

__all__ = ["Diagnosis", "examine"]
