"""monitor.csv, as Stable-Baselines3's Monitor writes it, alone and for parallel environments."""

import numpy as np
import pytest


def monitor(start, rows, more=""):
    head = f'#{{"t_start": {start}, "env_id": "Toy-v1"}}\nr,l,t{more}\n'
    return head + "".join(",".join(map(str, row)) + "\n" for row in rows)


def test_the_case_of_a_monitor_has_its_right_values(cases, take, metric):
    imported, run = take(cases / "18-sb3.monitor.csv")
    assert imported.kind == "monitor"
    assert len(run) == 60
    assert run.step[-1] == 3030
    assert imported.columns["return"] == "r"
    assert [metric(run, "return")[at] for at in (0, -1)] == [7.815, 118.235]
    assert run.wall_time[[0, -1]].tolist() == pytest.approx([1700000001.02, 1700000067.1])


def test_parallel_environments_are_one_run_in_the_order_of_time(tmp_path, take, metric):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "0.monitor.csv").write_text(monitor(1700000000, [(1, 10, 2.0), (3, 10, 6.0)]))
    (folder / "1.monitor.csv").write_text(monitor(1700000001, [(2, 5, 3.0), (4, 5, 9.0)]))
    imported, run = take(folder)
    assert metric(run, "return") == [1, 2, 3, 4]
    assert run.step.tolist() == [10, 15, 25, 30]
    assert np.diff(run.wall_time).tolist() == [2, 2, 4]
    assert any("4 episodes of 2 environments" in note for note in imported.notes)


def test_columns_of_the_environment_are_metrics(take, metric):
    rows = [(-5.5, 10, 0.5, "True"), (7.0, 20, 1.5, "False")]
    _, run = take(monitor(1700000000, rows, ",is_success"), name="monitor.csv")
    assert run.accuracy.tolist() == [1, 0]
    assert metric(run, "return") == [-5.5, 7.0]


def test_a_row_that_was_being_written_is_left_out(take):
    text = monitor(1700000000, [(1, 10, 2.0), (3, 10, 6.0)]) + "5,1\n"
    imported, run = take(text, name="monitor.csv")
    assert run.step.tolist() == [10, 20]
    assert any("line 5 of monitor.csv" in note for note in imported.notes)
