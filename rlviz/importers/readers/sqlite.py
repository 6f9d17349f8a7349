"""Reads the SQLite databases of trackio and MLflow.

trackio has a table `metrics` with a JSON object for each logged step (trackio/sqlite_storage.py),
MLflow one with a row for each value (`SqlMetric` in mlflow/store/tracking/dbmodels/models.py).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from rlviz.importers.intake import SQLITE
from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.readers.json_lines import flat
from rlviz.importers.text import parsed

_TRACKIO = {"timestamp", "run_name", "step", "metrics"}
_MLFLOW = {"key", "value", "timestamp", "run_uuid", "step"}
_MOST_NAMES = 8
_WORDS = {"Infinity": float("inf"), "-Infinity": float("-inf")}


def read(files: Sequence[Path], name: str) -> Log:
    """Read databases; the log names the run of each row.

    Raises:
        ValueError: a file is no database of these programs, or is damaged.
    """
    log: Log | None = None
    for file in files:
        try:
            with closing(_opened(file)) as database:
                columns = _columns(database, "metrics")
                if log is None:
                    log = Log(name, modified=newest(files), events=columns >= _MLFLOW)
                log.begin(file.name)
                if columns >= _TRACKIO:
                    _trackio(log, database)
                elif columns >= _MLFLOW:
                    _mlflow(log, database)
                else:
                    raise ValueError(_unknown(file, database))
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{file.name} is an SQLite database that fails: {error}.") from error
    assert log is not None  # there is at least one file
    return log


def _opened(file: Path) -> sqlite3.Connection:
    """A connection that changes nothing, also where the folder can't be written to."""
    address = f"file:{quote(str(file.absolute()))}"
    database = sqlite3.connect(f"{address}?mode=ro", uri=True)
    try:
        database.execute("SELECT name FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        database.close()
        database = sqlite3.connect(f"{address}?mode=ro&immutable=1", uri=True)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in database.execute(f"PRAGMA table_info({table})")}


def _trackio(log: Log, database: sqlite3.Connection) -> None:
    order = "SELECT timestamp, run_name, step, metrics FROM metrics ORDER BY run_name, id"
    for time, run, step, text in database.execute(order):
        number = as_number(step)
        try:
            row = parsed(text)
        except (ValueError, TypeError):
            row = None
        if number is None or not isinstance(row, dict):
            log.damaged(f"a row of step {step} whose metrics are no JSON object")
            continue
        values = [(name, _WORDS.get(value, value) if isinstance(value, str) else value)
                  for name, value in flat(row)]  # fmt: skip
        log.add([("timestamp", time), *values], step=number, run=str(run))


def _mlflow(log: Log, database: sqlite3.Connection) -> None:
    names = {}
    if {"run_uuid", "name"} <= _columns(database, "runs"):
        names = dict(database.execute("SELECT run_uuid, name FROM runs"))
    not_nan = "WHERE NOT is_nan" if "is_nan" in _columns(database, "metrics") else ""
    order = f"SELECT key, value, timestamp, run_uuid, step FROM metrics {not_nan} ORDER BY "
    for key, value, time, run, step in database.execute(order + "run_uuid, timestamp, step"):
        numbers = [as_number(one) for one in (value, time, step)]
        if None in numbers:
            log.damaged(f"a value of {key!r} that is no number")
            continue
        value, time, step = (float(n) for n in numbers if n is not None)
        called = names.get(run) or run
        log.add([(str(key), value)], step=step, wall_time=time / 1000, run=str(called))


def _unknown(file: Path, database: sqlite3.Connection) -> str:
    tables = [str(row[0]) for row in _tables(database)]
    has = ", ".join(tables[:_MOST_NAMES]) + (" …" if len(tables) > _MOST_NAMES else "")
    return (
        f"{file.name} is an SQLite database, but none of trackio or MLflow: it has the tables "
        f"{has or '(none)'}. Export the table of its metrics as CSV first."
    )


def _tables(database: sqlite3.Connection) -> Iterator[tuple[str]]:
    yield from database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")


def _recognises(start: Start) -> bool:
    return start.bytes.startswith(SQLITE)


READER = Reader(
    file="a database of trackio or MLflow",
    log="database of trackio or MLflow",
    missing="no table of trackio's or MLflow's metrics",
    read=read,
    recognises=_recognises,
    names=("*.db", "*.sqlite", "*.sqlite3"),
)
