"""Writes a run's table to a file that other tools read: CSV, JSON Lines or NPZ."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rlviz.report.history import History


def export(history: History, path: Path) -> None:
    """Write all columns; the format goes by the file's suffix: .csv, .jsonl or .npz.

    Cumulative FLOPs are written to the last digit in CSV and JSON Lines; in NPZ they are float64
    with their remainders beside them. A value that is missing is an empty cell, null or NaN.

    Raises:
        ValueError: the suffix is none of these.
    """
    write = _FORMATS.get(path.suffix.lower())
    if write is None:
        raise ValueError(
            f"don't know how to write {path.name!r}. End it with {', '.join(_FORMATS)}."
        )
    write(history, path)


def _csv(history: History, path: Path) -> None:
    names, rows = _exact(history)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([_defused(name) for name in names])
        writer.writerows(rows)


def _jsonl(history: History, path: Path) -> None:
    names, rows = _exact(history)
    with path.open("w", encoding="utf-8") as stream:
        for row in rows:
            stream.write(json.dumps(dict(zip(names, map(_json_value, row), strict=True))) + "\n")


def _npz(history: History, path: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, **history.table())  # type: ignore[arg-type]  # numpy: allow_pickle


_FORMATS: dict[str, Callable[[History, Path], None]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".npz": _npz,
}

Cell = int | float | None


def _exact(history: History) -> tuple[list[str], Iterator[tuple[Cell, ...]]]:
    """Names and rows, FLOPs as exact integers and so without their remainders."""
    columns: dict[str, list[Cell]] = {}
    for name, values in history.table().items():
        kind, _, rest = name.partition("/")
        if kind == "flops":
            columns[name] = list(history.exact_flops(rest))
        elif kind != "flops_remainder":
            columns[name] = [_cell(value) for value in values.tolist()]
    return list(columns), zip(*columns.values(), strict=True)


def _cell(value: float) -> Cell:
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _json_value(value: Cell) -> Cell | str:
    """JSON has no infinities; as a string they survive."""
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value


def _defused(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
