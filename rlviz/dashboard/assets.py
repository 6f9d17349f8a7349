"""The page's own files, read once; the plugin serves nothing else from the disk."""

import gzip
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from rlviz import conventions, palette, schema

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on

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
    """Name -> file, for all files of the page in the package."""
    folder = resources.files("rlviz.dashboard") / "static"
    if not folder.is_dir():
        return {}
    return {"vocabulary.js": Asset(_vocabulary(), _TYPES[".js"]), **_files(folder)}


def of_file() -> dict[str, Asset]:
    """Name -> file, for a page that is a file: it asks nobody, and starts by itself."""
    return load() | _files(resources.files("rlviz.dashboard") / "static" / "file")


def of_server() -> dict[str, Asset]:
    """Name -> file, for the page of a server of its own, which starts by itself."""
    return load() | _files(resources.files("rlviz.dashboard") / "static" / "server")


def _files(folder: "Traversable") -> dict[str, Asset]:
    found = {}
    for file in folder.iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in _TYPES and file.is_file():
            found[file.name] = Asset(file.read_bytes(), _TYPES[suffix])
    return found


def _vocabulary() -> bytes:
    """A module of the page, generated here: it has the colors, axes and labels of the figure."""
    values = {
        "AXES": {axis.name: asdict(axis) for axis in schema.AXES.values()},
        "QUANTITIES": {
            known.name: {"label": known.label, "scale": known.scale, "core": known.is_core}
            for known in schema.QUANTITIES.values()
        },
        "WORK_UNITS": schema.WORK_UNITS,
        "CONVENTIONS": {known.name: known.counts for known in conventions.CONVENTIONS.values()},
        "OF_RUNS": palette.OF_RUNS,
        "DASHES": palette.DASHES,
        "ALONE": {"dots": palette.BLUE, "curve": palette.RED},
    }
    return "".join(f"export const {k} = {json.dumps(v)};\n" for k, v in values.items()).encode()
