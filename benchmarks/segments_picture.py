"""Draws what a segment is: python benchmarks/segments_picture.py docs/segments.png

The run is the built-in demo with seed 1, whose rows the tests keep.
"""

import sys
from pathlib import Path

import numpy as np

import rlviz

ROWS = Path(__file__).resolve().parent.parent / "tests" / "data" / "demo_seeds_of_10037ca.npz"
SHADES = {"rises": "#2e7d32", "falls": "#c62828", "level": "#607d8b"}
METRIC = "average_parallelism"


def demo(seed: int) -> rlviz.History:
    rows = np.load(ROWS)
    prefix = f"{seed}/"
    columns = {n.removeprefix(prefix): rows[n] for n in rows.files if n.startswith(prefix)}
    return rlviz.History(columns, f"runs/demo-seed-{seed}")


def draw(run: rlviz.History, output: str) -> None:
    """The figure of one metric, each of its segments shaded and named."""
    drawing = rlviz.figure(run, metrics=[METRIC])
    drawing.set_size_inches(9, 4.6)
    (ax,) = drawing.axes
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.22 * (high - low))
    for number, segment in enumerate(rlviz.summarise(run, metrics=[METRIC]).segments[METRIC]):
        shade = SHADES[segment.kind]
        ax.axvspan(segment.x_start, segment.x_end, color=shade, alpha=0.10, lw=0)
        ax.plot(segment.x_end, segment.y_end, "o", color=shade, ms=6, zorder=5)
        words = f"{segment.kind}\n{segment.pace}".strip()
        words += f"\n{segment.y_start:.2f} → {segment.y_end:.2f}"
        middle = 0.5 * (segment.x_start + segment.x_end)
        top = 0.98 - 0.10 * (number % 2)
        ax.text(middle, top, words, transform=ax.get_xaxis_transform(), ha="center", va="top",
                fontsize=8, color=shade)  # fmt: skip
    ax.get_legend().remove()
    drawing.savefig(output, dpi=110)


if __name__ == "__main__":
    draw(demo(1), sys.argv[1])
