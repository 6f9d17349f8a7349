"""Which runs there are below some directories, and under which names the page lists them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from rlviz.report.series.groups import distinct_ends


def run_directories(given: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The directories with event files, by the names that the page gives them.

    A directory above runs stands for all of them. They are listed below the given name; if nothing
    else is given, by their paths alone, as TensorBoard lists them. Of several directories under one
    name each adds its own, with as many parents as it takes to tell them apart.

    Args:
        given: name -> directories of runs, or above some.

    Raises:
        FileNotFoundError: one is no directory.
        ValueError: one is given twice under a name, or two runs would be listed by one name.
    """
    found: dict[str, Path] = {}
    for name, roots in given.items():
        for root in roots:
            if not root.is_dir():
                raise FileNotFoundError(
                    f"there is no directory {root}. Give that of a run, or of one above several."
                )
        for root, end in zip(roots, _ends(name, roots), strict=True):
            below = {
                "" if path == root else path.relative_to(root).as_posix(): path
                for path in _below(root)
            }
            is_clear = "" not in below or name not in below  # the root's own run has its name
            above = "" if len(given) == len(roots) == 1 and is_clear else name
            for inside, path in below.items():
                listed = "/".join(part for part in (above, end, inside) if part) or name
                if listed in found:
                    raise ValueError(
                        f"{found[listed]} and {path} would both be listed as {listed!r}. Give them "
                        "other names: NAME=RUN."
                    )
                found[listed] = path
    return found


def _ends(name: str, roots: Sequence[Path]) -> list[str]:
    """What each of the directories under one name adds to it; nothing if it is the only one."""
    if len(roots) == 1:
        return [""]
    ends = distinct_ends([PurePath(*root.resolve().parts[1:]) for root in roots])
    if ends is None:
        given = ", ".join(map(str, roots))
        raise ValueError(f"{name!r} has a directory twice: {given}. Give each once.")
    return ends


def _below(root: Path) -> Iterator[Path]:
    """The directories that hold event files, in the order of their names; no link is followed, so
    none leads round in a circle."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        if any("tfevents" in file for file in files):
            yield Path(folder)
