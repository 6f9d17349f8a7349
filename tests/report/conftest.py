"""Runs on disk that several rooms of the report are tested with."""

import numpy as np
import pytest

import rlviz
from rlviz import schema, tfrecord
from rlviz.record import events

COLUMNS = ("step", "session", "wall_time", "correct", "graded", "parallelism_sum",
           "parallelism_count", "flops/total", "flops_remainder/total")  # fmt: skip

LONG_AGO = 1.5e9  # 2017-07-14 02:40:00 UTC


def files_of(logdir):
    return sorted(logdir.glob("*tfevents*"))


@pytest.fixture
def logdir(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def in_batches(logdir):
    """A run of four batches of three steps each; its file."""
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, 13):
            viz.on_step_end(step, correct=[1, 0], flops=10, parallelism=[2.0])
            assert step % 3 or viz.flush()
    (file,) = files_of(logdir)
    return file


@pytest.fixture
def write_table(logdir):
    """Writes one batch of any columns, as another program might, under valid checksums."""

    def write(columns, rows):
        table = np.array(rows, np.float64)
        event = events.rows(LONG_AGO, schema.RowsHeader(0, columns), 0, table, rows_before=0)
        logdir.mkdir(exist_ok=True)
        name = "events.out.tfevents.0.w0.rlviz-s0-0"
        (logdir / name).write_bytes(tfrecord.frame(event.SerializeToString()))

    return write


@pytest.fixture
def write_batch(logdir):
    """Appends a batch to the file of a session, as the writer would; times count from LONG_AGO."""
    written = {}

    def write(steps, *, session=0, name=None, flops=100, wall_time=None, **header):
        content = schema.RowsHeader(session, COLUMNS, **{"writer": f"w{session}", **header})
        key = (session, content.writer)
        wall = [LONG_AGO + step for step in steps] if wall_time is None else wall_time
        table = np.array(
            [[step, session, at, 1, 2, 4, 2, flops * step, 0]
             for step, at in zip(steps, wall, strict=True)]
        )  # fmt: skip
        event = events.rows(LONG_AGO, content, 0, table, rows_before=written.get(key, 0))
        written[key] = written.get(key, 0) + len(steps)
        logdir.mkdir(exist_ok=True)
        name = name or f"events.out.tfevents.0.{content.writer}.rlviz-s{session}-0"
        with (logdir / name).open("ab") as stream:
            stream.write(tfrecord.frame(event.SerializeToString()))

    return write


@pytest.fixture(scope="session")
def reference_curve(kernel_rows):
    """The curve with a bandwidth of its own at each point, by brute force, (T,)."""

    def curve(x, y, bandwidth):
        # Between two bandwidths of the grid, 24 of them, the curves through them are joined.
        grid = np.geomspace(2 * np.median(np.diff(x)), 2 * np.ptp(x), 24)
        curves = np.array([kernel_rows(x, tau) @ y for tau in grid])
        places = np.log(bandwidth / grid[0]) / np.log(grid[1] / grid[0])
        return np.array([np.interp(p, range(24), curves[:, i]) for i, p in enumerate(places)])

    return curve


@pytest.fixture
def rows_records():
    def found(data):
        """(start, end) of the records in an event file that hold rows."""
        start, ends = 0, []
        for record in tfrecord.scan(data):
            if b"rlviz/rows/" in record.payload:
                ends.append((start, record.end))
            start = record.end
        return ends

    return found
