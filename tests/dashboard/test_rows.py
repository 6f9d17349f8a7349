"""Rows out of TensorBoard's data provider: damage and nonsense are notes of their run."""

import numpy as np
import pytest
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.context import RequestContext

import rlviz
from rlviz import tfrecord
from rlviz.dashboard.rows import RowSource

from .conftest import csv_of


def test_rows_of_a_writer_that_does_not_count_them_are_read_too(
    open_board, tmp_path, write_rows, learning
):
    columns, table = learning(90)
    write_rows(tmp_path / "run", columns, [(table, {})], batch_rows=7, is_counted=False)
    response = open_board(tmp_path).get("rows", {"run": "run"})
    assert response.data == csv_of(rlviz.read(tmp_path / "run"))


def records_with_rows(data):
    found, start = [], 0
    for record in tfrecord.scan(data):
        if b"rlviz/rows/" in record.payload:
            found.append((start, record.end))
        start = record.end
    return found


@pytest.fixture(params=["true", "false"], ids=["data server", "python loader"])
def loader(request):
    return request.param


def opened(open_board, logdir, loader):
    board = open_board(logdir, loader)
    board.wait_for_the_end([path.name for path in logdir.iterdir()])
    return board


@pytest.mark.quick(1)
def test_rows_that_a_loader_could_not_read_are_counted_and_said(
    open_board, tmp_path, loader, write_rows, learning
):
    """Two files of one session: what damage in the first hides, the count in the second shows."""
    columns, table = learning(100)
    run = tmp_path / "run"
    write_rows(run, columns, [(table, {})], batch_rows=10)
    (file,) = run.glob("*tfevents*")
    data = file.read_bytes()
    records = records_with_rows(data)
    damaged = bytearray(data[: records[6][0]])
    damaged[records[3][0]] ^= 0xFF  # its length: neither loader finds the next record
    file.write_bytes(bytes(damaged))
    rest = file.name.replace(".000000.host", ".000001.host").replace("-s0-0", "-s0-1")
    start = data[: next(iter(tfrecord.scan(data))).end]
    (run / rest).write_bytes(start + data[records[6][0] :])
    board = opened(open_board, tmp_path, loader)
    listed = board.runs()["run"]
    _, arrays = board.series("run", "accuracy", x="step")
    assert list(arrays["step"]) == [*range(1, 31), *range(61, 101)]
    assert listed["lost_rows"] == 30
    assert "steps 31 to 60 are missing" in " ".join(listed["notes"])
    assert "`rlviz doctor` looks behind it" in " ".join(listed["notes"])
    sound = rlviz.read(run)
    assert list(sound.step) == [*range(1, 31), *range(41, 101)]
    same = ~np.isin(sound.step, range(41, 61))
    np.testing.assert_array_equal(arrays["y"], sound.accuracy[same])


BROKEN = {
    "empty": (b"", "their header is damaged"),
    "cut": (b"{", "their header is damaged"),
    "bytes": (b"\xff\xfe\x00" * 99, "their header is damaged"),
    "nested": (b"[" * 100_000, "their header is damaged"),
    "negative": (
        b'{"version":1,"session":-1,"columns":["step","session"]}',
        "their header is damaged",
    ),
    "newer": (b'{"version":99,"session":0,"columns":[]}', "Upgrade rlviz"),
    "narrow": (
        b'{"version":1,"session":0,"resumed_after":null,"columns":["step","session"]}',
        "do not fit their header",
    ),
}


def test_a_run_whose_metadata_is_broken_is_a_note(open_board, tmp_path, write_rows, learning):
    columns, table = learning(20)
    for name, (content, _) in BROKEN.items():
        write_rows(tmp_path / name, columns, [(table, {})], broken_header=content)
    write_rows(tmp_path / "sound", columns, [(table, {})])
    board = open_board(tmp_path)
    assert board.listed()["unread"] == 0
    runs = board.runs()
    assert set(runs) == {*BROKEN, "sound"}
    assert len(board.series("sound", "accuracy")[1]["x"]) == 20
    for name, (_, words) in BROKEN.items():
        broken = runs[name]
        assert (broken["steps"], broken["last"]) == (0, None)
        assert broken["metrics"] == broken["axes"] == []
        assert words in broken["notes"][0]
        for route in ("series", "forecast", "figure", "rows"):
            response = board.get(route, {"run": name, "metric": "accuracy"})
            assert response.status_code == 404
            assert "no steps that can be read" in response.get_json()["error"]


