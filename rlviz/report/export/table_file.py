"""Writes a run's table for other tools: to a stream, or to a file, which it replaces as a whole."""

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from rlviz import paths
from rlviz.given import flag
from rlviz.report.export.formats import write_csv, write_jsonl, write_npz, write_parquet
from rlviz.report.export.progress import Progress
from rlviz.report.history import History
from rlviz.report.series.curves import curve_columns
from rlviz.wording import shown

_FORMATS: dict[str, Callable[[History, BinaryIO, bool, Progress], None]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "npz": write_npz,
    "parquet": write_parquet,
}
FORMATS = tuple(_FORMATS)
"""The names of the formats, which are also the suffixes of their files."""


def export(
    history: History,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    units: bool = False,
    curves: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write all columns to a file, one row per step, in the format that its suffix names.

    The file appears as a whole or not at all: it is written beside its place and moved there at the
    end. An export that fails leaves the previous file. A device or a pipe is written to directly.

    - CSV: missing values are empty cells. No cell can run as a formula in a spreadsheet.
    - JSON Lines: missing values are null, infinities the strings "inf" and "-inf".
    - Parquet: missing values are null; each field's metadata has its `unit` and `meaning`.
    - NPZ: float64 bit by bit, missing values NaN. The arrays `rlviz/columns`, `rlviz/units` and
      `rlviz/meanings` describe the columns in the same order. A NUL in a name is "␀", as in CSV.

    Cumulative FLOPs are exact: integers in CSV and JSON Lines, decimal128(38, 0) in Parquet; in NPZ
    an exact count is `int(a["flops/total"][i]) + int(a["flops_remainder/total"][i])`. Other numbers
    read back as the same float64.

    Args:
        history: the run.
        path: where to write; an existing file is replaced.
        format: "csv", "jsonl", "npz" or "parquet"; it overrides the suffix.
        units: put the units in front, in CSV as a comment line "# name: unit (meaning)" for each
            column, in JSON Lines as a first object {"units": {name: unit}}. Not the default,
            because few readers skip them. NPZ and Parquet always have them.
        curves: also write the smoothed curves of the figure at each step, and their bands:
            `curve/<metric>`, `curve_low/<metric>`, `curve_high/<metric>`.
        progress: called many times, with the number of rows done and the number of all rows.

    Raises:
        ValueError: there is no such format, or it is NPZ, which can't tell the columns `x` and
            `x.npy` apart.
        TypeError: the history is no run, or `units` or `curves` is neither True nor False.
        OSError: the file can't be written.
        ImportError: Parquet, and pyarrow is not installed.

    Example:
        >>> import pathlib, tempfile, numpy as np, rlviz
        >>> columns = {"step": np.array([1.0, 2.0]), "metrics/loss": np.array([0.5, 0.1])}
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "table.csv"
        >>> export(rlviz.History(columns), path)
        >>> print(path.read_text(), end="")
        step,session,accuracy,accuracy_low,accuracy_high,average_parallelism,metrics/loss
        1,,,,,,0.5
        2,,,,,,0.1
    """
    if not isinstance(history, History):
        raise TypeError(f"history must be a run as rlviz.read returns it, got {shown(history)}.")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be a function, got {shown(progress)}.")
    place = Path(paths.local(path, "the output"))
    format = format_of(place, format)
    units = flag("units", units)
    if flag("curves", curves):
        history = with_curves(history)
    with _replacing(place) as stream:
        write(history, stream, format, units=units, progress=progress)


def with_curves(history: History) -> History:
    """The same run, with columns for the curves of its figure and for their bands."""
    return replace(history, columns={**history.columns, **curve_columns(history)})


def format_of(path: str | os.PathLike[str], format: str | None = None) -> str:
    """The format of a file: the given one, else the one that its suffix names.

    Raises:
        ValueError: there is no such format.
        ImportError: Parquet, and pyarrow is not installed.
    """
    place = Path(path)
    if format is None:
        format = place.suffix.lower().removeprefix(".")
        if format not in _FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise ValueError(f"don't know how to write {place.name!r}. End it with {known}.")
    _check(format)
    return format


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse a path that can't be written because of its place.

    Raises:
        OSError: it is a directory, or its directory doesn't exist.
        ValueError: it is the URL of another place.
    """
    path = paths.local(path, "the output")
    target = Path(path).resolve()  # a link stays one
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a directory. Give the name of a file.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no directory {Path(path).parent}. Create it first.")


def write(
    history: History,
    stream: BinaryIO,
    format: str,
    *,
    units: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write all columns to a buffered binary stream, which need not be seekable; see `export`.

    Raises:
        ValueError: there is no such format.
        OSError: the stream fails; a BrokenPipeError if nobody reads it anymore.
        ImportError: Parquet, and pyarrow is not installed.
    """
    _check(format)
    _FORMATS[format](history, stream, units, progress or _nobody)


def _check(format: str) -> None:
    if not isinstance(format, str) or format not in _FORMATS:
        raise ValueError(f"there is no format {format!r}. Take one of {', '.join(FORMATS)}.")
    if format == "parquet" and find_spec("pyarrow") is None:  # told before any run is read
        raise ImportError("a Parquet file needs pyarrow: pip install rlviz[parquet].")


def _nobody(done: int, rows: int) -> None:
    """Ignores progress that nobody asked for."""


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of a file once all of it is written."""
    check_place(path)
    target = path.resolve()  # a link stays one
    if target.exists() and not target.is_file():  # a device or a pipe can't be replaced
        with target.open("wb") as stream:
            yield stream
        return
    beside = target.parent / f".rlviz-export-{secrets.token_hex(8)}"
    try:
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise type(error)(f"can't write in {target.parent}: {error.strerror}.") from error
        with open(descriptor, "wb") as stream:
            if target.exists():
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            yield stream
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
