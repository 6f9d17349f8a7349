"""`rlviz demo`: the built-in training run."""

import argparse
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rlviz import paths
from rlviz.cli.arguments import command, print_markdown


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "demo",
        "Train a parallel-agent orchestrator by RL on this CPU and record it.",
        "rlviz demo --open",
    )
    parser.add_argument(
        "--steps", type=_positive, help="training steps (default: 500, 2 to 3 minutes on two cores)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")
    parser.add_argument("--logdir", help="a new run directory (default: runs/demo-DATE-TIME)")
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

    given = options.logdir or time.strftime("runs/demo-%Y%m%d-%H%M%S")
    run = Path(paths.local(given, "--logdir"))
    paths.refuse_a_run(run)  # before TensorBoard shows it
    with _tensorboard(run) if options.open else _no_tensorboard(run) as watching:
        finished = show.train(run, steps=options.steps, seed=options.seed)
        if not finished and not run.exists():
            print("Nothing was recorded yet.", file=sys.stderr)
            return 130
        results = show.results(run)
        print_markdown(results.markdown)
        print(f"figure:       {results.figure}\nsummary:      {results.summary}")
        print(f"TensorBoard:  {watching}")
        if options.open:
            print("Ctrl-C ends TensorBoard.", flush=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
            print()
    return 0 if finished else 130


@contextmanager
def _no_tensorboard(run: Path) -> Iterator[str]:
    command = f"tensorboard --logdir {run}"
    print(f"Watch it live from another terminal:  {command}\n", flush=True)
    yield command


@contextmanager
def _tensorboard(run: Path) -> Iterator[str]:
    from rlviz.dashboard.launch import serving

    with serving(run) as url:
        print(f"TensorBoard serves the run at {url}\n", flush=True)
        yield url
