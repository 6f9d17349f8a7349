"""Which runs there are below some directories, and under which names the page lists them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


def run_directories(given: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The directories with event files, by the names that the page gives them.

    A directory above runs stands for all of them. They are listed below the given name; if nothing
    else is given, by their paths alone, as TensorBoard lists them.

    Args:
        given: name -> directories of runs, or above some.

    Raises:
        FileNotFoundError: one is no directory.
    """
    found: dict[str, Path] = {}
    is_alone = len(given) == 1
    for name, roots in given.items():
        for root in roots:
            if not root.is_dir():
                raise FileNotFoundError(
                    f"there is no directory {root}. Give that of a run, or of one above several."
                )
            above = "" if is_alone and len(roots) == 1 else name
            for path in _below(root):
                parts = [] if path == root else [path.relative_to(root).as_posix()]
                if len(roots) > 1:
                    parts.insert(0, root.resolve().name)
                found["/".join(part for part in (above, *parts) if part) or name] = path
    return found


def _below(root: Path) -> Iterator[Path]:
    """The directories that hold event files, in the order of their names; no link is followed, so
    none leads round in a circle."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        if any("tfevents" in file for file in files):
            yield Path(folder)
