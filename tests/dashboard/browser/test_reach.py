"""Whoever comes to the page, and by what: touch, keys, full screen, prefixes, a cold start, axe."""

import re

import numpy as np
import pytest

import rlviz

from .conftest import lacking


@pytest.fixture(scope="module")
def returns(serve, tmp_path_factory):
    """A run that knows only a return and metrics with prefixes."""
    folder = tmp_path_factory.mktemp("returns")
    random = np.random.default_rng(0)
    with rlviz.Callback(folder / "ppo", figure_seconds=None) as viz:
        for step in range(1, 121):
            viz.on_step_end(
                step,
                metrics={
                    "rollout/ep_rew_mean": -21 + step / 4 + random.normal(),
                    "rollout/ep_len_mean": 900 + step + 9 * random.normal(),
                    "train/loss": 1 / step + 0.01 * random.normal(),
                    "train/entropy_loss": -2 + step / 90 + 0.1 * random.normal(),
                    "time/fps": 900 + 30 * random.normal(),
                },
            )
    return serve(folder)


def titles(page):
    return page.frame.locator(".panels h2").all_inner_texts()


def test_a_run_that_knows_only_a_return_opens_with_it(returns, open_page):
    page = open_page(returns.tab_url).is_drawn()
    assert titles(page) == ["rollout/ep_rew_mean", "rollout/ep_len_mean"]
    assert page.frame.locator(".panel-group:visible").count() == 0


def test_panels_are_grouped_by_the_prefix_of_their_metrics(returns, open_page):
    page = open_page(returns.frame_url).is_drawn()
    page.frame.get_by_text("Panels", exact=True).click()
    page.frame.get_by_label("train/ (2)").check()
    page.frame.get_by_label("time/fps", exact=True).check()
    page.until(lambda: len(titles(page)) == 5)
    page.page.keyboard.press("Escape")
    order = page.frame.locator(".panels > *").evaluate_all(
        "all => all.map(one => one.querySelector('h2')?.textContent ?? `[${one.textContent}]`)"
    )
    assert order == [
        "[rollout]",
        "rollout/ep_rew_mean",
        "rollout/ep_len_mean",
        "[train]",
        "train/entropy_loss",
        "train/loss",
        "[time]",
        "time/fps",
    ]
    page.frame.get_by_role("button", name="Remove this panel").nth(1).click()
    page.until(lambda: len(titles(page)) == 4)
    page.frame.get_by_text("Panels", exact=True).click()
    page.frame.get_by_label("rollout/ep_len_mean", exact=True).check()
    page.until(lambda: titles(page)[1] == "rollout/ep_len_mean")  # beside its own again
    page.frame.get_by_label("train/ (2)").uncheck()
    page.until(lambda: not any(title.startswith("train") for title in titles(page)))


def test_a_panel_fills_the_window_and_comes_back(returns, open_page):
    page = open_page(returns.frame_url).is_drawn()
    small = page.over(0)
    page.frame.get_by_role("button", name="Full screen").first.click()
    page.until(lambda: page.over(0)["width"] > 1100)
    box = page.frame.locator(".panel.is-full").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1280, 800)
    assert page.over(0)["height"] > 560
    page.point_at(0.5, 0.5)
    assert "step" in page.tip()
    reached = set()
    for _ in range(40):
        page.page.keyboard.press("Tab")
        reached.add(page.page.evaluate("document.activeElement.closest('.panel')?.className"))
    assert reached <= {"panel is-full", None}
    assert "p.rlviz.full=rollout%2Fep_rew_mean" in page.hash()
    page.charts.first.focus()
    page.page.keyboard.press("Escape")
    page.until(lambda: page.over(0) == small)
    page.page.keyboard.press("f")
    page.until(lambda: page.over(0)["width"] > 1100)
    page.frame.get_by_role("button", name="Full screen").first.click()
    page.until(lambda: page.over(0) == small)
    assert "full" not in page.hash()


# --- keys ------------------------------------------------------------------