@pytest.mark.quick(1)
@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
def test_tensors_that_are_no_table_of_float64_are_a_note(
    open_board, tmp_path, write_rows, learning, loader
):
    columns, table = learning(20)
    odd = {
        "int64": {"dtype": types_pb2.DT_INT64},
        "float32": {"dtype": types_pb2.DT_FLOAT, "shape": (20, 22)},
        "flat": {"shape": (220,)},
        "deep": {"shape": (20, 11, 1)},
        "wide": {"shape": (10, 22)},
        "scalar": {"shape": ()},
    }
    for name, options in odd.items():
        write_rows(tmp_path / name, columns, [(table, {})])
        (file,) = (tmp_path / name).iterdir()
        records = []
        for record in tfrecord.scan(file.read_bytes()):
            event = Event.FromString(record.payload)
            for value in event.summary.value:
                value.tensor.dtype = options.get("dtype", types_pb2.DT_DOUBLE)
                if "shape" in options:
                    del value.tensor.tensor_shape.dim[:]
                    for size in options["shape"]:
                        value.tensor.tensor_shape.dim.add(size=size)
                if name == "scalar":
                    value.tensor.tensor_content = value.tensor.tensor_content[:8]
            records.append(tfrecord.frame(event.SerializeToString()))
        file.write_bytes(b"".join(records))
    board = open_board(tmp_path, loader)
    board.wait_for_the_end(odd)
    for name, listed in board.runs().items():
        assert (name, listed["steps"]) == (name, 0)
        assert "do not fit their header" in listed["notes"][0]
    provider, context = board.board._ingester.data_provider, RequestContext()
    for source in (RowSource(provider), RowSource(Unknown(provider))):
        found = source.read(context, "", source.stamps(context, ""))
        assert all(not rows.batches for tags in found.values() for rows in tags.values())


class Unknown:
    """A provider that is none of TensorBoard's own two."""

    def __init__(self, provider):
        self.list_tensors = provider.list_tensors
        self.read_tensors = provider.read_tensors


ODD_COLUMNS = ("step", "session", "wall_time", "flops/total", "flops_remainder/total", "correct")


ODD_VALUES = (np.nan, np.inf, -np.inf, 1e300, -1e300, -1.0)


@pytest.mark.slow
def test_rows_that_no_writer_writes_break_nothing(open_board, tmp_path, write_rows, learning):
    columns, table = learning(30)
    for column in ODD_COLUMNS:
        for value in ODD_VALUES:
            odd = table.copy()
            odd[11:13, columns.index(column)] = value
            write_rows(tmp_path / f"{column}={value}".replace("/", "-"), columns, [(odd, {})])
    board = open_board(tmp_path)
    board.wait_for(lambda: not board.listed()["unread"])
    runs = board.runs()
    assert len(runs) == len(ODD_COLUMNS) * len(ODD_VALUES)
    for name, listed in runs.items():
        assert listed["steps"] or listed["notes"]
        for x in listed["axes"]:
            header, arrays = board.series(name, "accuracy", x=x)
            assert header["shown"] == len(arrays["y"]) > 0
            assert np.isfinite(arrays["y"]).all()
            assert (np.diff(arrays["x"]) >= 0).all()
        assert board.get("forecast", {"run": name}).status_code == 200


def test_events_of_the_plugin_that_hold_no_rows_are_passed_over(
    open_board, tmp_path, write_rows, learning
):
    columns, table = learning(20)
    write_rows(tmp_path / "run", columns, [(table, {})])
    (file,) = (tmp_path / "run").glob("*tfevents*")
    records = []
    for record in tfrecord.scan(file.read_bytes()):
        event = Event.FromString(record.payload)
        for value in event.summary.value:
            value.tag = value.tag.replace("/rows/", "/other/")
        records.append(tfrecord.frame(event.SerializeToString()))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / file.name).write_bytes(b"".join(records))
    assert set(open_board(tmp_path).runs()) == {"run"}
