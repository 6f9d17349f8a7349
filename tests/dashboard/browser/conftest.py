"""A real Chromium before real TensorBoards; every page is watched for errors until it is closed."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.dashboard import assets

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
PACKAGE_ROOT = str(Path(rlviz.__file__).resolve().parent.parent)
SERVE = Path(__file__).resolve().parent.parent / "serve.py"

WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
"""


def lacking(reason: str) -> None:
    if os.environ.get("RLVIZ_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("needs Playwright: pip install playwright")
    if not Path(CHROMIUM).exists():
        lacking(f"needs Chromium at {CHROMIUM}, or at what RLVIZ_CHROMIUM names")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Server:
    """A TensorBoard in a process of its own."""

    logdir: Path
    options: tuple[str, ...]
    port: int = 0
    url: str = ""
    process: Any = field(default=None, repr=False)

    def start(self) -> "Server":
        command = [sys.executable, str(SERVE), "--logdir", str(self.logdir)]
        command += ["--port", str(self.port), "--reload_interval", "1", *self.options]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": PACKAGE_ROOT},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = self.process.stdout.readline().strip().rstrip("/")
        assert self.url, "TensorBoard did not start"
        self.port = int(re.search(r":(\d+)", self.url)[1])
        return self

    def has_loaded(self) -> "Server":
        """Wait for TensorBoard to have read all runs that rlviz wrote, as far as they have rows."""
        files = self.logdir.rglob("*tfevents*")
        runs = {file.parent for file in files if schema.FileName.of(file.name)}
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                found = json.loads(self.get("runs"))
            except HTTPError as error:
                if error.code != 503:  # TensorBoard is at its first reading
                    raise
                continue
            if len(found["runs"]) >= len(runs) and not found["unread"]:
                break
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()

    @property
    def frame_url(self) -> str:
        """The page without TensorBoard around it, which opens faster."""
        return f"{self.url}/data/plugin_entry.html?name=rlviz"

    @property
    def tab_url(self) -> str:
        return f"{self.url}/#rlviz"

    def get(self, route: str) -> bytes:
        with urlopen(f"{self.url}/data/plugin/rlviz/{route}", timeout=20) as answer:
            return bytes(answer.read())


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Server]]:
    """Starts a TensorBoard for each folder and options: ``serve(logdir, "--load_fast=false")``."""
    servers: dict[Any, Server] = {}

    def start(logdir: Path, *options: str) -> Server:
        key = (logdir, options)
        if key not in servers:
            servers[key] = Server(logdir, options or ("--load_fast=false",)).start().has_loaded()
        return servers[key]

    yield start
    for server in servers.values():
        server.stop()


