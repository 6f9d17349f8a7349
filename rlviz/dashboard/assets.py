"""The page's own files, read once: nothing else is ever served from the disk."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources

_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    content_type: str

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.content, compresslevel=9, mtime=0)

    @cached_property
    def tag(self) -> str:
        """Its ETag."""
        return sha256(self.content).hexdigest()[:24]


def load() -> dict[str, Asset]:
    """Name -> file, of all that the package has for the page."""
    folder = resources.files("rlviz.dashboard") / "static"
    if not folder.is_dir():
        return {}
    found = {}
    for file in folder.iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in _TYPES and file.is_file():
            found[file.name] = Asset(file.read_bytes(), _TYPES[suffix])
    return found
