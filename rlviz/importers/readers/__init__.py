"""The kinds of logs that can be imported: one file reads each kind, and `KINDS` lists them all.

A new kind needs a file with a `Reader` called `READER`, and a line in `KINDS`. The command line,
the errors and the account of an import then know it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rlviz.importers.text import is_content, lines

if TYPE_CHECKING:
    from rlviz.importers.log import Log

KINDS = {
    "tensorboard": "rlviz.importers.readers.tensorboard",
    "tensorboard_table": "rlviz.importers.readers.tensorboard_table",
    "sqlite": "rlviz.importers.readers.sqlite",
    "mlflow": "rlviz.importers.readers.mlflow",
    "trainer_state": "rlviz.importers.readers.trainer_state",
    "monitor": "rlviz.importers.readers.monitor",
    "tune": "rlviz.importers.readers.tune",
    "verl_file": "rlviz.importers.readers.verl_file",
    "nemo_gym": "rlviz.importers.readers.nemo_gym",
    "verl": "rlviz.importers.readers.verl",
    "console_dicts": "rlviz.importers.readers.console_dicts",
    "console_blocks": "rlviz.importers.readers.console_blocks",
    "console_tables": "rlviz.importers.readers.console_tables",
    "console_rows": "rlviz.importers.readers.console_rows",
    "csv": "rlviz.importers.readers.csv_table",
    "jsonl": "rlviz.importers.readers.json_lines",
}
"""Name of a kind, as `kind=` takes it -> module with its `READER`; readers are asked in order."""

_FIRST_BYTES = 1 << 16


class Start:
    """The beginning of a file, which shows its kind.

    Attributes:
        file: the file itself, for kinds that must look further.
        bytes: its first 64 KiB.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        with file.open("rb") as stream:
            self.bytes = stream.read(_FIRST_BYTES)

    @property
    def line(self) -> str:
        """Its first line of text that is neither empty nor a comment (a line that begins with
        "#"); of an endless line, what the first bytes hold of it."""
        if self._first_line is not None:
            return self._first_line
        return self.bytes.decode("utf-8-sig", errors="replace").lstrip()

    @property
    def is_endless(self) -> bool:
        """Whether that line is longer than any log's."""
        return self._first_line is None

    @cached_property
    def _first_line(self) -> str | None:
        return next((line for line in lines(self.file) if is_content(line)), "")


def _no(start: Start) -> bool:
    return False


def _none(path: Path) -> dict[str, list[Path]]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """How a folder holds a run of a kind.

    Attributes:
        holds: what to look for, in the plural or with an article: "TensorBoard event files".
        files: a folder -> the files of the run in it, none if it holds no such run.
        below: the runs somewhere below the folder, by name, each with its files; asked after all
            kinds' `files`.
    """

    holds: str
    files: Callable[[Path], list[Path]]
    below: Callable[[Path], dict[str, list[Path]]] = _none


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Everything that rlviz must know about a kind of log.

    Attributes:
        file: the name of one such file, with an article: "a CSV table".
        log: the name of the whole in the account of an import: "CSV table".
        missing: what a file has if it is not of this kind after all: "no number under the names …".
        read: the files of one run, in order, and the name of the log -> what they hold.
        begins: what the first line begins with, if that is so in every file of the kind.
        recognises: whether a file is surely of this kind.
        resembles: whether a file may be of this kind, if no kind is sure of it.
        names: lower-case patterns of the usual names of such files.
        folder: how a folder holds such a log, if the user can give a folder.
    """

    file: str
    log: str
    missing: str
    read: Callable[[Sequence[Path], str], "Log"]
    begins: tuple[str, ...] = ()
    recognises: Callable[[Start], bool] = _no
    resembles: Callable[[Start], bool] = _no
    names: tuple[str, ...] = ()
    folder: Folder | None = None


def reader_of(kind: str) -> Reader:
    """The reader of a kind.

    Raises:
        ValueError: the kind does not exist; the message names those that do.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
    reader: Reader = import_module(KINDS[kind]).READER
    return reader


def readers() -> dict[str, Reader]:
    """The readers of all kinds, in the order in which they are asked."""
    return {kind: reader_of(kind) for kind in KINDS}
