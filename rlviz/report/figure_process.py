"""The process that draws for a running callback: `python -m rlviz.report.figure_process`.

It answers each line of JSON on standard input, `{"run": directory, "parent": pid}`, with a line of
JSON, followed by the bytes of the figure and of the summary that the line announces. With
`"curves": true` that line holds the points of the figure's curves too. It ends with its input, and
with its parent, the training process, however that dies: children that this has forked may hold the
other end of the input open.
"""

import io
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from rlviz.report.figure.layout import figure
from rlviz.report.history import History, read
from rlviz.report.series.curves import default_curves
from rlviz.report.summary.claims import summarise

_WATCH_SECONDS = 0.5
_MOST_POINTS = 500


@dataclass(frozen=True, slots=True)
class _Answer:
    figure: bytes = b""
    summary: bytes = b""
    step: int = 0
    error: str = ""
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)


def _draw(logdir: str, *, with_curves: bool) -> _Answer:
    try:
        history = read(logdir)
        png = io.BytesIO()
        figure(history).savefig(png, format="png", dpi=100)
        summary = summarise(history).markdown().encode()
        curves = _curves(history) if with_curves else {}
        return _Answer(png.getvalue(), summary, int(history.step[-1]), curves=curves)
    except Exception as error:
        return _Answer(error=f"{type(error).__name__}: {error}")


def _curves(history: History) -> dict[str, dict[str, Any]]:
    """The figure's curves: name of the metric -> unit of the axis and points, evenly chosen where
    there are many."""
    found = {}
    for name, curve in default_curves(history).items():
        kept = np.unique(np.linspace(0, len(curve.x) - 1, _MOST_POINTS).round().astype(int))
        parts = {part: getattr(curve, part)[kept].tolist() for part in ("x", "y", "low", "high")}
        found[name] = {"axis": curve.axis.unit, **parts}
    return found


def _end_with(parent: int) -> None:
    """End this process as soon as it has another parent than this one."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(0)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    cpu_before = 0.0  # the first answer bears the cost of starting
    watch: threading.Thread | None = None
    for line in requests:
        request = json.loads(line)
        if watch is None and "parent" in request:
            watch = threading.Thread(target=_end_with, args=(request["parent"],), daemon=True)
            watch.start()
        answer = _draw(request["run"], with_curves=request.get("curves", False))
        cpu_now = time.process_time()
        header = {
            "figure_bytes": len(answer.figure),
            "summary_bytes": len(answer.summary),
            "step": answer.step,
            "error": answer.error,
            "cpu_seconds": cpu_now - cpu_before,
            "curves": answer.curves,
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
