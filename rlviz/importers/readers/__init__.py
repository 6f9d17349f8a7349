"""The kinds of logs that can be imported: one file reads each, and `KINDS` lists them all.

A new kind is a file that has a `Reader` called `READER`, and its line in `KINDS`. From there the
command line, the errors and the account of an import know it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlviz.importers.log import Log

KINDS = {
    "tensorboard": "rlviz.importers.readers.tensorboard",
    "trainer_state": "rlviz.importers.readers.trainer_state",
    "verl": "rlviz.importers.readers.verl",
    "csv": "rlviz.importers.readers.csv_table",
    "jsonl": "rlviz.importers.readers.json_lines",
}
"""Name of a kind, as `kind=` takes it -> the module that has its `READER`; asked in this order."""

_FIRST_BYTES = 1 << 16


class Start:
    """The beginning of a file, by which its kind is told.

    Attributes:
        file: the file itself, for kinds that must look further.
        bytes: its first 64 KiB.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        with file.open("rb") as stream:
            self.bytes = stream.read(_FIRST_BYTES)

    @cached_property
    def line(self) -> str:
        """Its first line of text that is neither empty nor a comment, which begins with "#"."""
        with self.file.open(encoding="utf-8-sig", errors="replace") as stream:
            return next((line for line in stream if line.strip() and line[0] != "#"), "")


def _no(start: Start) -> bool:
    return False


def _none(path: Path) -> list[Path]:
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """How the run of a kind stands in a folder.

    Attributes:
        holds: what is looked for, in the plural or with an article: "TensorBoard event files".
        files: a folder -> the files of the run in it, none if it holds no such run.
        below: the same for one run somewhere below the folder, asked after all kinds' `files`.
            ValueError if there are several.
    """

    holds: str
    files: Callable[[Path], list[Path]]
    below: Callable[[Path], list[Path]] = _none


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """All that is to be known of a kind of log.

    Attributes:
        file: what one of its files is called, with an article: "a CSV table".
        log: what the whole is called in the account of an import: "CSV table".
        missing: what a file has if it is not of this kind after all: "no number under the names …".
        example: what a line of it looks like, where its name says too little.
        read: the files of one run, in order, and the name of the log -> what they hold.
        begins: what the first line begins with, if every file of the kind begins so.
        recognises: whether a file is surely of this kind.
        resembles: whether it may be, where it is surely of no kind.
        names: patterns, lower case, of the names that such files usually have.
        folder: how it stands in a folder, if a folder can be given for it.
    """

    file: str
    log: str
    missing: str
    read: Callable[[Sequence[Path], str], "Log"]
    example: str = ""
    begins: tuple[str, ...] = ()
    recognises: Callable[[Start], bool] = _no
    resembles: Callable[[Start], bool] = _no
    names: tuple[str, ...] = ()
    folder: Folder | None = None


def reader_of(kind: str) -> Reader:
    """The reader of a kind.

    Raises:
        ValueError: there is no such kind; those that there are are named.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
    reader: Reader = import_module(KINDS[kind]).READER
    return reader


def readers() -> dict[str, Reader]:
    """The readers of all kinds, in the order in which they are asked."""
    return {kind: reader_of(kind) for kind in KINDS}
