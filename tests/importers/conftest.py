"""What the importers' tests share: importing a text as a file."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import rlviz
from rlviz.importers import Imported, import_run

Take = Callable[..., tuple[Imported, rlviz.History]]


@pytest.fixture
def cases() -> Path:
    """The folder of small made-up logs that each had one fault of reading."""
    return Path(__file__).parents[1] / "data" / "cases"


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Imports a log, given as a path or as text for a file, and reads the run back."""

    def take(source: Any, name: str = "log.txt", **options: Any) -> tuple[Imported, rlviz.History]:
        if isinstance(source, str):
            (tmp_path / name).write_text(source, encoding="utf-8")
            source = tmp_path / name
        imported = import_run(source, tmp_path / "run", **options)
        return imported, rlviz.read(imported.logdir)

    return take


@pytest.fixture
def metric() -> Callable[[rlviz.History, str], list[float]]:
    """The values of one of a run's metrics."""
    return lambda history, name: history.columns[f"metrics/{name}"].tolist()


@pytest.fixture
def lines() -> Callable[[Iterable[dict[str, Any]]], str]:
    """Rows as JSON Lines."""
    return lambda rows: "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a table of steps and accuracies."""

    def write(
        name: str,
        steps: Iterable[int],
        offset: float = 0.0,
        head: str = "step,accuracy",
        folder: Path = tmp_path,
    ) -> Path:
        rows = (f"{step},{offset + step / 100}" for step in steps)
        (folder / name).write_text("\n".join([head, *rows]))
        return folder / name

    return write
