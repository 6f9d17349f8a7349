"""The system calls that bring a run to the disk, in one place, so that tests can fail each."""

import os
import stat
from pathlib import Path


class System:
    """What the event files ask of the operating system. Every method raises OSError."""

    def make_directory(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def names(self, path: Path) -> list[str]:
        """The names in a directory."""
        return os.listdir(path)

    def create(self, path: Path) -> int:
        """Create a file to append to; returns its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)

    def write(self, fd: int, data: bytes) -> int:
        """Write bytes; returns how many the system took."""
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        """Force what was written to the disk."""
        os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)

    def sync_left(self, path: Path) -> None:
        """Force to the disk what another process left in a file."""
        if not stat.S_ISREG(path.stat().st_mode):
            return
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self.sync(fd)
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Shorten a file."""
        os.ftruncate(fd, size)

    def is_at(self, fd: int, path: Path) -> bool:
        """Whether the open file still stands under its name."""
        try:
            return os.path.samestat(os.stat(path), os.fstat(fd))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def remove(self, path: Path) -> None:
        path.unlink()

    def close(self, fd: int) -> None:
        os.close(fd)


SYSTEM = System()
"""The one that event files use unless they are given another."""
