"""The page as a person uses it: panels, values under the pointer, zoom, runs, axes, smoothing."""

import re
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

import rlviz
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import smoothed


def shown_percent(share):
    """Rounded half up, as in a browser."""
    return f"{Decimal(100 * share).quantize(Decimal('0.01'), ROUND_HALF_UP)}%"


@pytest.mark.parametrize(
    "options",
    [("--load_fast=true", "--path_prefix", "/some/where"), ("--load_fast=false",)],
    ids=["data server behind a path prefix", "python loader"],
)
def test_the_tab_draws_accuracy_and_parallelism_of_all_runs(serve, logdir, open_page, options):
    page = open_page(serve(logdir, *options).tab_url).is_drawn()
    titles = page.frame.locator(".panels h2").all_inner_texts()
    assert titles == ["Training Accuracy", "Average Parallelism"]
    boxes = [page.over(0), page.over(1)]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
    assert page.frame.locator(".runs .count").first.inner_text() == "3 of 3 shown"
    assert page.page.evaluate("document.title") == "TensorBoard"
    colors = page.page.frames[-1].evaluate(
        """() => {
          const canvas = document.querySelector("canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )
    assert colors > 200  # dots, blended with each other: no empty canvas


def test_the_values_under_the_pointer_are_those_of_the_run(lone_server, open_page):
    history = rlviz.read(lone_server.logdir / "lone")
    low, high = history.accuracy_interval
    page = open_page(lone_server.frame_url).is_drawn()
    seen = set()
    for across in np.linspace(0.05, 0.95, 19):
        page.point_at(across, 0.3)
        tip = page.tip()
        step = int(re.search(r"step ([\d,]+)", tip)[1].replace(",", ""))
        at = int(np.flatnonzero(history.step == step)[0])
        seen.add(step)
        assert tip.startswith("lone\n")
        assert shown_percent(history.accuracy[at]) in tip
        assert f"{100 * low[at]:.1f}% – {100 * high[at]:.1f}%" in tip
        mantissa = f"{history.flops[at]:.5e}".split("e")[0].rstrip("0").rstrip(".")
        assert f"{mantissa}×10" in tip
        # The dot is where the pointer is: x is linear from 0 to 3 % after the data.
        first, last = history.flops[0], history.flops[-1]
        place = across * (last + 0.03 * (last - first))
        assert abs(history.flops[at] - place) < 0.045 * (last - first)
        # The other panel shows the same step, without being pointed at.
        other = page.tip(1)
        assert f"step {step:,}" in other
        assert f"{history.parallelism[at]:.6g}" in other
    assert len(seen) > 15
    page.page.mouse.move(2, 2)
    assert page.tip() == ""


def test_the_table_of_values_has_every_point(lone_server, open_page):
    history = rlviz.read(lone_server.logdir / "lone")
    page = open_page(lone_server.frame_url + "#p.rlviz.smooth=ema:0.9").is_drawn()
    rows = page.values()
    averages, _ = rlviz.smooth.ema(history.accuracy, weight=0.9)
    assert len(rows) == 150  # each second of 300
    for run, step, _, value, interval, curve in rows:
        at = int(step) - 1
        assert run == "lone"
        assert value == shown_percent(history.accuracy[at])
        assert interval.count("%") == 2
        assert curve == shown_percent(averages[at]), "the slider's EMA is TensorBoard's"


def test_dragging_zooms_all_panels_and_a_double_click_shows_everything_again(
    lone_server, open_page
):
    page = open_page(lone_server.frame_url).is_drawn()
    page.drag((0.4, 0.5), (0.6, 0.5))
    for panel in (0, 1):
        steps = [int(row[1]) for row in page.values(panel)]
        assert 100 < min(steps) < 130 < 170 < max(steps) < 200
        assert len(steps) == max(steps) - min(steps) + 1  # every step of the part
    assert "p.rlviz.from=" in page.hash()
    box = page.over()
    page.page.mouse.dblclick(box["x"] + 50, box["y"] + 50)
    assert "p.rlviz.from=" not in page.hash()
    assert {int(row[1]) for row in page.values()} >= {1, 299}


def test_a_drag_across_both_ways_zooms_into_a_rectangle_of_one_panel(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    page.drag((0.2, 0.2), (0.8, 0.6))
    fragment = page.hash()
    low, high = map(float, re.search(r"y=accuracy%2C([\d.]+)%2C([\d.]+)", fragment).groups())
    values = [float(row[3].rstrip("%")) / 100 for row in page.values()]
    assert low <= min(values) + 1e-4
    assert max(values) - 1e-4 <= high
    assert len(page.values(1)) > len(values)  # the other panel has all of y
    page.page.mouse.click(*[page.over()[k] + 10 for k in ("x", "y")])  # a click is no zoom
    assert page.hash() == fragment
    page.press("Reset")
    page.until(lambda: "y=" not in page.hash())


def test_shift_and_drag_pans_and_the_wheel_with_ctrl_zooms(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    page.drag((0.4, 0.5), (0.6, 0.5))
    before = [int(row[1]) for row in page.values()]
    page.page.keyboard.down("Shift")
    page.drag((0.5, 0.5), (0.25, 0.5))
    page.page.keyboard.up("Shift")
    panned = [int(row[1]) for row in page.values()]
    assert abs(len(panned) - len(before)) <= 1
    assert 10 < panned[0] - before[0] < 20  # a quarter of some sixty steps
    page.point_at(0.5, 0.5)
    page.page.keyboard.down("Control")
    page.page.mouse.wheel(0, -200)
    page.page.keyboard.up("Control")
    closer = [int(row[1]) for row in page.values()]
    assert len(closer) < 0.6 * len(panned)
    assert panned[0] < closer[0] < closer[-1] < panned[-1]


def test_runs_are_hidden_shown_found_and_shown_alone(server, open_page):
    page = open_page(server.frame_url).is_drawn()
    count = page.frame.locator(".runs .count").first
    runs = lambda: {row[0] for row in page.values()}  # noqa: E731
    assert runs() == {"alone", "swarm/fast", "swarm/resumed"}
    page.frame.get_by_label("alone").first.click()
    page.settle()
    assert count.inner_text() == "2 of 3 shown"
    assert runs() == {"swarm/fast", "swarm/resumed"}
    page.frame.get_by_label("Show all runs in swarm").click()
    page.settle()
    assert count.inner_text() == "0 of 3 shown"
    page.settle()
    assert "No run is shown" in page.frame.locator(".panel-message").first.inner_text()
    page.frame.get_by_label("Filter runs").fill("swa res")
    assert page.frame.locator(".run:visible").count() == 1
    page.press("All")
    assert runs() == {"swarm/resumed"}
    page.frame.get_by_label("Filter runs").fill("")
    row = page.frame.locator(".run", has_text="alone")
    row.hover()
    row.get_by_role("button", name="Show only alone").click()
    assert runs() == {"alone"}
    page.frame.locator(".group .icon-button").click()
    assert page.frame.locator(".run:visible").count() == 1  # its group is closed


def test_a_run_alone_is_drawn_as_in_the_figure_and_several_in_colors_of_their_own(
    server, open_page
):
    page = open_page(server.frame_url).is_drawn()
    colors = lambda: page.frame.locator(".run.is-shown").evaluate_all(  # noqa: E731
        "rows => rows.map(row => row.style.getPropertyValue('--run'))"
    )
    assert len(set(colors())) == 3
    page.frame.locator(".run", has_text="fast").hover()
    before = colors()
    page.frame.get_by_label("alone").first.click()
    assert colors() == before[1:], "a run keeps its color while others go"
    page.frame.get_by_label("Show all runs in swarm").click()
    page.frame.get_by_label("alone").first.click()
    assert colors() == ["#1f77b4"]  # blue dots, red curve
    assert page.frame.locator(".legend").first.inner_text().split() == ["each", "step", "smoothed"]


def test_a_resumed_run_is_marked_and_its_steps_stand_once(server, open_page):
    history = rlviz.read(server.logdir / "swarm" / "resumed")
    page = open_page(server.frame_url + "#p.rlviz.show=swarm/resumed&p.rlviz.x=step").is_drawn()
    assert "a session resumed" in page.frame.locator(".caption").first.inner_text()
    page.drag((0.35, 0.5), (0.5, 0.5))
    rows = page.values()
    steps = [int(row[1]) for row in rows]
    assert steps == sorted(set(steps))
    assert 101 in steps
    for _, step, _, value, *_ in rows:
        at = int(np.flatnonzero(history.step == int(step))[0])
        assert value == shown_percent(history.accuracy[at])


@pytest.mark.parametrize("name", ["step", "wall_time", "tokens", "flops"])
def test_every_axis_has_the_run_s_own_positions(lone_server, open_page, name):
    history = rlviz.read(lone_server.logdir / "lone")
    page = open_page(lone_server.frame_url + f"#p.rlviz.x={name}").is_drawn()
    positions = choose(name, [history]).positions(history)
    for row in page.values()[::30]:
        expected = positions[int(row[1]) - 1]
        digits = row[2].replace(",", "").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
        assert float(digits.replace("×10", "e")) == pytest.approx(expected, rel=1e-5)


def test_over_another_axis_the_compute_of_a_step_is_said_too(lone_server, open_page):
    history = rlviz.read(lone_server.logdir / "lone")
    page = open_page(lone_server.frame_url + "#p.rlviz.x=wall_time").is_drawn()
    page.charts.first.focus()
    page.page.keyboard.press("End")
    mantissa = f"{history.flops[-1]:.5e}".split("e")[0].rstrip("0")
    assert f"step 300 · {mantissa}×10²² RL FLOPs · 4 h 59 min" in page.tip()


def test_a_logarithmic_axis_shows_the_same_points(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    linear = page.values()
    page.press("Log")
    assert page.is_pressed("Log")
    page.page.wait_for_timeout(400)
    assert [row[:4] for row in page.values()] == [row[:4] for row in linear]
    assert "p.rlviz.log=1" in page.hash()


def test_smoothing_is_automatic_by_a_slider_or_none(lone_server, open_page):
    history = rlviz.read(lone_server.logdir / "lone")
    page = open_page(lone_server.frame_url).is_drawn()
    curve = smoothed(choose("flops", [history]), history.flops, history.accuracy)
    for row in page.values()[::10]:
        assert float(row[5].rstrip("%")) == pytest.approx(100 * curve.y[int(row[1]) - 1], abs=0.02)
    page.press("EMA")
    slider = page.frame.get_by_label("EMA weight")
    slider.fill("0.95")
    page.page.wait_for_timeout(600)
    averages, _ = rlviz.smooth.ema(history.accuracy, weight=0.95)
    for row in page.values()[::10]:
        assert float(row[5].rstrip("%")) == pytest.approx(
            100 * averages[int(row[1]) - 1], abs=0.006
        )
    assert "p.rlviz.smooth=ema%3A0.95" in page.hash()
    page.frame.get_by_role("group", name="Smoothing").last.get_by_role(
        "button", name="None"
    ).click()
    page.page.wait_for_timeout(400)
    assert {row[5] for row in page.values()} == {"–"}


def test_panels_are_added_moved_and_removed(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    titles = lambda: page.frame.locator(".panels h2").all_inner_texts()  # noqa: E731
    page.frame.get_by_text("Panels", exact=True).click()
    page.frame.get_by_label("Filter metrics").fill("math")
    page.frame.get_by_label("Accuracy, math").check()
    page.frame.get_by_label("Filter metrics").fill("loss")
    page.frame.get_by_label("loss", exact=True).check()
    page.page.keyboard.press("Escape")
    page.is_drawn(4)
    assert titles() == ["Training Accuracy", "Average Parallelism", "Accuracy, math", "loss"]
    assert float(page.values(3)[0][3]) == 1.0
    page.frame.get_by_role("button", name="Move this panel back").nth(3).click()
    page.frame.get_by_role("button", name="Remove this panel").nth(0).click()
    assert titles() == ["Average Parallelism", "loss", "Accuracy, math"]
    header = page.frame.locator(".panel-header").nth(1)
    header.drag_to(page.frame.locator(".panel").nth(0), source_position={"x": 60, "y": 10})
    assert titles() == ["loss", "Average Parallelism", "Accuracy, math"]
    chosen = "p.rlviz.panels=loss%2Caverage_parallelism%2Caccuracy%2Fmath"
    page.until(lambda: chosen in page.hash())


def test_the_table_compares_at_the_compute_that_half_of_them_have_reached(server, open_page):
    page = open_page(server.frame_url).is_drawn()
    histories = {
        name: rlviz.read(server.logdir / name) for name in ("alone", "swarm/fast", "swarm/resumed")
    }
    median = sorted(history.flops[-1] for history in histories.values())[1]
    cells = page.frame.locator(".comparison tbody td")
    page.until(lambda: sum("±" in text for text in cells.all_inner_texts()) == 4)
    rows = page.frame.locator(".comparison tbody tr").all_inner_texts()
    found = {row.split("\t")[0].strip(): row.split("\t") for row in rows}
    assert set(found) == set(histories)
    assert found["swarm/fast"][1] == "– not that far"
    del histories["swarm/fast"]
    reached = []
    for name, history in histories.items():
        curve = smoothed(choose("flops", [history]), history.flops, history.accuracy)
        expected = np.interp(median, curve.x, curve.y)
        half = (np.interp(median, curve.x, curve.high) - np.interp(median, curve.x, curve.low)) / 2
        reached.append((expected, name))
        value, _, band = found[name][1].partition(" ± ")
        assert float(value.rstrip("%")) == pytest.approx(100 * expected, abs=0.06)
        assert float(band.rstrip("%")) == pytest.approx(100 * half, abs=0.06)
    order = [name for _, name in sorted(reached)[::-1]]
    assert [row.split("\t")[0].strip() for row in rows] == [*order, "swarm/fast"]
    page.frame.get_by_role("button", name="Last step").click()
    rows = page.frame.locator(".comparison tbody tr").all_inner_texts()
    assert [row.split("\t")[3] for row in rows] == ["300", "250", "200"]


def test_a_forecast_that_can_t_be_made_is_said(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    page.frame.get_by_label("Forecast").check()
    caption = page.frame.locator(".panel .caption").first
    caption.filter(has_text=re.compile("no forecast of lone: .+|dashed: forecast")).wait_for()


def test_keys_walk_along_the_points_and_say_them(lone_server, open_page):
    history = rlviz.read(lone_server.logdir / "lone")
    page = open_page(lone_server.frame_url).is_drawn()
    page.charts.first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        page.page.keyboard.press(key)
    said = page.frame.locator("[aria-live=polite].hidden-words").inner_text()
    assert "step 3" in said
    assert f"Training Accuracy {shown_percent(history.accuracy[2])}" in said
    page.page.keyboard.press("End")
    assert "step 300" in page.tip()
    page.page.keyboard.press("Shift+ArrowLeft")
    assert "step 290" in page.tip()
    page.page.keyboard.press("+")
    assert "p.rlviz.from=" in page.hash()
    before = [int(row[1]) for row in page.values()]
    page.charts.first.focus()
    page.page.keyboard.press("PageDown")
    assert int(page.values()[0][1]) - before[0] == pytest.approx(
        (before[-1] - before[0]) / 2, abs=3
    )
    page.charts.first.focus()
    page.page.keyboard.press("0")
    assert "p.rlviz.from=" not in page.hash()


def test_keys_go_from_run_to_run(server, open_page):
    page = open_page(server.frame_url).is_drawn()
    page.charts.first.focus()
    page.page.keyboard.press("ArrowRight")
    runs = []
    for _ in range(4):
        runs.append(page.tip().splitlines()[0])
        page.page.keyboard.press("ArrowDown")
    assert runs == ["alone", "swarm/fast", "swarm/resumed", "alone"]


def test_what_is_shown_can_be_taken_away(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn()
    page.frame.get_by_text("Download", exact=True).click()
    saved = {}
    for name in ("PNG of the panels", "SVG, drawn", "CSV: lone"):
        with page.page.expect_download() as download:
            page.frame.locator(".menu-items").get_by_text(name).click()
        saved[name] = download.value.path().read_bytes()
        if not page.frame.locator(".menu[open]").count():
            page.frame.get_by_text("Download", exact=True).click()
    assert saved["PNG of the panels"].startswith(b"\x89PNG")
    assert b"<svg" in saved["SVG, drawn"]
    assert saved["CSV: lone"].count(b"\n") == 301


def test_rlviz_s_figure_is_drawn_as_the_page_shows_the_run(lone_server, open_page):
    view = "dots=0&p.rlviz.smooth=ema:0.5&p.rlviz.from=1e19&p.rlviz.colors=lone,%23112233"
    address = f"{lone_server.frame_url}#rlviz&p.rlviz.y=accuracy,0.25,0.75&p.rlviz.{view}"
    page = open_page(address).is_drawn()
    page.frame.get_by_text("Download", exact=True).click()
    link = page.frame.locator(".menu-items").get_by_text("PDF, drawn")
    asked = parse_qs(urlsplit(link.get_attribute("href")).query, keep_blank_values=True)
    assert asked["metric"] == ["accuracy", "average_parallelism"]
    assert asked["height"] == ["0.25:0.75", ""]
    assert float(asked["from"][0]) == 1e19
    assert "to" not in asked
    assert (asked["dots"], asked["smooth"], asked["color"]) == (["0"], ["ema:0.5"], ["#112233"])
    with page.page.expect_download() as download:
        link.click()
    assert download.value.path().read_bytes().startswith(b"%PDF")


def test_the_axis_says_how_its_flops_are_counted_and_that_runs_differ(serve, tmp_path, open_page):
    for name, convention in (("a", "6N"), ("b", "exact"), ("silent", None)):
        with rlviz.Callback(tmp_path / name, figure_seconds=None, convention=convention) as viz:
            for step in range(1, 31):
                viz.on_step_end(step, correct=[1, 0], parallelism=[2.0], flops=10**20)
    page = open_page(serve(tmp_path).frame_url).is_drawn()
    label, caption = (
        page.frame.locator(f".panel {part}").first for part in (".axis-label", ".caption")
    )
    assert caption.inner_text().endswith(
        "⚠ the runs count RL FLOPs by different conventions, so this is no common axis: 6N (a); "
        "exact (b); convention not said (silent)"
    )
    assert "Convention 6N: 6·N a token that is trained on, 2·N" in label.get_attribute("title")
    assert "Convention not said" in label.get_attribute("title")
    box, over = label.bounding_box(), page.over(0)
    assert box["y"] > over["y"] + over["height"]  # beneath the ticks, where the label is drawn
    for name in ("b", "silent"):
        page.frame.get_by_label(name, exact=True).first.click()
    page.until(lambda: caption.inner_text().endswith("RL FLOPs: convention 6N"))
    page.press("Step")
    page.until(lambda: "convention" not in caption.inner_text())
    assert label.get_attribute("title") == ""


# --- what a page opens with -------------------------------------------------


@pytest.fixture(scope="module")
def kinds_server(serve, tmp_path_factory):
    """Runs of different kinds of metrics."""
    folder = tmp_path_factory.mktemp("kinds")
    random = np.random.default_rng(3)

    def noisy(shape, sd=0.05):
        return shape + sd * random.normal(size=60)

    share = np.linspace(0, 1, 60)
    metrics = {
        "game": {
            "epoch": share,
            "fps": noisy(share),
            "ep_len": noisy(share),
            "return": noisy(share),
        },
        "stuck": {"return": np.full(60, -21.0), "entropy": np.full(60, 0.45)},
        "loss": {"lr": share, "loss": noisy(1 - share), "kl": noisy(share)},
        "graded": {"critic/score/max": np.ones(60), "entropy": noisy(2 - share)},
        "spike": {"kl": np.where(share == share[30], 1e9, noisy(share))},
    }
    for name, of_run in metrics.items():
        with rlviz.Callback(folder / name, figure_seconds=None) as viz:
            for step in range(60):
                values = {metric: float(of[step]) for metric, of in of_run.items()}
                graded = {"correct": random.random(64) < 0.3} if name == "graded" else {}
                viz.on_step_end(step + 1, metrics=values, **graded)
    return serve(folder)


@pytest.mark.parametrize(
    ("shown", "titles"),
    [
        ("game", ["return", "ep_len"]),
        ("stuck", ["return"]),
        ("loss", ["loss", "kl"]),
        ("graded", ["Training Accuracy", "entropy"]),
        ("stuck,loss", ["return", "loss"]),
        ("game,graded", ["Training Accuracy", "return"]),
    ],
)
def test_the_page_opens_with_the_panels_of_the_figure(kinds_server, open_page, shown, titles):
    runs = [rlviz.read(kinds_server.logdir / name) for name in shown.split(",")]
    assert [ax.get_ylabel() for ax in rlviz.figure(runs).axes] == titles
    page = open_page(f"{kinds_server.frame_url}#p.rlviz.show={shown.replace(',', '%2C')}")
    page.is_drawn(len(titles))
    assert page.frame.locator(".panels h2").all_inner_texts() == titles
    assert "panels" not in page.hash()


def test_panels_follow_the_shown_runs_until_the_user_chooses(kinds_server, open_page):
    page = open_page(kinds_server.frame_url + "#p.rlviz.show=game").is_drawn()
    titles = lambda: page.frame.locator(".panels h2").all_inner_texts()  # noqa: E731
    page.frame.get_by_role("checkbox", name="graded").check()
    page.until(lambda: titles() == ["Training Accuracy", "return"])
    page.frame.get_by_role("button", name="Remove this panel").first.click()
    page.until(lambda: titles() == ["return"])
    page.frame.get_by_role("checkbox", name="loss").check()
    page.settle()
    assert titles() == ["return"]
    assert "p.rlviz.panels=return" in page.hash()


def test_a_value_far_from_all_others_flattens_no_panel_and_is_counted(kinds_server, open_page):
    page = open_page(kinds_server.frame_url + "#p.rlviz.show=spike&p.rlviz.panels=kl").is_drawn(1)
    caption = page.frame.locator(".panel .caption").first
    page.until(lambda: "1 of 60 values outside the scale" in caption.inner_text())
    frame = page.modules().page.evaluate(FRAME)
    assert frame["high"] < 2  # of the axis, with the dots and the curve of this run
    page.frame.get_by_role("checkbox", name="loss").check()  # its KL has no such value
    page.until(lambda: "1 of 120 values outside the scale" in caption.inner_text())


def test_the_axis_of_a_share_ends_at_its_largest_value(kinds_server, open_page):
    page = open_page(kinds_server.frame_url + "#p.rlviz.show=spike&p.rlviz.panels=kl").is_drawn(1)
    frames = page.modules().page.evaluate(SHARES)
    assert frames == [[0.4, 1.0], [0.4, 1.1], [0.9, 1.25]]  # a value above it is shown


SHARES = """async () => {
  const { frameOfY } = await import(new URL("frames.js", document.baseURI));
  const frame = (y, most) => {
    const dots = [{ data: {}, y, begin: 0, end: y.length }];
    const x = { left: 0, right: y.length };
    const found = frameOfY(undefined, [{ dots, hidden: [], curves: [] }], "number", x, false, most);
    return [found.low, found.high].map((end) => Number(end.toFixed(6)));
  };
  return [frame([0.42, 1.0], 1), frame([0.42, 1.0], null), frame([0.95, 1.25], 1)];
}"""
FRAME = """async () => {
  const modules = ["frames.js", "api.js"].map((name) => import(new URL(name, document.baseURI)));
  const [{ frameOfY }, { fetchSeveral }] = await Promise.all(modules);
  const [data] = await fetchSeveral({ run: ["spike"], metric: "kl", x: "step", smooth: "auto" });
  const dots = [{ data, y: data.y, begin: 0, end: data.y.length }];
  const curves = [{ place: data.curve_x, y: data.curve }];
  const x = { left: 1, right: 60 };
  return frameOfY(undefined, [{ dots, hidden: [], curves }], "number", x);
}"""
