"""Makes a regular file of text of what the user gives: unpacks it, recodes it, or says what it is.

Readers behind it open regular files only, and texts in UTF-8 only.
"""

import bz2
import codecs
import gzip
import lzma
import os
import select
import shutil
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rlviz import paths

MOST_BYTES = 1 << 31
"""A pipe that gives more, and a file that unpacks to more, holds no log."""
_MOST_GROWTH = 100
"""Logs unpack to 3 to 30 times their size; from 256 MB on, more than this is no log."""
_SMALL = 1 << 28
_CHUNK = 1 << 20
_FIRST = 1 << 16
_PATIENCE = 2.0
"""Seconds that a named pipe may take until somebody writes into it."""
_LEAST_NULS = 0.3

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = (
    (
        b":W&B",
        "wandb's file of transactions",
        "Export the run's history as CSV, or give the output.log in its folder files/",
    ),
    (b"PAR1", "a Parquet table", "Write it as CSV first (pandas: read_parquet, to_csv)"),
    (b"PK\x03\x04", "a zip archive or a PyTorch checkpoint", "Unpack it and give the log inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it and give the log inside"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "Write its metrics as CSV first"),
    (b"\x93NUMPY", "a NumPy array", "Write it as CSV with the names of its columns first"),
    (b"\x89PNG\r\n\x1a\n", "a picture", "Give the log that it was drawn from"),
    (b"%PDF-", "a PDF", "Give the log that it was made from"),
)
_TAR = slice(257, 262)
SQLITE = b"SQLite format 3\0"
"""How an SQLite database begins: the one kind of log that is no text, but for event files."""


class Given:
    """What the user gave as a log: a path, or "-" for the standard input.

    Attributes:
        path: the path; None for the standard input.
        name: what sentences call it.
    """

    def __init__(self, given: str | os.PathLike[str]) -> None:
        given = paths.local(given, "source")
        self.path: Path | None = Path(given)
        if given in ("-", "/dev/stdin"):
            self.path, self.name = None, "standard input"
        elif given.startswith(("/dev/fd/", "/proc/self/fd/")):  # a shell's <(command)
            self.name = "pipe"
        else:
            self.name = Path(os.path.realpath(given)).name if self.path else ""

    @property
    def stem(self) -> str:
        """The name without suffixes of packing and kind, for the name of a run."""
        name = "stdin" if self.path is None else self.name
        return Path(_unpacked_name(name)).stem


def regular(source: Given, spool: Path, notes: list[str]) -> Path:
    """A regular file with the source's content: unpacked, and in UTF-8 if it is a text.

    It is the file itself where nothing has to be done. Else it is a copy with the source's name and
    time, without the suffix of its packing.

    Args:
        source: what the user gave, not a folder.
        spool: a folder for copies.
        notes: gets a sentence for what is lost.

    Raises:
        FileNotFoundError: there is nothing at the path.
        ValueError: it is a device, a pipe that nobody writes into, packed in a way that can't be
            unpacked here, or a known kind of file that is no text. The message says what to do.
        OSError: it can't be read.
    """
    if source.path is None:
        chunks = iter(lambda: sys.stdin.buffer.read(_CHUNK), b"")
        return _plain(_copied(chunks, source.name, spool, MOST_BYTES), source.name, spool, notes)
    path = source.path
    state = path.stat()
    mode = state.st_mode
    if stat.S_ISREG(mode):
        if not state.st_size:
            path = _copied(_of_no_size(path), source.name, spool, _SMALL)
        return _plain(path, source.name, spool, notes)
    if stat.S_ISFIFO(mode):
        copy = _copied(_of_pipe(path), source.name, spool, MOST_BYTES)
        return _plain(copy, source.name, spool, notes)
    what = "a device" if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else "a socket"
    raise ValueError(f"{path} is {what} and holds no log. Give a file, a folder or a pipe.")


def _of_pipe(path: Path) -> Iterator[bytes]:
    """What is written into a pipe, until its writer closes it.

    Opening a pipe in the usual way waits for ever where nobody opens its other end.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as stream:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        came = poll.poll(1000 * _PATIENCE)  # the first bytes, or a writer that has closed it
        first = stream.read(_CHUNK)  # None: there is a writer that has written nothing yet
        if first == b"" and not came:
            raise ValueError(f"{path} is a pipe that nobody writes into. Start its writer first.")
        os.set_blocking(descriptor, True)
        if first:
            yield first
        yield from iter(lambda: stream.read(_CHUNK) or b"", b"")


def _of_no_size(path: Path) -> Iterator[bytes]:
    """What a file without a size holds: nothing, or what the system or a server makes as it is
    read. Some of the system's wait for news."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as stream:
        try:
            while chunk := stream.read(_CHUNK):
                yield chunk
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from error
    if chunk is None:
        raise ValueError(
            f"{path} is a file of the system that waits for news, and holds no log. Give a file "
            "that a program has written."
        )


