"""The page as a file, opened from a disk with the network off."""

import json
import re

import numpy as np
import pytest

import rlviz

from .test_safety import PAYLOADS, hits


@pytest.fixture(scope="module")
def runs(logdir):
    names = ("alone", "swarm/fast", "swarm/resumed")
    return {name: rlviz.read(logdir / name) for name in names}


@pytest.fixture(scope="module")
def file(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "page.html"
    path.write_text(rlviz.page(runs), encoding="utf-8")
    return path.as_uri()


def own_requests(page):
    return [url for url in page.requests if not url.startswith(("blob:", "data:"))]


def test_it_opens_from_a_disk_and_asks_for_nothing(file, open_page):
    page = open_page(file).is_drawn()
    assert page.frame.locator(".panels h2").all_inner_texts() == [
        "Training Accuracy",
        "Average Parallelism",
    ]
    labels = page.frame.locator(".run-label").evaluate_all("rows => rows.map(row => row.title)")
    assert labels == ["alone", "swarm/fast", "swarm/resumed"]
    assert "A file of 3 runs" in page.frame.locator(".account").inner_text()
    page.page.wait_for_timeout(2000)  # nor later
    assert own_requests(page) == [file]


def test_the_values_are_those_of_the_runs(file, open_page, runs):
    page = open_page(file + "#p.rlviz.show=alone&p.rlviz.x=step").is_drawn()
    shown = {int(row[1].replace(",", "")): row for row in page.values()}
    run = runs["alone"]
    assert len(shown) > 100
    exact = dict(zip(run.step.astype(int).tolist(), run.accuracy.tolist(), strict=True))
    for step, row in shown.items():
        assert f"{100 * exact[step]:.4g}"[:4] in " ".join(row)
    page.point_at(0.5, 0.5)
    assert "Step" in page.tip() or "step" in page.tip()


def test_it_zooms_and_the_zoom_is_in_its_address(file, open_page):
    page = open_page(file).is_drawn()
    page.drag((0.3, 0.5), (0.6, 0.5))
    assert "p.rlviz.from=" in page.hash()
    page.press("Reset")
    assert "p.rlviz.from=" not in page.hash()


@pytest.mark.parametrize("axis", ["Step", "Wall time", "Tokens", "RL FLOPs"])
def test_it_has_every_axis_that_the_runs_have(file, open_page, axis):
    page = open_page(file).is_drawn()
    page.press(axis)
    assert page.is_pressed(axis)
    page.is_drawn()


def test_a_logarithmic_axis_that_is_not_in_it_says_what_is(file, open_page):
    page = open_page(file + "#p.rlviz.log=1").is_drawn()
    page.press("Step")
    message = page.frame.locator(".panel-message:not([hidden])").first
    message.wait_for()
    assert "Not in this file over step, logarithmic" in message.inner_text()


def test_the_table_has_what_the_page_of_a_server_has(file, open_page, server):
    def table(page):
        page.is_drawn()
        page.until(lambda: page.frame.locator("main table").last.inner_text().count("±") == 4)
        return page.frame.locator("main table").last.inner_text()

    numbers = re.compile(r"[\d.]+")
    here, there = table(open_page(file)), table(open_page(server.frame_url))
    assert numbers.sub("#", here) == numbers.sub("#", there)
    shown = [[float(one) for one in numbers.findall(text)] for text in (here, there)]
    np.testing.assert_allclose(*shown, atol=0.11)  # the last digit of a band may be another


def test_it_offers_nothing_that_needs_a_server(file, open_page):
    page = open_page(file + "#p.rlviz.smooth=ema:0.9&p.rlviz.forecast=1").is_drawn()
    for name in ("EMA", "Forecast", "Live"):
        assert page.frame.get_by_text(name, exact=True).count() == 0
    assert page.frame.locator(".caption").first.inner_text().startswith("Curve: local quadratic")
    page.frame.get_by_text("Download", exact=True).click()
    assert page.frame.locator(".menu-items a").count() == 0
    with page.page.expect_download() as saved:
        page.press("PNG of the panels as they are")
    assert saved.value.suggested_filename == "rlviz.png"


def test_a_frame_of_a_notebook_shows_it_without_an_address(chromium, runs):
    context = chromium.new_context()
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.set_content(runs["alone"]._repr_html_())
    frame = page.frame_locator("iframe")
    frame.locator(".panel-message[hidden]").nth(1).wait_for(state="attached")
    frame.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_timeout(600)  # by then a page with an address would have written it
    assert errors == []
    assert page.evaluate("location.hash") == ""
    context.close()


def test_no_name_in_a_file_is_executed(open_page, tmp_path, learning, ran):
    columns, table = learning(12)
    held = dict(zip(columns, table.T, strict=True))
    steps = np.arange(1.0, 13.0)
    chosen = PAYLOADS[::12]
    more = {f"metrics/{payload}": steps for payload in PAYLOADS}
    more |= {f"{kind}/{p}": steps for p in PAYLOADS for kind in ("correct", "graded")}
    runs = {payload: rlviz.History(held) for payload in PAYLOADS}
    runs["all names"] = rlviz.History(held | more)
    metrics = ["accuracy", *chosen, *(f"accuracy/{p}" for p in chosen)]
    path = tmp_path / "hostile.html"
    path.write_text(rlviz.page(runs, metrics=metrics), encoding="utf-8")
    assert len(re.findall("<script", path.read_text().lower())) == 2
    page = open_page(path.as_uri()).is_drawn(1)
    page.press("All")
    page.page.wait_for_timeout(1500)
    names = page.frame.locator(".run-label").evaluate_all("rows => rows.map(row => row.title)")
    assert set(names) == set(runs)
    page.point_at(0.5, 0.5)
    page.values()
    page.frame.get_by_text("Panels", exact=True).click()
    listed = page.frame.locator(".menu-items .check").evaluate_all("rows => rows.map(r => r.title)")
    assert set(listed) >= set(metrics) - {"accuracy"}
    assert hits(page) == (0, 0)
    assert own_requests(page) == [path.as_uri()]
    assert page.frame.locator("body img, body iframe, body object, body form").count() == 0
    ran(payloads_as_runs=len(PAYLOADS), payloads_as_metrics=2 * len(chosen))


def test_the_policy_refuses_what_a_page_might_be_made_to_load(file, open_page):
    page = open_page(file).is_drawn()
    refused = page.page.evaluate(
        """async () => {
          const tried = {};
          const script = document.createElement("script");
          script.textContent = "window.__hit = 1";
          document.body.append(script);
          tried.inline = window.__hit === undefined;
          try { await fetch("data:text/plain,x"); tried.fetch = false; }
          catch { tried.fetch = true; }
          await new Promise((done) => setTimeout(done, 50));
          const seen = window.__violations.length;
          window.__violations = [];
          return { ...tried, seen };
        }"""
    )
    page.errors.clear()  # the browser tells of each
    assert refused == {"inline": True, "fetch": True, "seen": 2}, json.dumps(refused)


@pytest.mark.timeout(900)
def test_twenty_runs_of_ten_thousand_steps_are_a_small_file_that_opens_at_once(
    open_page, tmp_path, learning, noted
):
    runs = {}
    for seed in range(20):
        columns, table = learning(10_000, seed=seed)
        runs[f"swarm/{seed}"] = rlviz.History(dict(zip(columns, table.T, strict=True)))
    path = tmp_path / "many.html"
    path.write_text(rlviz.page(runs), encoding="utf-8")
    size = path.stat().st_size
    assert size <= 1_500_000
    seconds = open_page(path.as_uri()).is_drawn().page.evaluate("performance.now()") / 1000
    noted(f"20 runs of 10,000 steps in {size:,} bytes, first picture after {seconds:.2f} s")
    assert seconds < 10  # 1 s on a machine that does nothing else
