"""The command line: arguments, help and exit codes; the work is done elsewhere."""

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import rlviz

_DESCRIPTION = """\
See what reinforcement learning buys with its compute: training accuracy and average
parallelism over cumulative RL FLOPs."""

_EPILOG = """\
examples:
  rlviz demo                        train a small agent swarm and watch it learn (2 minutes)
  tensorboard --logdir runs         watch any run live
  rlviz plot runs/swarm-7b          draw its figure
  rlviz summary runs/swarm-7b       say what happened
  rlviz export runs/swarm-7b        write its table as CSV
  rlviz doctor runs/swarm-7b        say what of it was lost, and what to do"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (OSError, ImportError, ValueError) as error:
        print(f"rlviz: {_sentence(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # the system's, not one of ours
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rlviz",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rlviz {rlviz.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_demo(commands)
    _add_plot(commands)
    _add_summary(commands)
    _add_export(commands)
    _add_doctor(commands)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    example: str,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=text[0].lower() + text[1:].rstrip("."),
        description=text,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "logdir", metavar="RUN", help="the run's directory; it may still be being written"
    )


# --- demo ------------------------------------------------------------------


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "demo",
        "Train a parallel-agent orchestrator by RL on this CPU and record it.",
        "rlviz demo --open",
    )
    parser.add_argument("--steps", type=_positive, help="training steps (default: about 2 minutes)")
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
        _print_markdown(summary)
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


# --- plot ------------------------------------------------------------------


def _add_plot(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "plot",
        "Draw the two-panel figure of a run.",
        "rlviz plot runs/swarm-7b -o figure.pdf",
    )
    _add_run(parser)
    parser.add_argument(
        "-o", "--output", help="PNG, SVG or PDF by its suffix (default: RUN/figure.png)"
    )
    parser.add_argument(
        "--x", choices=("flops", "step", "wall_time"), default="flops", help="(default: flops)"
    )
    parser.set_defaults(run=_plot)


def _plot(options: argparse.Namespace) -> int:
    history = rlviz.read(options.logdir)
    output = Path(options.output or Path(options.logdir) / "figure.png")
    if output.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"can't draw {output.name!r}. End it with .png, .svg or .pdf.")
    rlviz.figure(history, x=options.x).savefig(output)
    print(output)
    return 0


# --- summary ---------------------------------------------------------------


def _add_summary(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "summary",
        "Say what happened in a run.",
        "rlviz summary runs/swarm-7b --format json",
    )
    _add_run(parser)
    parser.add_argument("--format", choices=("markdown", "json"), default="markdown")
    parser.add_argument("-o", "--output", help="a file instead of the terminal")
    parser.set_defaults(run=_summary)


def _summary(options: argparse.Namespace) -> int:
    summary = rlviz.summarise(rlviz.read(options.logdir))
    as_json = options.format == "json"
    text = json.dumps(summary.to_dict(), indent=2) + "\n" if as_json else summary.markdown()
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
        print(options.output)
    elif as_json:
        print(text, end="")
    else:
        _print_markdown(text)
    return 0


def _print_markdown(text: str) -> None:
    """Rendered for a terminal; as it is for a pipe."""
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


# --- export ----------------------------------------------------------------


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "export",
        "Write a run's table, one row a step.",
        "rlviz export runs/swarm-7b -o swarm.jsonl",
    )
    _add_run(parser)
    parser.add_argument(
        "-o", "--output", help="CSV, JSON Lines or NPZ by its suffix (default: RUN/table.csv)"
    )
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from rlviz.report.export import export

    output = Path(options.output or Path(options.logdir) / "table.csv")
    export(rlviz.read(options.logdir), output)
    print(output)
    return 0


# --- doctor ----------------------------------------------------------------


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _command(
        commands,
        "doctor",
        "Say whether a run on disk is sound, and what to do if not.",
        "rlviz doctor runs/swarm-7b || echo 'something of it is lost'\n\n"
        "exit codes:\n"
        "  0  sound\n"
        "  1  something is lost, or will be: read it\n"
        "  2  not a run",
    )
    _add_run(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from rlviz.report.doctor import examine

    diagnosis = examine(options.logdir)
    as_json = options.format == "json"
    print(json.dumps(diagnosis.to_dict(), indent=2) + "\n" if as_json else diagnosis.text(), end="")
    return 0 if diagnosis.is_sound else 1
