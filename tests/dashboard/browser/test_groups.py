"""Groups of runs and the table: means with bands, n, baselines, and places that some never reached;
from a server and from a file with the network off."""

import re
import time

import numpy as np
import pytest

import rlviz
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of, mean_of
from rlviz.report.series.measures import measure

SKILLS = {"grpo": 1.0, "wide": 1.5}
SEEDS = 3
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def train(logdir, *, skill, steps, seed, config=None, first=1, convention=None):
    random = np.random.default_rng(seed)
    skill *= 1 + 0.05 * random.normal()
    with rlviz.Callback(logdir, figure_seconds=None, config=config, convention=convention) as viz:
        for step in range(first, first + steps):
            accuracy = 0.3 + 0.3 * skill * step / 150 + random.normal(0, 0.01)
            viz.on_step_end(
                step,
                correct=random.random(256) < accuracy,
                parallelism=[7 + 5 * (step / 150) ** 2 + random.normal(0, 0.3)],
                flops={"rollout": 10**20, "update": 3 * 10**19},
                wall_time=1.79e9 + 60 * step,
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two groups of three seeds and one run by itself; the seeds end at different steps."""
    runs = tmp_path_factory.mktemp("groups")
    for name, skill in SKILLS.items():
        for seed in range(SEEDS):
            config = {"lr": 1e-6 if name == "grpo" else 3e-6, "seed": seed, "gpus": 8}
            steps = 130 + 10 * seed
            train(runs / f"{name}-s{seed}", skill=skill, steps=steps, seed=seed, config=config)
    train(runs / "alone", skill=1.2, steps=90, seed=9)
    return runs


@pytest.fixture(scope="module")
def server(serve, folder):
    return serve(folder)


@pytest.fixture(scope="module")
def file(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "groups.html"
    runs = {run.name: rlviz.read(run) for run in sorted(folder.iterdir())}
    path.write_text(rlviz.page(runs), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(params=["server", "file"])
def at(request):
    """The address of the page from a server, and of the same page as a file."""
    found = request.getfixturevalue(request.param)
    return found if request.param == "file" else found.frame_url


def seeds_of(folder, name):
    return [rlviz.read(folder / f"{name}-s{seed}") for seed in range(SEEDS)]


def opened(open_page, address, **state):
    fragment = "&".join(f"p.rlviz.{name}={text}" for name, text in state.items())
    return open_page(f"{address}#{fragment}").is_drawn()


def legend(page):
    return page.frame.locator(".panel .legend").first.locator(".legend-entry").all_inner_texts()


AT_ONCE = """table => [
    [...table.querySelectorAll("thead th")].map((cell) => cell.title),
    [...table.querySelectorAll("tbody tr")].map((row) => row.innerText),
]"""
"""The titles and the rows of one table: it is drawn anew while somebody reads it."""


def table(page, words):
    """Name -> column -> text, once all of the words stand in the table."""
    whole = page.frame.locator(".comparison table")
    try:
        page.until(lambda: all(one in whole.inner_text() for one in words))
    except AssertionError:
        raise AssertionError(whole.inner_text()) from None
    columns, rows = whole.evaluate(AT_ONCE)
    cells = [[" ".join(cell.split()) for cell in row.split("\t")] for row in rows]
    return {row[0]: dict(zip(columns, row, strict=True)) for row in cells}


def numbers_in(text):
    plain = text.replace("−", "-").replace(",", "").translate(DIGITS).replace("×10", "e")
    return [float(one) for one in re.findall(r"[+-]?\d+\.?\d*(?:e\d+)?", plain)]


COLUMN, MINUS = "Training Accuracy", "Training Accuracy − grpo, points"
N = {"grpo": "grpo n = 3", "wide": "wide n = 3"}


def test_groups_have_one_color_a_mean_and_their_n_in_the_legend(at, open_page):
    page = opened(open_page, at)
    page.frame.get_by_label("Group runs by").select_option(label="Name")
    page.until(lambda: len(legend(page)) == 3)
    assert [" ".join(one.split()) for one in legend(page)] == ["grpo n = 3", "wide n = 3", "alone"]
    assert page.hash() == "#rlviz&p.rlviz.by=name"
    colors = page.frame.locator(".run.is-shown").evaluate_all(
        "rows => rows.map((row) => row.style.getPropertyValue('--run'))"
    )
    assert len(set(colors)) == 3
    assert [colors.count(color) for color in dict.fromkeys(colors)] == [1, 3, 3]
    heads = page.frame.locator(".group-head").all_inner_texts()
    assert [" ".join(one.split()) for one in heads] == ["grpo n = 3", "wide n = 3"]
    page.frame.get_by_label("grpo-s1", exact=True).first.click()
    if at.startswith("http"):
        page.until(lambda: "n = 2" in legend(page)[0])
    else:  # the mean of these two is nowhere
        caption = page.frame.locator(".panel .caption").first
        page.until(lambda: "no mean of grpo: The mean of these" in caption.inner_text())


PIXELS = """([color]) => {
  const canvas = document.querySelector("canvas");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const wanted = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    count += wanted.every((part, k) => Math.abs(data[i + k] - part) < 3);
  return count;
}"""


def test_the_mean_is_drawn_thicker_than_a_run(at, open_page):
    page = opened(open_page, at, by="name", dots=0, names=0, band=0)
    page.until(lambda: len(legend(page)) == 3)
    page.page.wait_for_timeout(600)
    row = page.frame.locator(".run", has_text="wide-s0")
    color = row.evaluate("(row) => row.style.getPropertyValue('--run')")
    thick = page.page.evaluate(PIXELS, [color])
    page.frame.get_by_label("Group runs by").select_option(label="No groups")
    page.page.wait_for_timeout(600)
    thin = page.page.evaluate(PIXELS, [color])
    assert thick > 300
    assert thin < thick / 1.8  # of the run that has this color then


def test_the_table_has_the_mean_with_its_interval_that_a_comparison_has(at, open_page, folder):
    place = 1.2e22
    page = opened(open_page, at, by="name", at="1.2e22")
    page.until(lambda: table(page, ["not that far"])["alone"][COLUMN] == "– not that far")
    page.until(lambda: all("±" in table(page, ["%"])[N[name]][COLUMN] for name in SKILLS))
    rows = table(page, ["%"])
    for name in SKILLS:
        runs = seeds_of(folder, name)
        axis = choose("flops", runs)
        curve = mean_of(axis, [curve_of(run, measure("accuracy", runs), axis) for run in runs])
        y, low, high = (part[0] for part in curve.values_at(np.array([place])))
        expected = [100 * y, 50 * (high - low)]
        assert numbers_in(rows[N[name]][COLUMN]) == pytest.approx(expected, abs=0.06)
        assert rows[N[name]]["Last step"] == "130 … 150"
    assert rows["alone"][COLUMN] == "– not that far"


def test_a_baseline_gives_differences_multipliers_and_compute_with_intervals(at, open_page, folder):
    runs = {"alone": [rlviz.read(folder / "alone")]}  # by name, as the page compares them
    runs |= {name: seeds_of(folder, name) for name in SKILLS}
    expected = rlviz.compare(runs, reference="grpo")
    place = expected.at_compute[-1].flops
    page = opened(open_page, at, by="name", at=place)
    page.frame.get_by_label("Baseline").select_option("grpo")
    rows = table(page, ["baseline", "RL FLOPs to reach", "[+"])
    caption = page.frame.locator(".comparison .caption")
    page.until(lambda: "the geometric mean over the levels" in caption.inner_text())
    level = page.frame.get_by_label("Level").input_value()
    rows = table(page, ["baseline"])
    row = next(row for row in expected.at_accuracy if str(row.level) == level)
    spent = next(title for title in rows["alone"] if title.startswith("RL FLOPs to reach"))
    assert spent == f"RL FLOPs to reach {100 * row.level:.0f}%"
    for name, shown in (("wide", N["wide"]), ("alone", "alone")):
        ahead = expected.at_compute[-1].differences[name]
        wanted = [100 * part for part in (ahead.value, ahead.low, ahead.high)]
        assert numbers_in(rows[shown][MINUS]) == pytest.approx(wanted, abs=0.16)
        times = expected.multipliers[name]
        wanted = [times.value, times.low, times.high]
        assert numbers_in(rows[shown]["Compute multiplier"]) == pytest.approx(wanted, abs=0.006)
        needed = row.flops[name]
        wanted = [needed.value, needed.low, needed.high]
        assert numbers_in(rows[shown][spent]) == pytest.approx(wanted, rel=0.006)
    assert rows[N["grpo"]][MINUS] == rows[N["grpo"]]["Compute multiplier"] == "baseline"
    assert "p.rlviz.baseline=grpo" in page.hash()
    assert "RL FLOPs of grpo / RL FLOPs of the other for the same" in caption.inner_text()


def test_a_comparison_that_fails_is_said_and_not_asked_for_again_at_once(server, open_page):
    page = opened(open_page, server.frame_url, by="name")
    sentence = "comparisons are made one at a time."
    asked = []

    def refuse(route):
        asked.append(time.monotonic())
        route.fulfill(status=503, json={"error": sentence})

    page.page.route("**/comparison?*", refuse)
    page.frame.get_by_label("Baseline").select_option("grpo")
    caption = page.frame.locator(".comparison .caption")
    page.until(lambda: sentence in caption.inner_text())
    page.page.wait_for_timeout(3000)
    assert len(asked) == 1
    page.until(lambda: len(asked) > 1)
    assert asked[1] - asked[0] > 4.9
    page.page.unroute("**/comparison?*")
    page.until(lambda: "the geometric mean over the levels" in caption.inner_text())
    assert all("503" in error for error in page.errors)  # the browser tells of each
    page.errors.clear()


@pytest.mark.parametrize("is_file", [False, True], ids=["server", "file"])
def test_a_group_whose_runs_count_differently_says_why_it_has_no_mean(
    serve, tmp_path, open_page, is_file
):
    for seed, convention in enumerate(("exact", "6N")):
        name = tmp_path / "runs" / f"swarm-s{seed}"
        train(name, skill=1.0, steps=60, seed=seed, convention=convention)
    address = serve(tmp_path / "runs").frame_url
    if is_file:
        runs = {run.name: rlviz.read(run) for run in sorted((tmp_path / "runs").iterdir())}
        (tmp_path / "page.html").write_text(rlviz.page(runs), encoding="utf-8")
        address = (tmp_path / "page.html").as_uri()
    page = opened(open_page, address, by="name")
    why = (
        "'swarm-s0' counts by exact, 'swarm-s1' by 6N, so their RL FLOPs are not the same quantity"
    )
    caption = page.frame.locator(".panel .caption").first
    page.until(lambda: f"no mean of swarm: {why}" in caption.inner_text())
    cell = page.frame.locator(".comparison tbody td[title]").filter(has_text="–")
    page.until(lambda: any(why in one.get_attribute("title") for one in cell.all()))


def test_the_table_follows_the_axis_and_the_panels(at, open_page):
    page = opened(open_page, at)
    title = page.frame.locator(".comparison h2")
    assert title.inner_text() == "Runs at equal compute"
    heads = page.frame.locator(".comparison thead th")
    page.press("Step")
    page.until(lambda: title.inner_text() == "Runs at equal steps")
    # The seeds end at 130, 140 and 150 of either group and the lone run at 90: the median is 140.
    place = page.frame.get_by_label("At how much of it")
    assert place.input_value() == "140"
    page.until(lambda: "±" in table(page, ["not that far"])["wide-s1"][COLUMN])
    assert table(page, ["%"])["alone"][COLUMN] == "– not that far"
    page.press("Wall time")
    page.until(lambda: title.inner_text() == "Runs at equal hours")
    assert float(place.input_value()) == pytest.approx(139 / 60, rel=1e-3)
    page.frame.get_by_role("button", name="Remove this panel").first.click()
    page.until(lambda: COLUMN not in heads.evaluate_all("cells => cells.map((c) => c.title)"))
    assert "Average Parallelism" in heads.evaluate_all("cells => cells.map((c) => c.title)")


def test_a_dash_says_whether_a_run_began_later_or_never_came_there(serve, tmp_path, open_page):
    train(tmp_path / "early", skill=1, steps=60, seed=0)
    train(tmp_path / "late", skill=1, steps=60, seed=1, first=41)
    page = opened(open_page, serve(tmp_path).frame_url, x="step", at=30)
    page.until(lambda: "±" in table(page, ["began later"])["early"][COLUMN])
    assert table(page, ["%"])["late"][COLUMN] == "– began later"
    page.frame.get_by_label("At how much of it").fill("80")
    page.page.keyboard.press("Enter")
    page.until(lambda: "±" in table(page, ["not that far"])["late"][COLUMN])
    assert table(page, ["%"])["early"][COLUMN] == "– not that far"


def test_a_place_that_is_no_number_is_said_and_the_field_is_as_it_was(at, open_page):
    page = opened(open_page, at, x="step")
    place = page.frame.get_by_label("At how much of it")
    said = page.frame.locator(".comparison .said")
    before = place.input_value()
    for wrong in ("far", "-3", "1e", "∞"):
        place.fill(wrong)
        page.page.keyboard.press("Enter")
        page.until(lambda wrong=wrong: f"“{wrong}” is no number of steps" in said.inner_text())
        assert place.input_value() == before
    assert "p.rlviz.at" not in page.hash()
    place.fill("1,2e2".replace(",", "."))
    page.page.keyboard.press("Enter")
    assert "p.rlviz.at=120" in page.hash()
    assert said.inner_text() == ""
    page.press("RL FLOPs")  # 120 of these would be nothing
    page.until(lambda: "p.rlviz.at" not in page.hash())


def test_runs_are_grouped_by_a_setting_or_by_an_expression(server, open_page):
    page = opened(open_page, server.frame_url)
    choice = page.frame.get_by_label("Group runs by")
    page.until(lambda: "lr" in choice.locator("option").all_inner_texts())
    offered = choice.locator("option").all_inner_texts()
    assert offered == ["No groups", "Name", "gpus", "lr", "seed", "Expression …"]
    choice.select_option(label="seed")
    page.until(lambda: [" ".join(e.split()) for e in legend(page)][:1] == ["seed = 0 n = 2"])
    choice.select_option(label="Expression …")
    field = page.frame.get_by_label("Expression: runs in which")
    field.fill("s([01])")
    page.page.keyboard.press("Enter")
    page.until(lambda: [" ".join(e.split()) for e in legend(page)][:2] == ["0 n = 2", "1 n = 2"])
    assert "p.rlviz.by=regex%3As(%5B01%5D)" in page.hash()
    field.fill("s([01]")
    page.page.keyboard.press("Enter")
    said = page.frame.locator(".grouping .said")
    page.until(lambda: "Invalid regular expression" in said.inner_text())
    assert field.input_value() == "s([01])"
    other = open_page(f"{server.url}/{page.hash()}").is_drawn()
    other.until(lambda: [" ".join(e.split()) for e in legend(other)][:1] == ["0 n = 2"])


def test_an_address_that_groups_by_nonsense_opens_without_groups(at, open_page):
    for nonsense in ("regex:(", "config:", "constructor", "regex:" + "a" * 500):
        page = opened(open_page, at, by=nonsense, baseline="__proto__", level="x")
        assert page.frame.get_by_label("Group runs by").input_value() == ""
        assert legend(page) == []


def test_a_file_of_seeds_opens_as_groups(open_page, folder, tmp_path):
    path = tmp_path / "seeds.html"
    runs = {name: seeds_of(folder, name) for name in SKILLS}
    path.write_text(rlviz.page(runs), encoding="utf-8")
    page = open_page(path.as_uri()).is_drawn()
    page.until(lambda: [" ".join(e.split()) for e in legend(page)] == ["grpo n = 3", "wide n = 3"])
    assert "by" not in page.hash()
    page.frame.get_by_label("Group runs by").select_option(label="No groups")
    assert page.hash().endswith("p.rlviz.by=")
    again = open_page(page.page.url).is_drawn()
    assert legend(again) == []
    offered = again.frame.get_by_label("Group runs by").locator("option").all_inner_texts()
    assert offered == ["No groups", "Name", "lr", "seed"]


def test_the_pointer_is_told_the_means_and_not_every_run(at, open_page):
    page = opened(open_page, at, by="name")
    page.until(lambda: len(legend(page)) == 3)
    page.point_at(0.4, 0.5)
    tip = page.tip()
    assert "grpo (n = 3)" in tip
    assert "wide (n = 3)" in tip
    assert tip.count("-s") <= 1  # the run that the pointer is at
