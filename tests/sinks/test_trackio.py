"""The real trackio, on this machine: what it has is read back from its own SQLite."""

import os
import tempfile

import pytest

import rlviz

os.environ["TRACKIO_DIR"] = tempfile.mkdtemp()  # it looks once, as it is imported
if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("trackio")

import trackio
from trackio.sqlite_storage import SQLiteStorage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what it stands on


def rows(run, project):
    return SQLiteStorage.get_logs(project, run)


def test_a_run_is_in_trackio_as_it_is_on_the_disk(tmp_path, train):
    train(rlviz.sinks.Trackio("whole"), range(1, 6))
    found = [row for row in rows("swarm", "whole") if "rlviz/accuracy" in row]
    on_disk = rlviz.read(tmp_path / "swarm")
    assert [row["step"] for row in found] == on_disk.step.tolist()
    assert [row["rlviz/accuracy"] for row in found] == on_disk.accuracy.tolist()
    assert [row["rlviz/flops/total"] for row in found] == on_disk.flops.tolist()
    assert [row["rlviz/kl"] for row in found][2:] == [0.25] * 3
    assert SQLiteStorage.get_run_config("whole", "swarm")["optimizer.lr"] == 1e-5


def test_the_figure_and_its_curves_are_there(train):
    train(rlviz.sinks.Trackio("drawn", name="mine"), range(1, 40))
    drawn = rows("mine", "drawn")[-1]
    assert drawn["step"] == 39
    assert drawn["rlviz/figure"]["_type"] == "trackio.image"
    table = drawn["rlviz/curve/average_parallelism"]
    assert table["_type"] == "trackio.table"
    points = table["_value"]
    assert [point["RL FLOPs"] for point in points] == [k * 10.0**20 for k in range(1, 40)]
    assert [point["curve"] for point in points] == pytest.approx([4.0] * 39)


def test_a_resumed_run_goes_on_and_a_scripts_own_run_stays(train):
    own = trackio.init("swarms", name="own", embed=False)
    state = train(rlviz.sinks.Trackio("swarms"), range(1, 4), figure=False)
    train(rlviz.sinks.Trackio("swarms"), range(4, 6), figure=False, state=state)
    assert state["sinks"] == {"Trackio": "swarm"}
    assert [row["step"] for row in rows("swarm", "swarms")] == [1, 2, 3, 4, 5]
    trackio.log({"mine": 1})
    own.finish()
    assert [row["mine"] for row in rows("own", "swarms")] == [1]