class Page:
    """The dashboard in a browser, and what a person does with it."""

    def __init__(self, page: Any, in_tab: bool) -> None:
        self.page = page
        self.frame = page.frame_locator("iframe") if in_tab else page
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        self._unanswered: set[Any] = set()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        page.on("dialog", self._on_dialog)
        page.on("request", self._on_request)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda request: self._unanswered.discard(request))

    def _on_console(self, message: Any) -> None:
        # Of TensorBoard's own: fonts behind a path prefix, an icon beside the bare frame.
        if re.search(r"/(favicon\.ico|font-roboto/.*)$", message.location.get("url", "")):
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            self.errors.append(f"{message.text} {message.location}")

    def _on_request(self, request: Any) -> None:
        self.requests.append(request.url)
        if re.search(r"/plugin/rlviz/(curve|series)\?", request.url):
            self._unanswered.add(request)

    def _on_dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    @property
    def violations(self) -> list[str]:
        return [v for frame in self.frames for v in frame.evaluate("window.__violations ?? []")]

    @property
    def frames(self) -> list[Any]:
        """TensorBoard's and the dashboard's, or a file's, and none that a script may have made."""
        return [frame for frame in self.page.frames if frame.url.startswith(("http", "file"))]

    def is_drawn(self, panels: int = 2) -> "Page":
        """Wait for the first picture."""
        # Before the runs are known a panel has no message either.
        self.frame.locator(".run").first.wait_for(state="attached")
        self.frame.locator(".panel-message[hidden]").nth(panels - 1).wait_for(state="attached")
        return self

    def modules(self) -> "Page":
        """Let the page import its modules one by one too; the server has them as one."""
        known = assets.modules(None)

        def fulfill(route: Any) -> None:
            name = route.request.url.rpartition("/")[2].removesuffix(".js")
            if name not in known or name == "index":
                route.fallback()
                return
            route.fulfill(body=known[name], content_type="text/javascript")

        self.page.route("**/plugin/rlviz/*.js", fulfill)
        return self

    @property
    def charts(self) -> Any:
        return self.frame.locator(".chart")

    def over(self, panel: int = 0) -> dict[str, float]:
        """Where the plotting area of a panel is."""
        return dict(self.frame.locator(".plot-area").nth(panel).bounding_box())

    def point_at(self, across: float, up: float, panel: int = 0) -> None:
        box = self.over(panel)
        self.page.mouse.move(box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"])

    def drag(self, begin: tuple[float, float], end: tuple[float, float], panel: int = 0) -> None:
        self.point_at(*begin, panel)
        self.page.mouse.down()
        self.point_at(*end, panel)
        self.page.mouse.up()

    def tip(self, panel: int = 0) -> str:
        """What stands beside the crosshair of a panel; empty where there is none."""
        self.settle()
        tip = self.frame.locator(".panel .chart").nth(panel).locator(".tip:not([hidden])")
        return "\n".join(tip.all_inner_texts())

    def values(self, panel: int = 0) -> list[list[str]]:
        """Open the table of a panel's values and read it, once all curves are there: that of a run
        which comes into view is asked for then, and the list of runs has it before."""
        section = self.frame.locator(".panel").nth(panel)
        button = section.get_by_role("button", name="Values as a table")
        if button.get_attribute("aria-expanded") == "false":
            button.click()
        self.settle()
        while self._unanswered:
            self.until(lambda: not self._unanswered)
            self.settle()
        section.locator(".values[aria-busy=false] table").wait_for()
        rows = section.locator(".values tbody tr")
        return [row.split("\t") for row in rows.all_inner_texts()]

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that has to come, for twenty seconds at most."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            self.page.wait_for_timeout(100)

    def settle(self) -> None:
        """Until what was just done is drawn."""
        for frame in self.frames:
            frame.evaluate(
                "() => new Promise((done) => setTimeout(() => requestAnimationFrame(() => "
                "requestAnimationFrame(done)), 20))"
            )

    def press(self, name: str) -> None:
        self.frame.get_by_role("button", name=name, exact=True).click()

    def is_pressed(self, name: str) -> bool:
        """Whether a choice is made, or will be in a moment."""
        self.frame.get_by_role("button", name=name, exact=True, pressed=True).wait_for()
        return True

    def hash(self) -> str:
        """The fragment of the address, once it is written."""
        self.page.wait_for_timeout(330)
        return str(self.page.evaluate("location.hash"))


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Page]]:
    """Opens pages: ``open_page(url, width=1280)``. Each has to be without any error at the end."""
    opened: list[tuple[Any, Page]] = []

    def start(
        url: str,
        *,
        width: int = 1280,
        height: int = 800,
        scheme: str = "light",
        scale: float = 1,
        touch: bool = False,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme=scheme,
            has_touch=touch,
            accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        context.add_init_script(WATCH)
        page = context.new_page()
        found = Page(page, in_tab=url.startswith("http") and "plugin_entry" not in url)
        context.set_offline(url.startswith("file:"))
        opened.append((context, found))
        page.goto(url)
        return found

    yield start
    for context, page in opened:
        violations, errors, dialogs = page.violations, page.errors, page.dialogs
        context.close()
        assert violations == []
        assert errors == []
        assert dialogs == []


# --- runs ------------------------------------------------------------------


def train(
    logdir: Path, steps: range, *, seed: int = 0, state: Any = None, skill: float = 1.0
) -> Any:
    """A run that learns, with a group and some metrics."""
    random = np.random.default_rng(seed)
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        if state is not None:
            viz.load_state_dict(state)
        for step in steps:
            accuracy = 0.3 + 0.35 * skill * step / 300 + random.normal(0, 0.02)
            viz.record(correct=random.random(256) < accuracy, group="math")
            viz.on_step_end(
                step,
                parallelism=[7 + 5 * (step / 300) ** 2 + random.normal(0, 0.3)],
                flops={"rollout": 10**20 + 10**14 * step, "update": 3 * 10**19},
                metrics={"loss": 1 / step, "tokens": 1000.0 + step},
                wall_time=1.79e9 + 60 * step,
            )
        return viz.state_dict()


@pytest.fixture(scope="session")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: one alone, two in a folder, of which one was resumed."""
    folder = tmp_path_factory.mktemp("browser")
    train(folder / "alone", range(1, 301))
    train(folder / "swarm" / "fast", range(1, 201), seed=1, skill=1.3)
    state = train(folder / "swarm" / "resumed", range(1, 101), seed=2)
    train(folder / "swarm" / "resumed", range(101, 121), seed=3, state=state)  # done again
    train(folder / "swarm" / "resumed", range(101, 251), seed=4, state=state)
    return folder


@pytest.fixture(scope="session")
def server(serve: Callable[..., Server], logdir: Path) -> Server:
    return serve(logdir)


@pytest.fixture(scope="session")
def lone_server(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A TensorBoard of one run."""
    folder = tmp_path_factory.mktemp("lone")
    train(folder / "lone", range(1, 301))
    return serve(folder)
