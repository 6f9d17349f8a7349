"""The page's own files, read once; the plugin serves nothing else from the disk."""

import gzip
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING

from rlviz import conventions, palette, schema
from rlviz.dashboard.bundle import bundle

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable  # from Python 3.11 on


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
    """Name -> file, for the page as TensorBoard's tab. All modules are one file, `index.js`: a page
    of forty would take forty requests, one level of imports after the other."""
    return _joined("index", None) | {"style.css": style()}


def of_server() -> dict[str, Asset]:
    """Name -> file, for the page of a server of its own, which starts by itself."""
    return _joined("start", "server") | {"style.css": style()}


def style() -> Asset:
    return Asset((_folder() / "style.css").read_bytes(), "text/css")


def modules(part: str | None) -> dict[str, str]:
    """Name -> text of the page's modules.

    Args:
        part: the folder of the modules that only a page of one kind has or has otherwise: "file",
            "server", or None for the tab's.
    """
    found = {"vocabulary": _vocabulary()}
    for folder in [_folder()] if part is None else [_folder(), _folder() / part]:
        for file in folder.iterdir():
            name, _, suffix = file.name.rpartition(".")
            if suffix == "js":
                found[name] = file.read_text(encoding="utf-8")
    return found


def _joined(entry: str, part: str | None) -> dict[str, Asset]:
    """The modules as one that exports what the entry does, under its name."""
    found = modules(part)
    script = bundle(found, entry, is_module=True)
    return {f"{entry}.js": Asset(script.encode(), "text/javascript")}


def _folder() -> "Traversable":
    return resources.files("rlviz.dashboard") / "static"


def _vocabulary() -> str:
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
    return "".join(f"export const {k} = {json.dumps(v)};\n" for k, v in values.items())
