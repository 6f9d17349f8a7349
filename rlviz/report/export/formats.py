"""The formats of an export: a run's table as the bytes of a CSV, JSON Lines, NPZ or Parquet.

CSV, JSON Lines and Parquet are written in blocks of rows, NPZ column by column.
`rlviz.report.export.export` tells how each writes missing values, counts of FLOPs and units.
"""

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.export import decimals, descriptions
from rlviz.report.export.progress import Progress
from rlviz.report.history import History
from rlviz.wording import shown, visible

if TYPE_CHECKING:
    import pyarrow

Floats = NDArray[np.float64]

TEXT_ROWS = 2048
"""Rows of text that are made at a time; with more rows, NumPy's arrays leave the cache."""
PARQUET_ROWS = 1 << 17
"""Rows of a row group."""


# --- CSV -------------------------------------------------------------------


def write_csv(history: History, stream: BinaryIO, units: bool, progress: Progress) -> None:
    names = _names(history)
    if units:
        for name in names:
            column = descriptions.describe(name, exact=True, counted_by=history.conventions)
            line = f"# {_one_line(name)}: {column.unit} ({_one_line(column.meaning)})"
            stream.write(_encoded(f"{_defused(line)}\n"))
    stream.write(_encoded(",".join(map(_header_cell, names)) + "\n"))
    done = 0
    before = ["", *("," for _ in names[1:])]
    for part in history.parts(TEXT_ROWS):
        stream.write(_encoded(_lines(len(part), before, _cells(part, names), "\n")))
        done += len(part)
        progress(done, len(history))


_PLAIN = re.compile(r"[\w ./()%:+-]+")
_FORMULA = re.compile(r"(^|[;,|\t\r\n])(\s*[=+\-@＝＋－＠]|[\t\r\n])")


def _header_cell(name: str) -> str:
    safe = _defused(name)
    if _PLAIN.fullmatch(safe):
        return safe
    return '"' + safe.replace('"', '""') + '"'


def _defused(text: str) -> str:
    """A text that no spreadsheet takes for a formula, even if a separator other than the comma cuts
    it, and that turns no line around: https://owasp.org/www-community/attacks/CSV_Injection."""
    return _FORMULA.sub(r"\1'\2", visible(_without_nul(text)))


