"""`rlviz demo`: the built-in training run."""

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rlviz
from rlviz.cli.arguments import command, print_markdown


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "demo",
        "Train a parallel-agent orchestrator by RL on this CPU and record it.",
        "rlviz demo --open",
    )
    parser.add_argument(
        "--steps", type=_positive, help="training steps (default: about 2 minutes on two cores)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    parser.add_argument("--logdir", help="run directory (default: runs/demo-DATE-TIME)")
    parser.add_argument(
        "--open", action="store_true", help="serve TensorBoard on the run, until Ctrl-C"
    )
    parser.set_defaults(run=_demo)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _demo(options: argparse.Namespace) -> int:
    from rlviz.demo import show

    run = Path(options.logdir or time.strftime("runs/demo-%Y%m%d-%H%M%S"))
    with _tensorboard(run) if options.open else _no_tensorboard(run) as watching:
        finished = show.train(run, steps=options.steps, seed=options.seed)
        if not finished and not run.exists():
            print("Nothing was recorded yet.", file=sys.stderr)
            return 130
        history = rlviz.read(run)
        picture, text = run / "figure.png", run / "summary.md"
        rlviz.figure(history).savefig(picture)
        summary = rlviz.summarise(history).markdown()
        text.write_text(summary, encoding="utf-8")
        print_markdown(summary)
        print(f"figure:       {picture}\nsummary:      {text}\nTensorBoard:  {watching}")
        if options.open:
            print("Ctrl-C ends TensorBoard.", flush=True)
            _until_interrupted()
    return 0 if finished else 130


@contextmanager
def _no_tensorboard(run: Path) -> Iterator[str]:
    command = f"tensorboard --logdir {run}"
    print(f"Watch it live from another terminal:  {command}\n", flush=True)
    yield command


@contextmanager
def _tensorboard(run: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "tensorboard.main", "--reload_interval", "5"),
            *("--logdir", str(run), "--port", str(port)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C during training ends the training, not the page
    )
    try:
        url = f"http://localhost:{port}/"
        print(f"TensorBoard serves the run at {url}\n", flush=True)
        yield url
    finally:
        server.terminate()
        server.wait()


def _until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()
