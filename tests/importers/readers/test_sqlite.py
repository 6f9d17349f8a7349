"""The databases of trackio and MLflow, with the tables that these create."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from rlviz.importers import import_run


def trackio(path, runs):
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,"
            " run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)"
        )
        for run, rows in runs.items():
            database.executemany(
                "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)",
                [
                    (f"2025-08-01T10:00:{2 * step:02}.000000", run, step, json.dumps(row))
                    for step, row in enumerate(rows)
                ],
            )
    database.close()
    return path


def mlflow(path, runs):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE runs (run_uuid VARCHAR(32), name VARCHAR(250))")
        database.execute(
            "CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT,"
            " run_uuid VARCHAR(32), step BIGINT, is_nan BOOLEAN)"
        )
        for uuid, (name, rows) in runs.items():
            database.execute("INSERT INTO runs VALUES (?, ?)", (uuid, name))
            database.executemany(
                "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)",
                [(k, v, 1700000000000 + 1500 * s, uuid, s, False) for k, v, s in rows],
            )
    database.close()
    return path


ROWS = [{"reward": n / 10, "kl": "Infinity" if n == 2 else 0.1, "note": "x"} for n in range(1, 4)]


def test_the_run_of_a_trackio_database_is_read(tmp_path, take):
    imported, run = take(trackio(tmp_path / "project.db", {"grpo": ROWS}))
    assert imported.kind == "sqlite"
    assert run.step.tolist() == [0, 1, 2]
    assert run.accuracy.tolist() == [0.1, 0.2, 0.3]
    assert run.columns["metrics/kl"].tolist() == [0.1, float("inf"), 0.1]
    assert (run.wall_time[1:] - run.wall_time[:-1]).tolist() == [2, 2]


def test_the_run_of_an_mlflow_database_is_read(tmp_path, take, metric):
    rows = [("reward", -n / 4, n) for n in range(1, 5)] + [("train/kl", 0.5, 2)]
    _, run = take(mlflow(tmp_path / "mlflow.db", {"0a1b": ("ppo", rows)}))
    assert run.step.tolist() == [1, 2, 3, 4]
    assert metric(run, "return") == [-0.25, -0.5, -0.75, -1.0]
    assert metric(run, "train/kl")[1] == 0.5
    assert run.wall_time[-1] - run.wall_time[0] == 4.5


@pytest.mark.parametrize("make", [trackio, mlflow])
def test_several_runs_are_refused_by_name(tmp_path, make):
    runs = {"a": ROWS, "b": [{"reward": 0.7}] * 3}
    if make is mlflow:
        runs = {
            uuid: (uuid, [("reward", value, step) for step in range(1, 4)])
            for uuid, value in (("a", 1.0), ("b", 2.0))
        }
    with pytest.raises(ValueError, match=r"project\.db holds 2 runs.*: '?a'?, '?b'?"):
        import_run(make(tmp_path / "project.db", runs), tmp_path / "run")


def test_another_database_is_refused_with_its_tables(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    database.close()
    with pytest.raises(ValueError, match=r"an SQLite database, .* tables songs\. Export the table"):
        import_run(tmp_path / "a.db", tmp_path / "run")


def test_a_damaged_database_is_refused_in_words(tmp_path):
    path = trackio(tmp_path / "project.db", {"grpo": ROWS})
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"project\.db is an SQLite database that fails") as error:
        import_run(path, tmp_path / "run")
    open_files = {os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()}
    assert os.path.realpath(path) not in open_files, error  # which holds all that was not closed


def test_a_row_of_trackio_that_holds_no_object_is_left_out_and_named(tmp_path, take):
    path = trackio(tmp_path / "project.db", {"grpo": ROWS})
    with sqlite3.connect(path) as database:
        for step, text in ((3, "[1, 2]"), (4, '{"reward": ')):
            database.execute(
                "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES ('', ?, ?, ?)",
                ("grpo", step, text),
            )
    database.close()
    imported, run = take(path)
    assert run.step.tolist() == [0, 1, 2]
    assert any("row of step 3" in note for note in imported.notes)


def test_a_value_of_mlflow_that_is_no_number_is_left_out_and_named(tmp_path, take, metric):
    rows = [("reward", -n / 4, n) for n in range(1, 5)] + [("reward", "high", 5)]
    imported, run = take(mlflow(tmp_path / "mlflow.db", {"0a1b": ("ppo", rows)}))
    assert metric(run, "return") == [-0.25, -0.5, -0.75, -1.0]
    assert any("'reward'" in note and "no number" in note for note in imported.notes)