def _without_nul(text: str) -> str:
    """A text that no reader ends in its middle."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


# --- JSON Lines ------------------------------------------------------------


def write_jsonl(history: History, stream: BinaryIO, units: bool, progress: Progress) -> None:
    if units:
        described = {n: descriptions.describe(n, exact=True).unit for n in _names(history)}
        by = list(history.conventions)
        about = {"units": described, **({"flops_conventions": by} if by else {})}
        stream.write(_encoded(json.dumps(about) + "\n"))
    done = 0
    for part in history.parts(TEXT_ROWS):
        stream.write(json_lines(part))
        done += len(part)
        progress(done, len(history))


def json_lines(history: History) -> bytes:
    """One object per step; null for a missing value, a string for an infinity, which JSON lacks."""
    names = _names(history)
    keys = (json.dumps(name).replace("%", "%%") for name in names)
    before = [f"{', ' if at else '{'}{key}: " for at, key in enumerate(keys)]
    return _encoded(_lines(len(history), before, map(_with_null, _cells(history, names)), "}\n"))


def _with_null(cells: decimals.Cells) -> decimals.Cells:
    """The cells as JSON has them."""
    if cells.form == "%s":
        texts = [_JSON.get(str(text), text) for column in cells.columns for text in column]
        return decimals.Cells("%s", (texts,))
    return decimals.Cells(_JSON.get(cells.form, cells.form), cells.columns)


_JSON = {"": "null", "inf": '"inf"', "-inf": '"-inf"'}


# --- NPZ -------------------------------------------------------------------


def write_npz(history: History, stream: BinaryIO, units: bool, progress: Progress) -> None:
    table = history.table()
    names = [_without_nul(_encoded(name).decode()) for name in table]
    by = history.conventions
    described = [descriptions.describe(name, counted_by=by) for name in names]
    texts = {
        "rlviz/columns": np.array(names),
        "rlviz/units": np.array([column.unit for column in described]),
        "rlviz/meanings": np.array([column.meaning for column in described]),
    }
    _check_members([*texts, *names])
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in texts.items():
            _add(archive, name, array)
        for done, (name, array) in enumerate(zip(names, table.values(), strict=True), 1):
            _add(archive, name, array)
            progress(len(history) * done // len(names), len(history))


def _add(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    # ZipInfo's date is fixed: the same run makes the same bytes.
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


_LONGEST_MEMBER = 65_535 - len(".npy")
"""Bytes of a name in a zip archive."""


def _check_members(names: list[str]) -> None:
    """Refuse names that an NPZ can't hold, or can't tell apart."""
    taken = set(names)
    times = Counter(names)
    for name in names:
        why = ""
        if f"{name}.npy" in taken:
            why = f"beside {shown(f'{name}.npy')}, which it would hide"
        elif times[name] > 1:
            why = "twice"
        elif len(name.encode()) > _LONGEST_MEMBER:
            why = f"whose name has more than {_LONGEST_MEMBER:,} bytes"
        if why:
            raise ValueError(
                f"an NPZ can't hold the column {shown(name)} {why}. Export as .parquet, .csv or "
                ".jsonl."
            )


# --- Parquet ---------------------------------------------------------------


def write_parquet(history: History, stream: BinaryIO, units: bool, progress: Progress) -> None:
    import pyarrow
    from pyarrow import parquet

    names = _names(history)
    fields = []
    for name in names:
        column = descriptions.describe(name, exact=True, counted_by=history.conventions)
        about = {"unit": column.unit, "meaning": _encoded(column.meaning).decode()}
        kind = _arrow_type(history, name)
        fields.append(pyarrow.field(_encoded(name).decode(), kind, metadata=about))
    layout = pyarrow.schema(fields)
    done = 0
    with parquet.ParquetWriter(stream, layout) as writer:
        for part in history.parts(PARQUET_ROWS):
            table = part.table()
            arrays = [
                _arrow_array(part, name, table[name], field.type)
                for name, field in zip(names, fields, strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=layout))
            done += len(part)
            progress(done, len(history))


def _arrow_type(history: History, name: str) -> "pyarrow.DataType":
    import pyarrow

    if descriptions.is_count(name):
        return pyarrow.decimal128(38, 0)
    if name in (schema.STEP, schema.SESSION) and name in history.columns:
        values = history.columns[name]
        if (np.isnan(values) | (np.abs(values) < 2**53) & (values == np.rint(values))).all():
            return pyarrow.int64()
    return pyarrow.float64()


def _arrow_array(
    history: History, name: str, values: Floats, kind: "pyarrow.DataType"
) -> "pyarrow.Array":
    import pyarrow

    missing = np.isnan(values)
    if not pyarrow.types.is_decimal(kind):
        if pyarrow.types.is_integer(kind):
            values = np.where(missing, 0, values).astype(np.int64)
        return pyarrow.array(values, kind, mask=missing)
    words, is_held = decimals.words_of_counts(values, _remainders(history, name))
    valid = pyarrow.array(is_held).buffers()[1]
    return pyarrow.Array.from_buffers(kind, len(values), [valid, pyarrow.py_buffer(words)])


# --- of several formats ----------------------------------------------------


def _names(history: History) -> list[str]:
    """The columns of a format with exact counts, which needs no remainders."""
    table = next(history.parts(1), history).table()
    return [name for name in table if not descriptions.is_remainder(name)]


def _cells(history: History, names: list[str]) -> Iterator[decimals.Cells]:
    """The cells of each column; "" for a missing value."""
    table = history.table()
    for name in names:
        if descriptions.is_count(name):
            yield decimals.count_cells(table[name], _remainders(history, name))
        else:
            yield decimals.cells(table[name])


def _lines(rows: int, before: list[str], cells: Iterable[decimals.Cells], end: str) -> str:
    """Lines of text, each with what stands before each cell; "%" is doubled there."""
    found = list(cells)
    forms = map("".join, zip(before, (cell.form for cell in found), strict=True))
    columns = [column for cell in found for column in cell.columns]
    return decimals.written("".join(forms) + end, columns, rows)


def _remainders(history: History, name: str) -> Floats:
    found = history.columns.get(descriptions.remainder_of(name))
    return np.zeros(len(history)) if found is None else np.nan_to_num(found)


def _encoded(text: str) -> bytes:
    """UTF-8; a name from elsewhere may hold halves of characters, which have no encoding."""
    return text.encode("utf-8", "replace")
