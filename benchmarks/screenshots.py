"""Takes pictures of the dashboard as people see it: python benchmarks/screenshots.py FOLDER.

The runs are made by formulas: accuracy that rises with the logarithm of compute, parallelism that
dips and then rises. Needs Playwright and a Chromium (RLVIZ_CHROMIUM, else /usr/bin/chromium).
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import rlviz

CHROMIUM = os.environ.get("RLVIZ_CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERVE = Path(__file__).resolve().parent.parent / "tests" / "dashboard" / "serve.py"
WIDE, NARROW = (1440, 900), (420, 900)


def swarm(
    logdir: Path, *, steps: int = 300, seed: int = 0, skill: float = 1.0, budget: float = 4.2e22
) -> None:
    """A run whose accuracy rises steadily and whose parallelism dips, then rises steeply."""
    random = np.random.default_rng(seed)
    graded = 1024
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(1, steps + 1):
            share = step / steps
            accuracy = 0.365 + 0.27 * skill * share + random.normal(0, 0.012)
            agents = 8.3 - 1.1 * math.exp(-(((share - 0.16) / 0.14) ** 2)) * skill
            agents += 6 * skill * max(0.0, share - 0.55) ** 2 / 0.2 + random.normal(0, 0.35)
            viz.on_step_end(
                step,
                correct=np.arange(graded) < round(graded * accuracy),
                parallelism=[max(1.0, agents)],
                flops={"rollout": int(budget * 0.7 / steps), "update": int(budget * 0.3 / steps)},
                metrics={
                    "loss": 0.9 * math.exp(-2.2 * share) + 0.1 + random.normal(0, 0.02),
                    "kl": 0.02 + 0.05 * share + random.normal(0, 0.004),
                    "entropy": 1.4 - 0.8 * skill * share + random.normal(0, 0.03),
                    "tokens": 2.1e6 * (1 + share),
                },
                wall_time=1.79e9 + 600 * step,
            )


def sweep(folder: Path, runs: int = 20) -> None:
    """Runs of four recipes and several seeds, of different lengths."""
    for number in range(runs):
        recipe, seed = divmod(number, runs // 4)
        name = ("grpo", "grpo-long", "parl", "parl-annealed")[recipe]
        share = 1 - 0.35 * ((number * 7) % 5) / 4
        swarm(
            folder / name / f"seed{seed}",
            steps=int(400 * share),
            budget=4.2e22 * share * (1 + 0.1 * recipe),
            seed=number,
            skill=0.45 + 0.28 * recipe + 0.03 * seed,
        )


@contextmanager
def serving(logdir: Path) -> Iterator[str]:
    """A TensorBoard with the page, and its address."""
    command = [sys.executable, str(SERVE), "--logdir", str(logdir), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


Act = Callable[[Any, Any], None]


def take(
    browser: Any,
    address: str,
    to: Path,
    *,
    fragment: str = "",
    size: tuple[int, int] = WIDE,
    scheme: str = "light",
    act: Act | None = None,
) -> None:
    """One picture; `act` gets the page and the frame before it is taken."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page = context.new_page()
    page.goto(f"{address.rstrip('/')}/#rlviz{fragment}")
    frame = page.frame_locator("iframe")
    frame.locator(".panel-message[hidden], .empty").first.wait_for(state="attached")
    page.wait_for_timeout(2500)
    if act:
        act(page, frame)
        page.wait_for_timeout(700)
    page.screenshot(path=str(to))
    context.close()
    print(to)


def hover(across: float, up: float) -> Act:
    """Point at a place of the first panel."""

    def act(page: Any, frame: Any) -> None:
        box = frame.locator(".plot-area").first.bounding_box()
        page.mouse.move(box["x"] + across * box["width"], box["y"] + up * box["height"])

    return act


def drag(page: Any, frame: Any) -> None:
    """Zoom into a part of the first panel."""
    box = frame.locator(".plot-area").first.bounding_box()
    page.mouse.move(box["x"] + 0.45 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.505 * box["height"], steps=4)
    page.mouse.up()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.45 * box["height"])


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        swarm(folder / "one" / "agent-swarm")
        sweep(folder / "twenty")
        (folder / "none").mkdir()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving(folder / "one") as address:
            take(browser, address, out / "light.png", act=hover(0.62, 0.42))
            take(browser, address, out / "dark.png", scheme="dark", act=hover(0.62, 0.42))
            take(browser, address, out / "narrow.png", size=NARROW)
            more = "&p.rlviz.panels=accuracy,average_parallelism,loss,entropy&p.rlviz.x=step"
            take(browser, address, out / "panels.png", fragment=more)
        with serving(folder / "twenty") as address:
            take(browser, address, out / "twenty.png", act=hover(0.6, 0.4))
            take(browser, address, out / "twenty-dark.png", scheme="dark")
            take(browser, address, out / "zoomed.png", act=drag)
            take(browser, address, out / "twenty-narrow.png", size=NARROW)
        with serving(folder / "none") as address:
            take(browser, address, out / "empty.png")
        browser.close()


if __name__ == "__main__":
    main()
