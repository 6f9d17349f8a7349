"""Opens a source as a log: decides which of its files to read, and as which kind."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rlviz import wording
from rlviz.importers.intake import Given, regular
from rlviz.importers.log import Log
from rlviz.importers.options import check_name, checked_path, option
from rlviz.importers.readers import Start, reader_of, readers
from rlviz.importers.several import chosen
from rlviz.importers.text import LONGEST_LINE

Source = str | os.PathLike[str]

_MOST_NAMES = 4


def open_log(
    source: Source | Sequence[Source], kind: str | None = None, run: str | None = None
) -> Log:
    """Read a log, as the given kind or else the kind that its content shows.

    Args:
        source: a file; a folder that can hold a kind of log; several files of one run, in order;
            or "-" for the standard input.
        kind: one of `rlviz.importers.readers.KINDS`, or None.
        run: of a folder of several runs, which one; else it is left to `several.one_of`.

    Raises:
        FileNotFoundError: the file does not exist, or the folder holds nothing to import.
        TypeError: the source is neither a path nor a sequence of paths.
        ValueError: the kind does not exist or can't be told, or the files are of several kinds.
        OSError: a file can't be read.
    """
    check_name("kind", kind, "the name of a kind of log")
    if kind is not None:
        reader_of(kind)
    several: Any = source
    if isinstance(source, (str, bytes)) or not isinstance(source, (Sequence, Iterator)):
        several = [source]
    given: list[Source] = list(several)
    for one in given:
        checked_path("source", one)
    if not given:
        raise ValueError("source must name at least one file, got an empty list.")
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rlviz-import-") as spool:
        files = [file for one in given for file in _files(one, run, Path(spool), notes)]
        kinds = [kind or kind_of(file) for file in files]
        for file, its in zip(files, kinds, strict=True):
            if its != kinds[0]:
                raise ValueError(
                    f"the files of one run must be of one kind, but {files[0].name} is {kinds[0]} "
                    f"and {file.name} is {its}. Import them as two runs."
                )
        name = Given(given[0]).name
        log = reader_of(kinds[0]).read(files, name)
        if kind is not None and not log.series:
            raise ValueError(_not_of(kind, files[0]))
    log.kind = kinds[0]
    log.notes += notes
    if run is not None and any(run in runs_below(one) for one in given):
        log.run = run
    return log


def runs_below(source: Source) -> tuple[str, ...]:
    """The names of the runs that a folder holds in folders below it; empty for all else."""
    path = Given(source).path
    if path is None or not path.is_dir() or any(find(path) for find in _finds()):
        return ()
    return tuple(_below(path))


def _finds() -> list[Callable[[Path], list[Path]]]:
    return [reader.folder.files for reader in readers().values() if reader.folder is not None]


def _below(path: Path) -> dict[str, list[Path]]:
    folders = [reader.folder for reader in readers().values() if reader.folder is not None]
    return next((runs for folder in folders if (runs := folder.below(path))), {})


def _not_of(kind: str, file: Path) -> str:
    """What to say about a file that lacks everything of the kind that the user named."""
    says = f"{file.name} has {reader_of(kind).missing}."
    try:
        looks = kind_of(file)
    except ValueError:
        return f"{says} It is none of the logs that rlviz knows."
    if looks == kind:
        return f"{says} There is nothing to import."
    return f"{says} It looks like {reader_of(looks).file}: give {option('kind', looks)}, or none."


def kind_of(file: Path) -> str:
    """The kind of a file, by its content.

    Raises:
        ValueError: the file is of no known kind.
    """
    start = Start(file)
    if not start.bytes.strip():
        raise ValueError(f"{file.name} is empty.")
    known = readers()
    for kind, reader in known.items():
        begins = not reader.begins or start.line.lstrip().startswith(reader.begins)
        if begins and reader.recognises(start):
            return kind
    for kind, reader in known.items():
        if reader.resembles(start):
            return kind
    if start.is_endless:
        raise ValueError(
            f"{file.name} is no log that rlviz knows: its first line has more than "
            f"{LONGEST_LINE:,} characters."
        )
    called = [reader.file for reader in known.values()]
    begins_with = start.line.strip()[:60]
    is_text = "\ufffd" not in begins_with and begins_with.replace("\t", " ").isprintable()
    raise ValueError(
        f"{file.name} is none of the logs that rlviz knows: {', '.join(called[:-1])} or "
        f"{called[-1]}. {f'It begins {begins_with!r}' if is_text else 'It begins with no text'}. "
        f"If it is one, say so: {option('kind')}. Else write its steps into a CSV table or JSON "
        "Lines, a row for each, and import that."
    )


def _files(source: Source, run: str | None, spool: Path, notes: list[str]) -> list[Path]:
    given = Given(source)
    path = given.path
    if path is not None and path.is_dir():
        taken = _in_folder(path, run)
        notes += _left_out(path, taken)
        return [regular(Given(file), spool, notes) for file in taken]
    if path is not None and not path.exists():
        raise FileNotFoundError(f"there is no file {path} to import.")
    return [regular(given, spool, notes)]


def _in_folder(path: Path, run: str | None) -> list[Path]:
    """The files of the run that a folder holds."""
    folders = [reader.folder for reader in readers().values() if reader.folder is not None]
    for find in _finds():
        if files := find(path):
            return files
    if below := _below(path):
        names = tuple(below)
        return below[names[0] if len(names) == 1 else chosen(names, run, f"{path} holds")]
    if len(tables := _tables(path)) == 1:
        return tables
    logs = [name for name, is_log in _others(path, []) if is_log]
    has = f": {wording.some(logs, _MOST_NAMES, form=str)}" if logs else ""
    raise FileNotFoundError(
        f"{path} holds neither {' nor '.join(one.holds for one in folders)}. For another log, "
        f"name the file{has}."
    )


def _tables(path: Path) -> list[Path]:
    """The tables in a folder: it may hold a run that is nothing but one, beside its settings."""
    suffixes = (".csv", ".tsv", ".jsonl")
    named = [file for file in sorted(path.iterdir()) if file.suffix.lower() in suffixes]
    return [file for file in named if file.is_file() and not file.name.startswith(".")]


def _left_out(path: Path, taken: Sequence[Path]) -> list[str]:
    """A sentence on what was taken from a folder and what was not; empty if everything was."""
    others = _others(path, taken)
    if not others:
        return []
    names = [name for name, _ in sorted(others, key=lambda other: not other[1])]
    here = wording.some([str(file.relative_to(path)) for file in taken], _MOST_NAMES, form=str)
    left = wording.some(names, _MOST_NAMES, form=str)
    return [f"Of the folder {path} was taken {here}; left out: {left}."]


def _others(path: Path, taken: Sequence[Path]) -> list[tuple[str, bool]]:
    """The other entries of a folder, each with whether it may be a log."""
    known = readers().values()
    named = [pattern for reader in known for pattern in reader.names]
    in_folders = [pattern for reader in known if reader.folder for pattern in reader.names]
    found = []
    for entry in sorted(path.iterdir()):
        if entry in taken or entry.name.startswith("."):
            continue
        if not entry.is_dir():
            is_log = any(fnmatchcase(entry.name.lower(), pattern) for pattern in named)
            found.append((entry.name, is_log))
        elif entry not in {file.parent for file in taken}:
            holds_logs = any(next(entry.glob(f"**/{one}"), None) for one in in_folders)
            found.append((f"{entry.name}/", holds_logs))
    return found
