"""The doctor: how a run on disk is, what of it is lost, and what to do."""

from rlviz.report.doctor.examination import examine
from rlviz.report.doctor.result import Diagnosis

__all__ = ["Diagnosis", "examine"]
