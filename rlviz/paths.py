"""Paths that users give: of this machine, not the URL of a store, and for a new run a free one.

`pathlib` takes "s3://bucket/run" for the directory "s3:" of the working directory, where nobody
looks for it.
"""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from rlviz.wording import shown

_URL = re.compile(
    r"\s*(?P<chain>(?:[a-z][a-z0-9_+.-]*::)*)"  # as fsspec's simplecache::s3://bucket/run
    r"(?P<scheme>[a-z][a-z0-9_+.-]+)"  # two letters or more: C:/ is a drive
    r":(?P<rest>/.*)",  # one slash: that is what pathlib leaves of two
    re.IGNORECASE | re.DOTALL,
)
_COPIERS = {
    "s3": "aws s3 sync",
    "s3a": "aws s3 sync",
    "gs": "gcloud storage rsync -r",
    "gcs": "gcloud storage rsync -r",
}


def local(given: str | os.PathLike[str], argument: str) -> str:
    """The path behind what a user gave: a `file:` URL as its path, all else unchanged.

    Args:
        given: a path.
        argument: what it is called in the error.

    Raises:
        TypeError: it is no path.
        ValueError: it is a URL of another place. An object that makes a local copy of one, as
            `cloudpathlib` does, is that too.

    >>> local("runs/swarm-7b", "logdir"), local("file:///runs/50%25", "logdir")
    ('runs/swarm-7b', '/runs/50%')
    """
    if not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"{argument} must be a path, got {shown(given)} ({type(given).__name__}).")
    # What it is called is asked before its path, for which such an object may fetch the copy.
    text = str(given) if isinstance(given, os.PathLike) else given
    found = _URL.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return os.fspath(given)
    scheme = found["scheme"].lower()
    if scheme != "file" or found["chain"]:
        raise ValueError(_elsewhere(text, scheme, argument))
    path = re.sub(r"^//(localhost)?(?=/)", "", found["rest"], flags=re.IGNORECASE)
    if path.startswith("//") and path.strip("/"):
        raise ValueError(
            f"{argument} {shown(text)} names the machine {path[2:].partition('/')[0]!r}. Write "
            "file:///… with three slashes, or the path alone."
        )
    return unquote(path)


def refuse_a_run(folder: Path) -> None:
    """Stop what makes a new run from replacing one, or from mixing with it.

    Raises:
        FileExistsError: the folder holds event files, of a run that is over or still written.
    """
    if any(folder.glob("*tfevents*")):
        raise FileExistsError(f"{folder} already holds a run. Name another directory.")


def _elsewhere(text: str, scheme: str, argument: str) -> str:
    copier = f"`{_COPIERS[scheme]}`" if scheme in _COPIERS else "the tool of that store"
    return (
        f"{argument} {shown(text)} is a URL, and rlviz reads and writes files of this machine "
        f"alone. Give a path here, which may be in a mounted store, and copy from or to the URL "
        f"with {copier}. If a directory here is called so, give its absolute path."
    )
