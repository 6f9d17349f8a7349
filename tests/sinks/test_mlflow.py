"""The real MLflow, with a store in SQLite: what it has is read back by its own client."""

import csv
import io
import math
import os
import time

import pytest

import rlviz
from rlviz.sinks import mlflow as sink_module

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")

import mlflow

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # its own
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The address of a store, where the artifacts stay in this test's directory too."""
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def runs(store):
    """Reads the runs of the experiment back."""

    def read(experiment="Default"):
        client = mlflow.MlflowClient(store)
        found = client.get_experiment_by_name(experiment)
        return client, client.search_runs([found.experiment_id], order_by=["start_time"])

    return read


def values(client, run, name):
    return [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]


def test_a_run_is_in_mlflow_as_it_is_on_the_disk(tmp_path, store, train, runs):
    train(rlviz.sinks.MLflow(store, experiment="swarms", tags={"team": "a"}), range(1, 6))
    client, (run,) = runs("swarms")
    assert (run.info.run_name, run.info.status) == ("swarm", "FINISHED")
    assert run.data.params["optimizer.lr"] == "1e-05"
    assert run.data.params["note"] == "a" * 6000
    assert run.data.tags["team"] == "a"
    on_disk = rlviz.read(tmp_path / "swarm")
    steps = on_disk.step.tolist()
    for name, expected in (("accuracy", on_disk.accuracy), ("flops/total", on_disk.flops)):
        found = values(client, run, f"rlviz/{name}")
        assert found == list(zip(steps, expected.tolist(), strict=True))
    kl = dict(values(client, run, "rlviz/kl"))
    assert math.isnan(kl.pop(2))
    assert kl == {1: 0.25, 3: 0.25, 4: 0.25, 5: 0.25}
    first = client.get_metric_history(run.info.run_id, "rlviz/accuracy")[0]
    assert first.timestamp == round(1000 * on_disk.wall_time[0])


def test_the_figure_its_summary_and_its_curves_are_artifacts(store, train, runs, tmp_path):
    train(rlviz.sinks.MLflow(store), range(1, 40))
    client, (run,) = runs()
    folder = client.download_artifacts(run.info.run_id, "rlviz", str(tmp_path))
    with open(f"{folder}/figure.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    with open(f"{folder}/summary.md", encoding="utf-8") as file:
        assert "39 training steps" in file.read()
    with open(f"{folder}/curves/average_parallelism.csv", encoding="utf-8") as file:
        header, *points = csv.reader(io.StringIO(file.read()))
    assert header == ["RL FLOPs", "curve", "low", "high"]
    assert [float(x) for x, *_ in points] == [k * 10.0**20 for k in range(1, 40)]
    assert [float(y) for _, y, *_ in points] == pytest.approx([4.0] * 39)


def test_a_resumed_run_goes_on_in_the_same_run(store, train, runs):
    state = train(rlviz.sinks.MLflow(store), range(1, 4), figure=False)
    train(rlviz.sinks.MLflow(store), range(4, 6), figure=False, state=state)
    client, (run,) = runs()
    assert state["sinks"] == {"MLflow": run.info.run_id}
    assert run.info.status == "FINISHED"
    assert [step for step, _ in values(client, run, "rlviz/accuracy")] == [1, 2, 3, 4, 5]


def test_a_scripts_active_run_stays_and_a_run_that_is_given_is_added_to(store, train, runs):
    mlflow.set_tracking_uri(store)
    try:
        with mlflow.start_run(run_name="own") as own:
            train(rlviz.sinks.MLflow(store), range(1, 3), figure=False)
            train(rlviz.sinks.MLflow(run_id=own.info.run_id), range(3, 5), figure=False)
            assert mlflow.active_run().info.run_id == own.info.run_id
            client, found = runs()
            status = {run.info.run_name: run.info.status for run in found}
            assert status == {"own": "RUNNING", "swarm": "FINISHED"}
        assert [step for step, _ in values(client, own, "rlviz/kl")] == [3, 4]
    finally:
        mlflow.set_tracking_uri(None)


def test_names_that_mlflow_refuses_are_changed_and_many_metrics_are_cut(store, runs, tmp_path):
    sink = rlviz.sinks.MLflow(store)
    many = {f"m{k}": float(k) for k in range(1100)}
    odd = {"val@8": 1.0, "./x//y": 2.0, "größe": 3.0}
    with rlviz.Callback(tmp_path / "run", figure_seconds=None, also=[sink]) as viz:
        viz.on_step_end(1, metrics={**many, **odd})
        viz.close(timeout=60)
    assert viz.health.unsent == 0
    client, (run,) = runs()
    assert values(client, run, "rlviz/m1099") == [(1, 1099.0)]
    assert values(client, run, "rlviz/val_8") == [(1, 1.0)]
    assert values(client, run, "rlviz/_/x/_/y") == [(1, 2.0)]
    assert values(client, run, "rlviz/gr__e") == [(1, 3.0)]


def test_a_failed_training_ends_as_failed(store, runs, tmp_path):
    def train():
        sink = rlviz.sinks.MLflow(store)
        with rlviz.Callback(tmp_path / "run", figure_seconds=None, also=[sink]) as viz:
            viz.on_step_end(1, accuracy=0.5)
            viz.flush()
            while viz.state_dict().get("sinks") is None:
                time.sleep(0.01)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    _, (run,) = runs()
    assert run.info.status == "FAILED"


def test_a_server_that_is_not_there_costs_nothing_but_what_it_lacks(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    sink = rlviz.sinks.MLflow("http://127.0.0.1:9")
    with rlviz.Callback(tmp_path / "run", figure_seconds=None, also=[sink]) as viz:
        viz.on_step_end(1, accuracy=0.5)
        assert viz.close(timeout=20)
    assert viz.health.unsent == 1
    assert "MLflow" in caplog.text
    assert list(rlviz.read(tmp_path / "run").step) == [1]


def test_longest_names():
    assert len(sink_module._name("a" * 300)) == 250
