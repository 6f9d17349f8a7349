"""The process that draws for a running callback: `python -m rlviz.report.figure_process`.

It answers each line of JSON on standard input, `{"run": directory}`, with a line of JSON, followed
by the bytes of the figure and of the summary that the line announces. It ends with its input, so it
never outlives the training process.
"""

import io
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import BinaryIO

from rlviz.report.figure.layout import figure
from rlviz.report.history import read
from rlviz.report.summary.claims import summarise


@dataclass(frozen=True, slots=True)
class _Answer:
    figure: bytes = b""
    summary: bytes = b""
    step: int = 0
    error: str = ""


def _draw(logdir: str) -> _Answer:
    try:
        history = read(logdir)
        png = io.BytesIO()
        figure(history).savefig(png, format="png", dpi=100)
        summary = summarise(history).markdown().encode()
        return _Answer(png.getvalue(), summary, int(history.step[-1]))
    except Exception as error:
        return _Answer(error=f"{type(error).__name__}: {error}")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    cpu_before = 0.0  # the first answer bears the cost of starting
    for line in requests:
        answer = _draw(json.loads(line)["run"])
        cpu_now = time.process_time()
        header = {
            "figure_bytes": len(answer.figure),
            "summary_bytes": len(answer.summary),
            "step": answer.step,
            "error": answer.error,
            "cpu_seconds": cpu_now - cpu_before,
        }
        cpu_before = cpu_now
        answers.write(json.dumps(header).encode() + b"\n" + answer.figure + answer.summary)
        answers.flush()


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)  # training goes first
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(0)  # nobody listens anymore: the run was killed
