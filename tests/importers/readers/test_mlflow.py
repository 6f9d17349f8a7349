"""The folder of a run in MLflow's file store."""

import pytest

from rlviz.importers import import_run


def store(folder, run="0a1b", offset=0.0):
    """What FileStore writes for a run with two metrics, one with a path."""
    metrics = folder / "5" / run / "metrics"
    (metrics / "train").mkdir(parents=True)
    (metrics.parent / "meta.yaml").write_text("run_name: ppo\n")
    (folder / "5" / "meta.yaml").write_text("name: experiment\n")
    (metrics / "reward").write_text(
        "".join(f"{1700000000000 + 1500 * n} {offset - n / 4} {n}\n" for n in range(1, 5))
    )
    (metrics / "train" / "kl").write_text(
        "".join(f"{1700000000000 + 1500 * n} {n / 8} {n}\n" for n in (2, 4))
    )
    return metrics.parent


@pytest.mark.parametrize("below", [True, False])
def test_a_run_is_read_from_its_folder_and_from_those_above(tmp_path, take, metric, below):
    run_folder = store(tmp_path / "mlruns")
    imported, run = take(run_folder if below else tmp_path / "mlruns")
    assert imported.kind == "mlflow"
    assert run.step.tolist() == [1, 2, 3, 4]
    assert metric(run, "return") == [-0.25, -0.5, -0.75, -1.0]
    assert [value for value in metric(run, "train/kl") if value == value] == [0.25, 0.5]
    assert run.wall_time[-1] - run.wall_time[0] == 4.5


def test_several_runs_are_refused_by_name(tmp_path):
    store(tmp_path / "mlruns", "0a1b")
    store(tmp_path / "mlruns", "2c3d")
    with pytest.raises(ValueError, match=r"2 runs.*0a1b'?, .*2c3d"):
        import_run(tmp_path / "mlruns", tmp_path / "run")


def test_a_line_that_is_no_value_is_left_out_and_named(tmp_path, take):
    folder = store(tmp_path / "mlruns")
    with (folder / "metrics" / "reward").open("a") as file:
        file.write("170000")
    imported, run = take(folder)
    assert run.step.tolist() == [1, 2, 3, 4]
    assert any("line 5 of reward" in note for note in imported.notes)


def test_a_metric_with_metrics_in_its_name_keeps_it_where_the_folders_above_are_called_so(
    tmp_path, take, metric
):
    folder = store(tmp_path / "metrics" / "mlruns")
    (folder / "metrics" / "metrics").mkdir()
    (folder / "metrics" / "metrics" / "kl").write_text("1700000001500 0.5 1\n")
    _, run = take(folder)
    assert metric(run, "metrics/kl")[0] == 0.5
    assert metric(run, "return") == [-0.25, -0.5, -0.75, -1.0]
