"""The demo as a person sees it: a live line while it trains, then the figure and the summary."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.live import Live
from rich.text import Text

import rlviz
from rlviz.demo import train as training

_PLAIN_SECONDS = 10.0
"""How often to print a line where no terminal can update one."""


def train(run: Path, *, steps: int | None, seed: int) -> bool:
    """Train and show the progress; returns whether the run came to its end (not after Ctrl-C)."""
    # The policy is tiny: a second thread waits for the first, and spins while it does.
    torch.set_num_threads(1)
    steps = training.DEFAULT_STEPS if steps is None else steps
    console = Console(file=sys.stdout)
    console.print(f"Training a parallel-agent orchestrator by RL, {steps} steps, seed {seed} …")
    with Live(console=console, auto_refresh=False, transient=False) as live:
        display = _Display(console, live)
        try:
            training.train(run, steps=steps, seed=seed, on_step=display.update)
        except KeyboardInterrupt:
            console.print("Interrupted: what is there is kept.")
            return False
    return True


@dataclass(frozen=True, slots=True)
class Results:
    """What a run ends with.

    Attributes:
        figure, summary: the files.
        markdown: the text of the summary.
    """

    figure: Path
    summary: Path
    markdown: str


def results(run: Path) -> Results:
    """Draw a run and say what happened in it, in two files beside its record."""
    history = rlviz.read(run)
    found = Results(run / "figure.png", run / "summary.md", rlviz.summarise(history).markdown())
    rlviz.figure(history).savefig(found.figure)
    found.summary.write_text(found.markdown, encoding="utf-8")
    return found


class _Display:
    """Redraws one line in a terminal; elsewhere prints a line now and then."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live
        self._printed = time.monotonic() - _PLAIN_SECONDS
        self._first_step_seconds: float | None = None

    def update(self, progress: training.Progress) -> None:
        if self._first_step_seconds is None:  # it also starts up what later steps use
            self._first_step_seconds = progress.elapsed_seconds
        line = progress_line(progress, self._first_step_seconds)
        if self._console.is_terminal:
            self._live.update(Text(line), refresh=True)
            return
        now, last = time.monotonic(), progress.step == progress.steps
        if last or now - self._printed >= _PLAIN_SECONDS:
            self._printed = now
            self._console.print(line, highlight=False, soft_wrap=True)


def progress_line(progress: training.Progress, first_step_seconds: float) -> str:
    """One line: step, accuracy, average parallelism, RL FLOPs, time left."""
    done, total = progress.step, progress.steps
    each = (progress.elapsed_seconds - first_step_seconds) / max(done - 1, 1)
    minutes, seconds = divmod(round(each * (total - done)), 60)
    left = f"{minutes}:{seconds:02d}" if done > 1 or done == total else "?"
    return (
        f"step {done:>{len(str(total))}}/{total}  accuracy {100 * progress.accuracy:4.1f}%  "
        f"avg parallelism {progress.average_parallelism:.2f}  "
        f"RL FLOPs {progress.flops_total:.1e}  left {left}"
    )
