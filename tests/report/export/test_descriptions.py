"""Units and meanings of the columns of a table."""

import numpy as np

from rlviz.report.export.table_file import export


def test_every_column_of_a_real_run_has_a_unit(run, parl, tmp_path):
    for history in (run, parl):
        export(history, tmp_path / "x.npz")
        with np.load(tmp_path / "x.npz") as arrays:
            assert "unknown" not in arrays["rlviz/units"]
