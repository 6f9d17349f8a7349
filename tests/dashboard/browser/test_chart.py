"""What is drawn on a canvas: texts of the axes on screens of any density, and the colors."""

import numpy as np
import pytest

from rlviz import palette

# Where anything is drawn beside the plotting area, in CSS pixels: the rest of the canvas is clear.
TEXTS = """() => {
  const canvas = document.querySelector(".chart canvas");
  const area = document.querySelector(".plot-area");
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = canvas.width / width;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const [left, foot] = [area.offsetLeft, area.offsetTop + area.offsetHeight];
  const ink = (x, y) => data[4 * (y * canvas.width + x) + 3] > 100;
  const extent = (fromX, toX, fromY, toY) => {
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let y = Math.round(fromY * ratio); y < Math.round(toY * ratio); y += 1) {
      for (let x = Math.round(fromX * ratio); x < Math.round(toX * ratio); x += 1) {
        if (!ink(x, y)) continue;
        [x0, x1] = [Math.min(x0, x), Math.max(x1, x + 1)];
        [y0, y1] = [Math.min(y0, y), Math.max(y1, y + 1)];
      }
    }
    return [(x1 - x0) / ratio, (y1 - y0) / ratio];
  };
  return {
    ratio,
    xTitle: extent(left, width, foot + 28, height),
    yTitle: extent(0, 23, 0, foot),
    xTexts: extent(left, width, foot + 6, foot + 26),
    yTexts: extent(24, left - 6, 0, foot),
  };
}"""


def texts(page):
    page.settle()
    return page.page.evaluate(TEXTS)


@pytest.mark.parametrize("scale", [1.5, 2, 3])
def test_titles_and_ticks_have_the_same_size_on_a_screen_of_any_density(
    lone_server, open_page, scale
):
    plain = texts(open_page(lone_server.frame_url).is_drawn())
    dense = texts(open_page(lone_server.frame_url, scale=scale).is_drawn())
    assert (plain["ratio"], dense["ratio"]) == (1, pytest.approx(scale, rel=0.01))
    for name in ("xTitle", "yTitle", "xTexts", "yTexts"):
        np.testing.assert_allclose(dense[name], plain[name], atol=1.5, err_msg=name)
    assert plain["xTitle"][0] > 80  # RL flops ×10²², in letters of 12.5 pixels
    assert 9 <= plain["xTitle"][1] <= 15
    assert plain["yTitle"][1] > 90  # Training Accuracy, upright


# Headless Chromium changes the density without saying so to media queries: the test says it.
WATCHED = """
window.__queries = [];
const match = window.matchMedia.bind(window);
window.matchMedia = (query) => {
  const found = match(query);
  if (query.includes("resolution")) window.__queries.push(found);
  return found;
};
"""


def test_a_window_that_comes_to_a_denser_screen_is_drawn_anew(lone_server, open_page):
    page = open_page(lone_server.frame_url)
    page.page.add_init_script(WATCHED)
    page.page.reload()
    before = texts(page.is_drawn())
    session = page.page.context.new_cdp_session(page.page)
    size = {"width": 1280, "height": 800, "mobile": False}
    for factor in (2, 1):
        session.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": factor})
        page.page.evaluate("window.__queries.pop().dispatchEvent(new Event('change'))")
        page.until(lambda factor=factor: texts(page)["ratio"] == factor)
        np.testing.assert_allclose(texts(page)["xTitle"], before["xTitle"], atol=1.5)


# Every axis that may come up: widths of a panel, and from all of a run to a thousandth of it.
AXES = """async () => {
  const { axesOf } = await import(new URL("axes.js", document.baseURI));
  const context = document.createElement("canvas").getContext("2d");
  const found = [];
  const ends = [[0, 1], [1e-6, 1], [-1e-3, 5e-3], [3, 400], [1e5, 1.2e5], [0, 4.2e22],
    [1e25, 1.0001e25], [16000, 64000], [1e9 + 1, 1e9 + 300], [1.79e9, 1.79e9 + 86400],
    [-5e5, -2e5], [0, 1e-12], [-1e300, 1e300], [123456.789, 123456.799]];
  for (const width of [240, 333, 540, 1200]) {
    for (const [low, high] of ends) {
      for (const part of [1, 0.1, 0.001]) {
        for (const [axis, log, scale] of [["flops", false, "number"], ["step", false, "count"],
            ["flops", true, "percent"], ["tokens", true, "number"]]) {
          if (log && !(low > 0)) continue;
          const places = [low, low + part * (high - low)];
          const [left, right] = log ? places.map(Math.log10) : places;
          const chart = { width, height: 300, ratio: 1 };
          const frame = { left, right, low: places[0], high: places[1] };
          const axes = axesOf(context, { frame, axis, log, scale }, chart);
          const widths = (texts) => texts.map((text) => context.measureText(text).width);
          found.push({ what: [width, places, axis, log, scale], box: axes.box,
            x: { ...axes.x, widths: widths(axes.x.texts) },
            y: { ...axes.y, widths: widths(axes.y.texts) } });
        }
      }
    }
  }
  return found;
}"""


def test_no_text_of_an_axis_touches_another_or_is_cut_off(lone_server, open_page):
    found = open_page(lone_server.frame_url).is_drawn().modules().page.evaluate(AXES)
    assert len(found) == 4 * 3 * (14 * 2 + 8 * 2)
    for axes in found:
        x, y, box = axes["x"], axes["y"], axes["box"]
        at, half = np.array(x["pixels"]), np.array(x["widths"]) / 2
        gaps = np.diff(at) - half[1:] - half[:-1]
        assert (gaps >= 4).all(), (axes["what"], x["texts"])
        assert len(set(x["texts"])) == len(x["texts"]), (axes["what"], x["texts"])
        assert max(y["widths"], default=0) <= box["left"] - 22 - 9, (axes["what"], y["texts"])
        assert (np.abs(np.diff(y["pixels"])) >= 14).all(), (axes["what"], y["texts"])
        inside = (at >= box["left"] - 1) & (at <= box["left"] + box["width"] + 1)
        assert inside.all(), (axes["what"], x["texts"], at, box)


def colors_of_runs(page):
    found = page.frame.locator(".run.is-shown").evaluate_all(
        "rows => rows.map(row => row.style.getPropertyValue('--run'))"
    )
    return [found[name] for name in range(len(found))]


def test_in_the_light_runs_have_the_colors_of_the_figure(server, open_page):
    page = open_page(server.frame_url).is_drawn()
    assert colors_of_runs(page) == [color.lower() for color in palette.OF_RUNS[:3]]


def test_in_the_dark_every_color_is_lighter_and_none_like_another(server, open_page):
    light, dark = (
        open_page(server.frame_url, scheme=scheme).is_drawn().modules()
        for scheme in ("light", "dark")
    )
    code = """async (slots) => {
      const { paint } = await import(new URL("palette.js", document.baseURI));
      return slots.map((slot) => paint(slot, undefined, false).curve);
    }"""
    slots = list(range(len(palette.OF_RUNS)))
    brightness = {}
    for name, page in (("light", light), ("dark", dark)):
        colors = page.page.evaluate(code, slots)
        brightness[name] = [sum(bytes.fromhex(color[1:])) for color in colors]
        assert len(set(colors)) == len(slots)
    assert (np.array(brightness["dark"]) > brightness["light"]).all()