def _copied(chunks: Iterable[bytes], name: str, spool: Path, most: int) -> Path:
    target = _fresh(spool, name)
    with target.open("wb") as copy:
        for chunk in chunks:
            copy.write(chunk)
            if copy.tell() > most:
                raise ValueError(
                    f"{name} gave more than {most >> 20:,} MiB, which no log has. Is it the right "
                    "one?"
                )
    return target


def _plain(file: Path, name: str, spool: Path, notes: list[str]) -> Path:
    """Unpack and recode a regular file; again, if what comes out is packed as well."""
    with file.open("rb") as stream:
        first = stream.read(_FIRST)
    unpacked = _unpacked(file, name, first, spool, notes)
    if unpacked is not None:
        return _plain(unpacked, _unpacked_name(name), spool, notes)
    if first.startswith(SQLITE):
        return file
    _refuse_what_is_no_text(name, first)
    encoding = _encoding(first)
    if encoding is None:
        return file
    target = _fresh(spool, name)
    with (
        file.open(encoding=encoding, errors="replace", newline="") as text,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        shutil.copyfileobj(text, copy, _CHUNK)
    return _of_its_time(target, file)


def _refuse_what_is_no_text(name: str, first: bytes) -> None:
    for begins, what, advice in _NO_TEXT:
        if first.startswith(begins):
            raise ValueError(f"{name} is {what}, which is no log that rlviz reads. {advice}.")
    if first and not first.strip(b"\0"):
        raise ValueError(f"{name} begins with {len(first):,} zero bytes: its content is lost.")
    if first[_TAR] == b"ustar":
        raise ValueError(f"{name} is a tar archive. Unpack it and give the log inside.")
    if first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05" and first[1:2]:
        raise ValueError(
            f"{name} is a pickle, which rlviz never loads: it could run any code. Write its "
            "metrics as JSON Lines or CSV first."
        )


def _zstd(file: Path) -> Any:
    try:
        import zstandard  # type: ignore[import-not-found, unused-ignore]  # rarely installed
    except ImportError:
        raise ValueError(
            f"{file.name} is packed by zstd. Unpack it first (zstd -d {file.name}), or: "
            "pip install zstandard."
        ) from None
    return zstandard.open(file, "rb")


_PACKINGS: dict[str, tuple[bytes, Callable[[Path], Any]]] = {
    ".gz": (b"\x1f\x8b", gzip.GzipFile),
    ".bz2": (b"BZh", bz2.BZ2File),
    ".xz": (b"\xfd7zXZ\0", lzma.LZMAFile),
    ".zst": (b"\x28\xb5\x2f\xfd", _zstd),
}
"""Suffix -> how such a file begins, and what unpacks it."""


def _unpacked_name(name: str) -> str:
    path = Path(name)
    return path.stem if path.suffix in _PACKINGS else name


def _unpacked(file: Path, name: str, first: bytes, spool: Path, notes: list[str]) -> Path | None:
    """A copy of a packed file without its packing; None if it isn't packed."""
    opening = next((o for begins, o in _PACKINGS.values() if first.startswith(begins)), None)
    if opening is None:
        return None
    most = min(MOST_BYTES, max(_SMALL, _MOST_GROWTH * file.stat().st_size))
    target = _fresh(spool, _unpacked_name(name))
    with opening(file) as packed, target.open("wb") as copy:
        for chunk in _chunks(packed, name, notes):
            copy.write(chunk)
            if copy.tell() > most:
                raise ValueError(
                    f"{name} unpacks to more than {most >> 20:,} MiB from "
                    f"{file.stat().st_size / (1 << 20):,.1f}, which no log does."
                )
    return _of_its_time(target, file)


def _chunks(packed: Any, name: str, notes: list[str]) -> Iterator[bytes]:
    """What was packed, up to where the rest is lost."""
    any_yet = False
    while True:
        try:
            chunk = packed.read1(_CHUNK)
        except Exception as error:  # each of the four libraries has errors of its own
            if not any_yet:
                raise ValueError(f"{name} is packed, and can't be unpacked: {error}.") from error
            notes.append(f"The end of {name} is lost: it can't be unpacked ({error}).")
            return
        if not chunk:
            return
        any_yet = True
        yield chunk


def _encoding(first: bytes) -> str | None:
    """The encoding of a text that isn't UTF-8; None for UTF-8 and for what is no text."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if first.startswith(mark):
            return encoding
    if len(first) < 8:
        return None
    # Without a mark: every second byte of an English text in UTF-16 is 0, and no other.
    even, odd = first[0::2], first[1::2]
    for zero, other, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zero.count(0) > (1 - _LEAST_NULS) * len(zero) and not other.count(0):
            return encoding
    return None


def _fresh(spool: Path, name: str) -> Path:
    """A new place for a copy under the same name."""
    folder = spool / f"{len(list(spool.iterdir()))}"
    folder.mkdir()
    return folder / (name or "log")


def _of_its_time(copy: Path, original: Path) -> Path:
    """A copy with the time of the original, which is that of a log without times of its own."""
    times = original.stat()
    os.utime(copy, (times.st_atime, times.st_mtime))
    return copy