def test_keys_reach_the_table_of_values_and_return(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    page.charts.first.focus()
    page.page.keyboard.press("v")
    table = page.frame.locator(".values").first
    table.locator("tbody tr").first.wait_for()
    assert page.page.evaluate("document.activeElement.className") == "values"
    for _ in range(3):
        page.page.keyboard.press("PageDown")
    page.until(lambda: table.evaluate("node => node.scrollTop") > 300)
    page.page.keyboard.press("Escape")
    assert not table.is_visible()
    assert page.page.evaluate("document.activeElement.className") == "chart"


def span(page):
    """The steps that are visible."""
    steps = [int(row[1].replace(",", "")) for row in page.values()]
    return steps[0], steps[-1]


@pytest.mark.parametrize("across", [0.1, 0.8])
@pytest.mark.parametrize("is_focused", [True, False])
def test_plus_zooms_where_the_pointer_is(returns, open_page, across, is_focused):
    page = open_page(returns.frame_url + "#p.rlviz.x=step").is_drawn()
    if is_focused:
        page.charts.first.focus()
    page.point_at(across, 0.5)
    for _ in range(4):
        page.page.keyboard.press("+")
    page.settle()
    begin, end = (float(re.search(rf"{name}=([\d.]+)", page.hash())[1]) for name in ("from", "to"))
    whole = 120 + 0.03 * 119
    assert end - begin == pytest.approx(0.7**4 * whole, rel=0.01)
    assert begin + across * (end - begin) == pytest.approx(across * whole, abs=0.5)
    page.page.keyboard.press("0")
    assert "from=" not in page.hash()


def test_plus_zooms_about_the_point_that_keys_walked_to(returns, open_page):
    page = open_page(returns.frame_url + "#p.rlviz.x=step").is_drawn()
    page.charts.first.focus()
    page.page.keyboard.press("End")
    for _ in range(6):
        page.page.keyboard.press("+")
    assert "step 120" in page.tip()
    assert span(page)[1] == 120


# --- touch -----------------------------------------------------------------

FINGERS = """(steps) => {
  const over = document.querySelector(".plot-area");
  const box = over.getBoundingClientRect();
  over.setPointerCapture = () => {};
  for (const [type, id, x, y] of steps) {
    over.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerType: "touch", pointerId: id,
      button: 0, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
  }
}"""


def test_a_finger_shows_values_and_leaves_them(returns, open_page):
    page = open_page(returns.frame_url + "#p.rlviz.x=step", touch=True, scale=2).is_drawn()
    box = page.over(0)
    seen = []
    for across in (0.25, 0.75):
        page.page.touchscreen.tap(box["x"] + across * box["width"], box["y"] + 0.5 * box["height"])
        seen.append(int(re.search(r"step ([\d,]+)", page.tip())[1]))
        page.page.wait_for_timeout(200)
        assert page.tip(), "it stays when the finger has gone"
    assert seen == [pytest.approx(0.25 * 123.6, abs=4), pytest.approx(0.75 * 123.6, abs=4)]
    assert "from=" not in page.hash(), "a tap is no zoom"


def test_two_fingers_zoom_and_pan(returns, open_page):
    page = open_page(returns.frame_url + "#p.rlviz.x=step", touch=True).is_drawn()
    steps = [("pointerdown", 1, 0.4, 0.5), ("pointerdown", 2, 0.6, 0.5)]
    for k in range(1, 11):
        steps += [("pointermove", 1, 0.4 - 0.02 * k, 0.5), ("pointermove", 2, 0.6 + 0.02 * k, 0.5)]
    steps += [("pointerup", 1, 0.2, 0.5), ("pointerup", 2, 0.8, 0.5)]
    page.page.evaluate(FINGERS, steps)
    begin, end = (float(re.search(rf"{name}=([\d.]+)", page.hash())[1]) for name in ("from", "to"))
    whole = 120 + 0.03 * 119
    assert end - begin == pytest.approx(whole / 3, rel=0.05)
    assert (begin + end) / 2 == pytest.approx(whole / 2, rel=0.06)


# --- a cold page -----------------------------------------------------------


def own(page):
    return [url for url in page.requests if not url.startswith(("blob:", "data:"))]


def test_a_cold_page_makes_few_requests(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    page.until(lambda: "%" in page.frame.locator(".comparison tbody").inner_text())
    page.until(lambda: any("/told" in url for url in page.requests))
    asked = [url for url in own(page) if "favicon" not in url]
    first = [url for i, url in enumerate(asked) if url not in asked[:i]]  # the list is polled
    assert len(first) <= 10, first
    assert sum(".js" in url for url in first) == 1


# --- axe -------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(server, open_page, scheme):
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        lacking("needs axe-core: pip install axe-playwright-python")
    page = open_page(server.frame_url, scheme=scheme).is_drawn()
    states = {
        "at first": lambda: None,
        "with a point": lambda: page.point_at(0.5, 0.5),
        "values": page.values,
        "limits": lambda: page.frame.get_by_role("button", name="Limits of the axes").first.click(),
        "metrics": lambda: page.frame.get_by_text("Panels", exact=True).click(),
        "downloads": lambda: page.frame.get_by_text("Download", exact=True).click(),
        "columns": lambda: page.frame.get_by_text("Columns", exact=True).click(),
        "narrow": lambda: page.page.set_viewport_size({"width": 400, "height": 800}),
        "full": lambda: page.frame.get_by_role("button", name="Full screen").first.click(),
    }
    for name, act in states.items():
        act()
        page.settle()
        found = Axe().run(page.page).response["violations"]
        serious = [
            (one["id"], [node["html"][:200] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], name
