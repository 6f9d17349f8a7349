"""Which line is which: keys with colors and dashes, names at the ends, the list of runs."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image

import rlviz

RUNS = 26


def write(folder, number, *, steps=60, closed=True, began=None):
    """A run with a configuration, written `began` seconds since 1970 on."""
    random = np.random.default_rng(number)
    config = {"lr": [1e-6, 3e-6, 1e-5][number % 3], "model": {"name": f"m{number % 2}"}, "seed": 7}
    began = time.time() - 60 * steps if began is None else began
    viz = rlviz.Callback(folder, figure_seconds=None, config=config)
    for step in range(1, steps + 1):
        correct = random.random(64) < 0.2 + 0.01 * number + 0.2 * step / steps
        viz.on_step_end(
            step,
            correct=correct,
            parallelism=[3 + number + step / steps],
            flops=10**20,
            wall_time=began + 60 * step,
        )
    if closed:
        viz.close()
    return viz


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of 26 runs with one long common prefix."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(RUNS):
        write(folder / f"sweep-of-a-long-name-{number % 4}" / f"seed{number}", number)
    return folder


@pytest.fixture(scope="module")
def crowded(serve, many):
    return serve(many)


ALL = "#p.rlviz.hide="


def keys(locator):
    """(color, dashes) of each key below."""
    return locator.locator(".line-key path").evaluate_all(
        "all => all.map(one => [one.getAttribute('stroke'), one.getAttribute('stroke-dasharray')])"
    )


def test_26_runs_have_keys_that_differ_in_the_list_the_table_and_under_the_pointer(
    crowded, open_page
):
    page = open_page(crowded.frame_url + "#p.rlviz.hide=none").is_drawn()
    listed = keys(page.frame.locator(".run-list"))
    assert len({tuple(key) for key in listed}) == RUNS
    assert sum(dashes is None for _, dashes in listed) == 7
    names = page.frame.locator(".run.is-shown .run-label").evaluate_all(
        "rows => rows.map(row => row.title)"
    )
    of = dict(zip(names, listed, strict=True))
    rows = page.frame.locator(".comparison tbody tr")
    assert rows.count() == RUNS
    for row in (rows.nth(0), rows.nth(25)):
        name = row.locator("th").get_attribute("title")
        assert keys(row) == [of[name]]
    page.point_at(0.5, 0.5)
    name = page.tip().splitlines()[0]
    tip = page.frame.locator(".panel .tip").first
    name = tip.locator(".tip-run .tip-name").get_attribute("title")
    assert keys(tip.locator(".tip-run")) == [of[name]]
    assert all(key in listed for key in keys(tip.locator(".tip-others")))
    strong = page.frame.locator(".run.is-strong .run-label")
    assert strong.get_attribute("title") == name, "the list says which line the pointer is at"


def test_the_picture_has_a_line_for_each_run_and_shortens_long_names(open_page, tmp_path, learning):
    columns, table = learning(40)
    held = dict(zip(columns, table.T, strict=True))
    runs = {
        f"run{number}" + ("-and-on" * 30 if number == 3 else ""): rlviz.History(held)
        for number in range(9)
    }
    path = tmp_path / "page.html"
    path.write_text(rlviz.page(runs), encoding="utf-8")
    page = open_page(path.as_uri()).is_drawn()
    found = keys(page.frame.locator(".run-list"))
    page.frame.get_by_text("Download", exact=True).click()
    with page.page.expect_download() as saved:
        page.press("PNG of the panels as they are")
    picture = np.asarray(Image.open(io.BytesIO(saved.value.path().read_bytes())).convert("RGB"))
    foot = picture[-24 * 4 :].reshape(-1, 3)
    for color, _ in found[:7]:
        ink = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(foot.astype(int) - ink).max(axis=1) < 12).sum() >= 26, color
    dashed = [dashes for _, dashes in found]
    assert dashed[:7] == [None] * 7
    assert dashed[7] == dashed[8] == "12 3"
    right = picture[-24 * 4 :, -8:].reshape(-1, 3)
    assert len(np.unique(right, axis=0)) == 1, "no name runs out of the picture"


APART = """async ([ends, area]) => {
  const { apart } = await import(new URL("ends.js", document.baseURI));
  return apart(ends, area).map(({ end, left, y }) => ({ n: end.n, left, y, width: end.width,
    at: end.y }));
}"""


def test_names_at_the_ends_of_curves_never_overlap_and_keep_the_order_of_the_curves(
    lone_server, open_page
):
    page = open_page(lone_server.frame_url).is_drawn().modules()
    random = np.random.default_rng(0)
    area = {"top": 10, "right": 540, "bottom": 310}
    for count in (2, 5, 12, 26, 60):
        for spread in (0, 20, 300):
            ends = [
                {
                    "n": n,
                    "x": float(random.choice([300, 380, 420])),
                    "width": 60.0,
                    "y": float(np.clip(160 + spread * (random.random() - 0.5), 10, 310)),
                    "isStrong": n == 1,
                }
                for n in range(count)
            ]
            found = page.page.evaluate(APART, [ends, area])
            assert found
            assert 1 in {one["n"] for one in found}, "the run that is pointed at has its name"
            for i, one in enumerate(found):
                assert area["top"] <= one["y"] - 7
                assert one["y"] + 7 <= area["bottom"] + 1e-6
                assert one["left"] + one["width"] <= area["right"]
                for other in found[:i]:
                    beside = abs(one["left"] - other["left"]) >= 60
                    assert beside or abs(one["y"] - other["y"]) >= 14 - 1e-6
                    assert beside or (one["y"] - other["y"]) * (one["at"] - other["at"]) >= 0
            if spread == 300 and count <= 12:
                assert len(found) == count


INK = """() => {
  const canvas = document.querySelector(".chart canvas");
  const area = document.querySelector(".plot-area");
  const ratio = canvas.width / canvas.getBoundingClientRect().width;
  const left = Math.round((area.offsetLeft + area.offsetWidth + 6) * ratio);
  const { data } = canvas.getContext("2d")
    .getImageData(left, 0, canvas.width - left, canvas.height);
  let dark = 0;
  for (let i = 0; i < data.length; i += 4) dark += data[i + 3] > 100 && data[i] < 90;
  return [dark, canvas.width / ratio - area.offsetLeft - area.offsetWidth];
}"""


@pytest.mark.parametrize("scale", [1, 2])
def test_the_names_stand_beside_the_curves_until_they_are_taken_away(crowded, open_page, scale):
    page = open_page(crowded.frame_url, scale=scale).is_drawn()
    page.settle()
    ink, room = page.page.evaluate(INK)
    assert ink > 500
    assert 50 < room < 140
    page.frame.get_by_label("Names").uncheck()
    page.settle()
    ink, room = page.page.evaluate(INK)
    assert (ink, room) == (0, 14)
    assert "p.rlviz.names=0" in page.hash()


def test_words_of_the_filter_are_regular_expressions(crowded, open_page):
    page = open_page(crowded.frame_url).is_drawn()
    search = page.frame.get_by_label("Filter runs")

    def found(text):
        search.fill(text)
        page.settle()
        rows = page.frame.locator(".run:visible .run-label")
        return rows.evaluate_all("rows => rows.map(row => row.title.split('/').pop())")

    assert sorted(found("seed(3|17)$")) == ["seed17", "seed3"]
    assert len(found("name-1 seed")) == 7
    assert len(found("SEED2")) == 7
    assert found("no-such-name") == []
    hint = page.frame.locator(".sidebar .hint")
    assert hint.inner_text() == "No run's name has all of these."
    assert found("seed[") == []
    assert "“seed[” is no regular expression" in hint.inner_text()
    assert len(found("")) == RUNS
    assert not hint.is_visible()


def test_the_list_is_sorted_by_values_settings_and_state(serve, tmp_path, open_page):
    now = time.time()
    write(tmp_path / "done", 1, began=now - 90_000)
    alive = write(tmp_path / "alive", 5, closed=False, began=now - 60 * 60)
    quiet = write(tmp_path / "quiet", 9, closed=False, began=now - 400_000)
    assert alive.flush()
    assert quiet.flush()
    server = serve(tmp_path)
    page = open_page(server.frame_url + "#p.rlviz.x=step").is_drawn()
    row = lambda name: page.frame.locator(".run", has_text=name).locator(".run-columns")  # noqa: E731
    names = lambda: page.frame.locator(".run-label").evaluate_all(  # noqa: E731
        "rows => rows.map(row => row.title)"
    )
    page.until(lambda: row("done").inner_text().startswith("ended"))
    assert row("alive").inner_text().startswith("running")
    assert re.match(r"silent since \d+ \w+", row("quiet").inner_text())
    last = rlviz.read(tmp_path / "quiet").accuracy[-1]
    assert f"{100 * last:.2f}%" in row("quiet").inner_text()

    sort = page.frame.get_by_label("Sort runs by")
    sort.select_option("Training Accuracy")
    page.until(lambda: names() == ["quiet", "alive", "done"])
    page.press("Falling order")
    page.until(lambda: names() == ["done", "alive", "quiet"])
    sort.select_option("State")
    page.until(lambda: names() == ["alive", "quiet", "done"])
    sort.select_option("lr")
    page.until(lambda: names() == ["quiet", "done", "alive"])
    page.frame.get_by_text("Columns", exact=True).click()
    page.frame.get_by_role("checkbox", name="model.name").check()
    page.page.keyboard.press("Escape")
    assert "name m1" in row("quiet").inner_text()
    offered = page.frame.locator(".run-order .menu-scroll .check").evaluate_all(
        "rows => rows.map(row => row.title)"
    )
    assert offered == ["lr", "model.name", "seed"]
    fragment = page.hash()
    assert "p.rlviz.sort=setting%3Alr" in fragment
    assert "p.rlviz.columns=state%2Cvalues%2Cmodel.name" in fragment
    other = open_page(server.frame_url + fragment).is_drawn()
    other.until(lambda: "name m1" in other.frame.locator(".run", has_text="quiet").inner_text())
    alive.close()
    quiet.close()


def test_a_file_tells_the_state_and_settings_of_its_runs(many, open_page, tmp_path):
    runs = {
        str(path.parent.relative_to(many)): rlviz.read(path.parent)
        for path in sorted(many.rglob("*tfevents*"))[:3]
    }
    path = tmp_path / "page.html"
    path.write_text(rlviz.page(runs), encoding="utf-8")
    page = open_page(path.as_uri() + "#p.rlviz.columns=state,lr&p.rlviz.sort=setting:lr").is_drawn()
    texts = page.frame.locator(".run-columns").all_inner_texts()
    assert len(texts) == 3
    assert all(re.fullmatch(r"ended\s+lr \S+", text) for text in texts), texts
