"""The real wandb, offline: what it wrote is read back from its own files."""

import json
import os
import struct
import time

import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("wandb")

import wandb
from wandb.proto import wandb_internal_pb2


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    wandb.teardown()  # it reads its settings once
    yield
    wandb.teardown()


def records(tmp_path):
    """The records of each run of wandb, in the order in which they were begun."""
    wandb.teardown()  # what it has in hand is written then
    paths = sorted(tmp_path.glob("wandb/offline-run-*/run-*.wandb"), key=os.path.getctime)
    parse = wandb_internal_pb2.Record.FromString
    return [[parse(data) for data in pieces(path)] for path in paths]


def pieces(path):
    """What stands in a file of wandb: a log of LevelDB, with a header of its own before it."""
    data = path.read_bytes()
    assert data[:4] == b":W&B"
    at, whole = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # too little for a header: the block is filled up
            at += 32768 - at % 32768
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        whole += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def history(run):
    """Its rows, by name."""
    rows = []
    for record in run:
        if record.HasField("history"):
            items = record.history.item
            rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    return rows


def test_a_run_is_in_wandb_as_it_is_on_the_disk(tmp_path, train):
    train(rlviz.sinks.WandB(project="swarms", mode="offline"), range(1, 6))
    (run,) = records(tmp_path)
    (begun,) = [record.run for record in run if record.HasField("run")][:1]
    assert (begun.project, begun.display_name) == ("swarms", "swarm")
    config = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert config["optimizer.lr"] == 1e-5
    rows = [row for row in history(run) if "rlviz/accuracy" in row]
    on_disk = rlviz.read(tmp_path / "swarm")
    assert [row["rlviz_step"] for row in rows] == on_disk.step.tolist()
    assert [row["rlviz/accuracy"] for row in rows] == on_disk.accuracy.tolist()
    assert [row["rlviz/flops/total"] for row in rows] == on_disk.flops.tolist()
    assert [repr(row["rlviz/kl"]) for row in rows] == ["0.25", "nan", "0.25", "0.25", "0.25"]
    assert [row["_timestamp"] for row in rows] == on_disk.wall_time.tolist()
    metrics = {r.metric.name or r.metric.glob_name: r.metric for r in run if r.HasField("metric")}
    assert metrics["rlviz/*"].step_metric == "rlviz/flops/total"
    (end,) = (record.exit for record in run if record.HasField("exit"))
    assert end.exit_code == 0


def test_the_figure_and_its_curves_are_there_and_nothing_of_the_machine(tmp_path, train):
    train(rlviz.sinks.WandB(mode="offline"), range(1, 40))
    (run,) = records(tmp_path)
    drawn = history(run)[-1]
    assert drawn["rlviz/flops/total"] == 39e20
    place = next(tmp_path.glob("wandb/offline-run-*/files"))
    picture = place / drawn["rlviz/figure/path"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = json.loads((place / drawn["rlviz/curve/accuracy_table/path"]).read_text())
    assert len(table["data"]) == 3 * 39
    assert {name for line in table["data"] for name in line} >= {"curve", "low", "high"}
    assert {x for line in table["data"] for x in line} >= {k * 10.0**20 for k in range(1, 40)}
    kinds = {record.WhichOneof("record_type") for record in run}
    assert not kinds & {"stats", "output", "output_raw"}
    assert not list(tmp_path.glob("wandb/offline-run-*/files/output.log"))


def test_a_resumed_run_goes_on_under_the_same_id(tmp_path, train):
    state = train(rlviz.sinks.WandB(mode="offline"), range(1, 4), figure=False)
    train(rlviz.sinks.WandB(mode="offline"), range(4, 6), figure=False, state=state)
    first, second = records(tmp_path)
    ids = [next(r.run.run_id for r in run if r.HasField("run")) for run in (first, second)]
    assert ids == [state["sinks"]["WandB"]] * 2
    assert [row["rlviz_step"] for row in history(first)] == [1, 2, 3]
    assert [row["rlviz_step"] for row in history(second)] == [4, 5]


def test_the_run_of_a_script_is_left_as_it_is_and_one_that_is_given_is_added_to(tmp_path, train):
    with wandb.init(mode="offline", project="scripts") as own:
        train(rlviz.sinks.WandB(mode="offline"), range(1, 3), figure=False)
        assert wandb.run is own
        state = train(rlviz.sinks.WandB(run=own), range(3, 5), figure=False)
        assert wandb.run is own
        own.log({"mine": 1})
    assert state["sinks"] == {"WandB": own.id}
    scripts = next(run for run in records(tmp_path) if run[1].run.run_id == own.id)
    assert [row.get("rlviz_step", row.get("mine")) for row in history(scripts)] == [3, 4, 1]


def test_without_flops_the_axis_is_the_step(tmp_path):
    sink = rlviz.sinks.WandB(mode="offline")
    with rlviz.Callback(tmp_path / "run", figure_seconds=None, also=[sink]) as viz:
        viz.on_step_end(7, accuracy=0.5, metrics={"step": 3.0})
        viz.close(timeout=60)
    (run,) = records(tmp_path)
    metrics = {r.metric.glob_name: r.metric for r in run if r.HasField("metric")}
    assert metrics["rlviz/*"].step_metric == "rlviz_step"
    assert history(run)[0]["rlviz_step"] == 7
    assert history(run)[0]["rlviz/step"] == 3.0


def test_a_failed_training_ends_as_failed(tmp_path):
    def train():
        sink = rlviz.sinks.WandB(mode="offline")
        with rlviz.Callback(tmp_path / "run", figure_seconds=None, also=[sink]) as viz:
            viz.on_step_end(1, accuracy=0.5)
            viz.flush()
            while viz.state_dict().get("sinks") is None:
                time.sleep(0.01)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    (run,) = records(tmp_path)
    (end,) = (record.exit for record in run if record.HasField("exit"))
    assert end.exit_code == 1


def test_without_a_key_the_log_says_what_to_do_and_nobody_is_asked(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr("builtins.input", pytest.fail)
    with rlviz.Callback(tmp_path / "run", figure_seconds=None, also=[rlviz.sinks.WandB()]) as viz:
        viz.on_step_end(1, accuracy=0.5)
    assert viz.health.unsent == 1
    assert "has no API key on this machine. Run `wandb login`" in caplog.text
    assert list(rlviz.read(tmp_path / "run").step) == [1]


def test_options_beside_a_run_are_refused():
    with pytest.raises(TypeError, match="project, mode came with a run, which has its options"):
        rlviz.sinks.WandB(run=object(), project="a", mode="offline")


def test_a_script_that_does_not_close_has_all_steps_in_wandb(tmp_path, run_python):
    code = """
import sys, rlviz
sink = rlviz.sinks.WandB(mode="offline")
viz = rlviz.Callback(sys.argv[1] + "/run", figure_seconds=None, also=[sink])
viz.on_step_end(1, accuracy=0.5)
viz.flush()
while sink._run is None: pass
viz.on_step_end(2, accuracy=0.5)
"""
    done = run_python("-c", code, str(tmp_path))
    (run,) = records(tmp_path)
    assert [row["rlviz_step"] for row in history(run)] == [1, 2], done.stderr
