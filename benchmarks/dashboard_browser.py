"""How fast the dashboard is in a browser without a GPU: first pictures, frames while panning.

Headless Chromium with software rendering, on the machine's own cores, which TensorBoard shares.
First picture: until the frame in which both panels have drawn the dots and curves of every run,
"tab" from a click on the tab in a TensorBoard that stands on another one, "page" from the request
for TensorBoard's whole page at the tab's address; "again" in a new window of the same TensorBoard.
TensorBoard has loaded the event files before.
Frames: of a drag that moves the charts at every frame, for three seconds.

    python benchmarks/dashboard_browser.py
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from dashboard import write_run
from screenshots import CHROMIUM, FLAGS, serving

ROUNDS = 3
LOADING_SECONDS = 8
SETTLING_SECONDS = 3

COUNT = """
window.__draws = [];
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...given) {
  window.__draws.push(performance.now());
  return put.apply(this, given);
};
"""

PAN = """async (seconds) => {
  const over = document.querySelector(".plot-area");
  const box = over.getBoundingClientRect();
  const send = (type, x, more) => over.dispatchEvent(new PointerEvent(type, {
    bubbles: true, pointerId: 1, button: 0, shiftKey: true,
    clientX: box.left + x, clientY: box.top + box.height / 2, ...more }));
  over.setPointerCapture = () => {};
  send("pointerdown", box.width / 2);
  window.__draws.length = 0;
  const times = [];
  const began = performance.now();
  let last = began;
  while (last - began < 1000 * seconds) {
    const now = await new Promise((done) => requestAnimationFrame(() => done(performance.now())));
    times.push(now - last);
    last = now;
    send("pointermove", box.width * (0.5 + 0.2 * Math.sin((now - began) / 300)));
  }
  send("pointerup", box.width / 2);
  return { times, draws: window.__draws.length, seconds: (last - began) / 1000 };
}"""


def first_picture(browser: Any, address: str, runs: int, *, by_tab: bool) -> float:
    """Seconds until the last series of the two panels is drawn."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    left = {"series": 2 * runs}

    def on_finished(request: Any) -> None:
        if "/series" in request.url and "width=" in request.url:
            left["series"] -= request.url.count("run=")

    page.on("requestfinished", on_finished)
    if by_tab:
        page.goto(f"{address}/#timeseries")
        tab = page.get_by_role("tab", name="RL FLOPs")
        tab.wait_for()
        page.wait_for_timeout(1000 * SETTLING_SECONDS)
        began = time.perf_counter()
        tab.click()
    else:
        began = time.perf_counter()
        page.goto(f"{address}/#rlviz", wait_until="commit")
    while left["series"] > 0:
        page.wait_for_timeout(5)
    page.frames[-1].evaluate("() => new Promise((done) => requestAnimationFrame(done))")
    took = time.perf_counter() - began
    context.close()
    return took


def panned(browser: Any, url: str) -> dict[str, Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(COUNT)
    page = context.new_page()
    page.goto(url)
    page.wait_for_timeout(4000)
    box = page.locator(".plot-area").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 51)
    page.mouse.up()
    page.wait_for_timeout(2000)
    found: dict[str, Any] = page.evaluate(PAN, 3)
    context.close()
    return found


def report(browser: Any, logdir: Path, name: str, runs: int, goal: float) -> None:
    times: dict[str, list[float]] = {"tab": [], "tab again": [], "page": [], "page again": []}
    moved: dict[str, Any] = {}
    for what in ("tab", "page"):
        for _ in range(ROUNDS):
            with serving(logdir) as served:
                address = served.rstrip("/")
                time.sleep(LOADING_SECONDS)
                for when in (what, f"{what} again"):
                    times[when].append(first_picture(browser, address, runs, by_tab=what == "tab"))
                if not moved:
                    moved = panned(browser, f"{address}/data/plugin_entry.html?name=rlviz")
    for what, taken in times.items():
        each = ", ".join(f"{seconds:.2f}" for seconds in taken)
        print(
            f"{name:26}  {what:11}  first picture {statistics.median(taken):5.2f} s "
            f"(of {each}); goal {goal} s"
        )
    frames = sorted(moved["times"])
    print(
        f"{name:26}  {'panning':11}  {moved['draws'] / 2 / moved['seconds']:4.1f} frames/s in each "
        f"of 2 panels; a frame takes {statistics.median(frames):.1f} ms, 95 % of them at most "
        f"{frames[int(0.95 * len(frames))]:.1f} ms; goal 30 frames/s"
    )


def main() -> None:
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        print(f"left out: there is no Chromium at {CHROMIUM}, and RLVIZ_CHROMIUM names none")
        return
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        for number in range(20):
            logdir = folder / "twenty" / f"group{number % 4}" / f"run{number:02d}"
            write_run(logdir, 10_000, 512, number)
        write_run(folder / "one" / "long", 1_000_000, 512, 0)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        report(browser, folder / "twenty", "20 runs of 10,000 steps", 20, 1.5)
        report(browser, folder / "one", "one run of 1,000,000 steps", 1, 2.5)
        browser.close()


if __name__ == "__main__":
    main()
