"""`rlviz watch`: TensorBoard, opened on the RL FLOPs page."""

import argparse
import os
import signal
import sys
import threading
import webbrowser
from pathlib import Path

from rlviz.cli.arguments import add_runs, command, named_runs

_PATIENCE_SECONDS = 10.0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "watch",
        "Watch runs live in TensorBoard, over RL FLOPs.",
        "rlviz watch runs                          # every run below it\n"
        "rlviz watch runs/swarm-7b\n"
        "rlviz watch base=runs/a wide=runs/b       # under names of your own\n"
        "rlviz watch runs --port 6007 --no-browser\n"
        "rlviz watch runs --standalone             # the page alone, without TensorBoard\n\n"
        "Runs and steps come up by themselves as they are written. Ctrl-C ends it.",
    )
    add_runs(
        parser,
        what="the directory of a run, or one above several",
        names="NAME=RUN gives it a name",
    )
    parser.add_argument(
        "--port", type=_port, help="default: 6006, or the next free one; 0: any free one"
    )
    parser.add_argument(
        "--host",
        default="localhost",
        help="the address to listen on (default: localhost; 0.0.0.0 lets other machines in)",
    )
    parser.add_argument(
        "--standalone",
        action="store_true",
        help="only the page, by a small server that reads the directories itself: no TensorBoard",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.set_defaults(run=_watch)


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {2**16 - 1}, got {text}")
    return port


def _watch(options: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left behind
    runs = _directories(options.runs)
    if options.standalone:
        return _alone(options, runs)
    from rlviz.dashboard.launch import launch, logdir_of, wait_for_rows  # loads TensorBoard

    with logdir_of(runs) as logdir:
        url = launch(logdir, host=options.host, port=options.port)
        print(url, flush=True)
        try:
            if not options.no_browser and _has_screen():
                wait_for_rows(url, _PATIENCE_SECONDS)
                webbrowser.open(url)
            threading.Event().wait()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0


def _alone(options: argparse.Namespace, runs: dict[str, Path]) -> int:
    from rlviz.dashboard.folder_catalog import FolderCatalog
    from rlviz.dashboard.server import open_server

    catalog = FolderCatalog({name: [path] for name, path in runs.items()})
    server, url = open_server(catalog, host=options.host, port=options.port)
    print(url, flush=True)
    if not options.no_browser and _has_screen():
        webbrowser.open(url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0


def _directories(given: list[str]) -> dict[str, Path]:
    """Name -> directory; the names become the names of links.

    Raises:
        FileNotFoundError: a directory does not exist.
        ValueError: a name can't be the name of a link, or see `named_runs`.
    """
    found: dict[str, Path] = {}
    for name, paths in named_runs(given).items():
        path = ",".join(paths)  # of one run: `watch` shows seeds one by one
        if not Path(path).is_dir():
            raise FileNotFoundError(
                f"there is no directory {path}. Give that of a run, or create it."
            )
        if "/" in name or name in (".", ".."):
            raise ValueError(
                f"{name!r} gives no name to a run. Write NAME=RUN, NAME without a '/'."
            )
        found[name] = Path(path)
    return found


def _has_screen() -> bool:
    """Whether a browser has a screen to open on; without one, a text browser would take over the
    terminal."""
    known = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in known)
