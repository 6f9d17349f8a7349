"""The page beside a run that is being written, a server that goes away, a tab that is hidden."""

import json
import subprocess
import sys
import time

import pytest

from .conftest import PACKAGE_ROOT, Server, train

WRITER = """
import sys, rlviz
with rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=0.1) as viz:
    step = 0
    for line in sys.stdin:
        for _ in range(int(line)):
            step += 1
            viz.on_step_end(step, correct=[1, 0, step % 2], parallelism=[4.0], flops=10**20)
        assert viz.flush()
        print(step, flush=True)
"""


@pytest.fixture
def writer(tmp_path):
    """A process that trains: ``writer(50)`` returns when fifty more steps are on the disk."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "run")],
        env={"PYTHONSAFEPATH": "1", "PYTHONPATH": PACKAGE_ROOT, "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def write(steps):
        process.stdin.write(f"{steps}\n")
        process.stdin.flush()
        assert process.stdout.readline()

    yield write
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
def test_new_steps_appear_by_themselves_and_the_zoom_stays(
    serve, writer, tmp_path, open_page, loader, noted
):
    writer(50)
    server = serve(tmp_path, f"--load_fast={loader}")
    page = open_page(server.frame_url + "#p.rlviz.x=step").is_drawn()
    page.frame.locator(".run-last[title^='step 50']").wait_for()
    page.drag((0.3, 0.5), (0.7, 0.5))
    before, fragment = page.values(), page.hash()
    page.page.evaluate(
        """() => {
          window.__canvas = document.querySelector("canvas");
          window.__flickers = 0;
          const message = document.querySelector(".panel-message");
          new MutationObserver(() => { if (!message.hidden) window.__flickers += 1; })
            .observe(message, { attributes: true });
        }"""
    )
    writer(150)
    deadline = time.monotonic() + 20
    while json.loads(server.get("runs"))["runs"][0]["steps"] < 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    began = time.monotonic()
    page.frame.locator(".run-last[title^='step 200']").wait_for()
    took = time.monotonic() - began
    assert took < 3
    noted(f"new steps are on the page {took:.2f} s after TensorBoard has them (load_fast={loader})")
    assert page.hash() == fragment
    points = [row[:5] for row in page.values()]  # the curve is another, with more steps
    assert points == [row[:5] for row in before], "what is zoomed into is as it was"
    page.press("Reset")
    page.until(lambda: int(page.values()[-1][1]) >= 199)
    same = "window.__canvas === document.querySelector('canvas')"
    assert page.page.evaluate(same)
    assert page.page.evaluate("window.__flickers") == 0


def test_a_series_that_takes_long_is_not_asked_for_at_each_step_and_comes_to_its_end(
    serve, writer, tmp_path, open_page
):
    writer(50)
    page = open_page(serve(tmp_path).frame_url + "#p.rlviz.panels=accuracy")

    def slowly(route):
        page.page.wait_for_timeout(1000)
        route.continue_()

    page.page.route("**/series?*width=*", slowly)
    page.is_drawn(1)
    writer(10)
    page.frame.locator(".run-last[title^='step 60']").wait_for()
    page.until(lambda: int(page.values()[-1][1]) == 60)
    # Once at first, and once after a rest for both of the later steps and their last state.
    assert sum("width=" in url for url in page.requests) == 2


def test_a_run_that_begins_later_comes_by_itself(serve, tmp_path, open_page):
    page = open_page(serve(tmp_path).frame_url)
    page.frame.locator(".empty").wait_for()
    train(tmp_path / "late", range(1, 30))
    page.is_drawn()
    assert not page.frame.locator(".empty").count()


def test_a_server_that_is_gone_is_said_and_its_return_noticed(tmp_path, open_page):
    train(tmp_path / "run", range(1, 30))
    server = Server(tmp_path, ("--load_fast=false",)).start()
    try:
        page = open_page(server.frame_url).is_drawn()
        server.stop()
        status = page.frame.locator(".status:not([hidden])")
        status.wait_for()
        assert "The server does not answer" in status.inner_text()
        assert page.frame.locator(".live").inner_text() == "Offline"
        page.point_at(0.5, 0.5)
        assert "step 1" in page.tip(), "what was there stays"
        train(tmp_path / "second", range(1, 60))
        server.start()
        page.frame.locator(".run", has_text="second").wait_for()
        page.frame.locator(".status").wait_for(state="hidden")
        page.until(lambda: {row[0] for row in page.values()} == {"run", "second"})
        assert page.frame.locator(".live").inner_text() == "Live"
    finally:
        server.stop()
    # The browser itself writes each request that fails into the console.
    assert all("net::ERR_" in error for error in page.errors)
    page.errors.clear()


def test_a_page_that_is_not_seen_asks_for_nothing(lone_server, open_page):
    page = open_page(lone_server.tab_url).is_drawn()
    asked = lambda: sum("/plugin/rlviz/" in url for url in page.requests)  # noqa: E731
    page.page.get_by_role("tab", name="Scalars").click()
    page.page.wait_for_timeout(500)
    before = asked()
    page.page.wait_for_timeout(3500)
    assert asked() == before
    with page.page.expect_request("**/plugin/rlviz/runs"):
        page.page.get_by_role("tab", name="RL FLOPs").click()
