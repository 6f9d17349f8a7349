"""Starts TensorBoard on some runs, in this process or a separate one, and waits for its page.

The module itself, run with `LOGDIR HOST PORT`, serves until it is told to stop.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rlviz.dashboard.loader import Loader
from rlviz.own_process import command_of
from rlviz.schema import PLUGIN

_RELOAD_SECONDS = 1


@contextlib.contextmanager
def logdir_of(runs: Mapping[str, Path]) -> Iterator[Path]:
    """A directory in which TensorBoard finds the runs by their names.

    TensorBoard reads a single tree fastest (its data server knows nothing else). So several runs
    are linked into one directory; a directory above runs is used as it is.

    Args:
        runs: name -> directory, of a run or above some.
    """
    if len(runs) == 1:
        (only,) = runs.values()
        if not any(only.glob("*tfevents*")):
            yield only
            return
    with TemporaryDirectory(prefix="rlviz-watch-") as folder:
        for name, path in runs.items():
            (Path(folder) / name).symlink_to(path.resolve(), target_is_directory=True)
        yield Path(folder)


def plugins() -> list[Any]:
    """All plugins of TensorBoard, with this one even if rlviz is not installed and so has no entry
    point."""
    from tensorboard import default

    found: list[Any] = default.get_plugins()
    return found if Loader in found else [*found, Loader]


def launch(logdir: Path, *, host: str, port: int | None) -> str:
    """Start TensorBoard in threads of this process; returns the address of the page.

    Args:
        logdir: the directory that it reads.
        host: the address that it listens on.
        port: the port; None for the usual one or one near it, 0 for any free one.

    Raises:
        OSError: it can't listen there.
    """
    from tensorboard import program

    board = program.TensorBoard(plugins=plugins())
    board.configure(logdir=str(logdir), host=host, port=port, reload_interval=_RELOAD_SECONDS)
    try:
        url: str = board.launch()
    except program.TensorBoardServerException as error:
        raise OSError(f"{error.msg}.") from None
    return f"{url}#{PLUGIN}"


def wait_for_rows(url: str, seconds: float) -> bool:
    """Whether TensorBoard finds a run within that time; its tab can't be opened before."""
    listing = url.partition("#")[0] + "data/plugins_listing"
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with urllib.request.urlopen(listing, timeout=seconds) as answer:
            if json.load(answer).get(PLUGIN, {}).get("enabled"):
                return True
        time.sleep(0.1)
    return False


@contextlib.contextmanager
def serving(logdir: Path) -> Iterator[str]:
    """Run TensorBoard in a separate process while this one goes on; yields its address.

    It takes seconds to start, and Ctrl-C here does not reach it.
    """
    host = "localhost"
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        command_of("rlviz.dashboard.launch", str(logdir), host, str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield f"http://{host}:{port}/"
    finally:
        server.terminate()
        server.wait()


def serve(logdir: str, host: str, port: str) -> None:
    """The process of `serving`: it runs until SIGTERM or Ctrl-C and leaves nothing behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        launch(Path(logdir), host=host, port=int(port))
        threading.Event().wait()


if __name__ == "__main__":
    serve(*sys.argv[1:])
