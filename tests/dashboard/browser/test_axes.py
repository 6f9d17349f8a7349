"""The axes: log y, typed limits, no x before there is any, exponents in readouts, whole dots."""

import re

import numpy as np
import pytest

import rlviz

STEPS = 60


@pytest.fixture(scope="module")
def losses(serve, tmp_path_factory):
    """A loss over six decades, once 0; steps of some thousand."""
    folder = tmp_path_factory.mktemp("losses")
    with rlviz.Callback(folder / "run", figure_seconds=None) as viz:
        for step in range(1, STEPS + 1):
            loss = 0.0 if step == 30 else 10 ** (3 - step / 10)
            metrics = {"loss": loss, "tokens": 123_456.789 * step, "big": 1.5e6 + step / 7}
            viz.on_step_end(2048 * step, correct=[step % 2, 1], metrics=metrics)
    return serve(folder)


@pytest.fixture(scope="module")
def file(losses, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "page.html"
    run = rlviz.read(losses.logdir / "run")
    path.write_text(rlviz.page({"run": run}, metrics=["loss", "accuracy"]), encoding="utf-8")
    return path.as_uri()


LOSS = "#p.rlviz.panels=loss&p.rlviz.x=step"


def limits(page, panel=0):
    """Open the form of a panel: label -> its field."""
    section = page.frame.locator(".panel").nth(panel)
    button = section.get_by_role("button", name="Limits of the axes")
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    return section.locator(".limits")


def typed(page, label, text, panel=0):
    field = limits(page, panel).get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")
    page.settle()


def shown(page, label):
    page.settle()
    return limits(page).get_by_label(label, exact=True).input_value()


@pytest.mark.parametrize("where", ["server", "file"])
def test_a_logarithmic_y_shows_small_values_and_counts_what_it_lacks(
    losses, file, open_page, where
):
    page = open_page((losses.frame_url if where == "server" else file) + LOSS).is_drawn(1)
    page.point_at(0.9, 0.05)
    linear = page.tip()
    limits(page).get_by_label("log y").check()
    caption = page.frame.locator(".caption").first
    page.until(
        lambda: "1 value not above 0, which a logarithmic axis leaves out" in caption.inner_text()
    )
    low, high = float(shown(page, "y from")), float(shown(page, "y to"))
    assert 1e-4 < low < 10 ** (3 - STEPS / 10) < 794 < high < 2000
    values = page.values()
    assert len(values) == STEPS - 1
    # The dots stand where their logarithms are, and say the value itself.
    page.frame.locator(".chart").first.focus()
    page.page.keyboard.press("End")
    step = re.search(r"step ([\d,]+)", page.tip())[1]
    assert step == f"{2048 * STEPS:,}"
    assert page.tip().splitlines()[1] == "0.001"
    ring, area = (
        page.frame.locator(f".{name}").first.bounding_box() for name in ("ring", "plot-area")
    )
    share = 1 - (ring["y"] + ring["height"] / 2 - area["y"]) / area["height"]
    expected = (-3 - np.log10(low)) / (np.log10(high) - np.log10(low))
    assert share == pytest.approx(expected, abs=0.01)
    assert "p.rlviz.logy=loss" in page.hash()
    limits(page).get_by_label("log y").uncheck()
    page.point_at(0.9, 0.05)
    page.until(lambda: page.tip() == linear)


def test_a_drag_and_a_pan_on_a_logarithmic_y_keep_to_its_units(losses, open_page):
    page = open_page(losses.frame_url + LOSS + "&p.rlviz.logy=loss").is_drawn(1)
    page.drag((0.2, 0.25), (0.9, 0.75))
    low, high = map(float, re.search(r"y=loss%2C([\d.e-]+)%2C([\d.e-]+)", page.hash()).groups())
    assert 0 < low < 0.1 < 3 < high < 300
    page.page.keyboard.down("Shift")
    page.drag((0.5, 0.5), (0.5, 0.75))
    page.page.keyboard.up("Shift")
    moved = [
        float(one) for one in re.search(r"y=loss%2C([\d.e-]+)%2C([\d.e-]+)", page.hash()).groups()
    ]
    ratio = (high / low) ** 0.25
    assert moved == pytest.approx([low / ratio, high / ratio], rel=0.02)


@pytest.mark.parametrize("where", ["server", "file"])
def test_limits_are_typed(losses, file, open_page, where):
    page = open_page((losses.frame_url if where == "server" else file) + LOSS).is_drawn(1)
    typed(page, "x from", "40,960")
    typed(page, "x to", "8.192e4")
    steps = [int(row[1].replace(",", "")) for row in page.values()]
    assert (min(steps), max(steps)) == (40_960, 81_920)
    assert re.search(r"from=40960&.*to=81920", page.hash())
    typed(page, "y from", "0")
    typed(page, "y to", "2×10⁰")
    assert "y=loss%2C0%2C2" in page.hash()
    assert (shown(page, "y from"), shown(page, "y to")) == ("0", "2")
    said = page.frame.locator(".limits-said").first
    for label, text, complaint in (
        ("y to", "much", "“much” is no number: write 1200, 50% or 4.2e22."),
        ("y to", "0", "The second limit has to be above the first."),
    ):
        before = page.hash()
        typed(page, label, text)
        assert said.inner_text() == complaint
        assert page.hash() == before
    for label in ("x from", "x to"):
        typed(page, label, "")
    assert "p.rlviz.from=" not in page.hash()


def test_limits_of_shares_are_typed_in_percent(losses, open_page):
    page = open_page(losses.frame_url + "#p.rlviz.panels=accuracy").is_drawn(1)
    assert (shown(page, "y from"), shown(page, "y to"))[1] == "100.00%"
    typed(page, "y to", "75 %")
    typed(page, "y from", "0.25")
    assert re.search(r"y=accuracy%2C0.25%2C0.75", page.hash())
    assert (shown(page, "y from"), shown(page, "y to")) == ("25.00%", "75.00%")


def test_x_never_begins_before_there_is_any(losses, open_page):
    page = open_page(losses.frame_url + LOSS).is_drawn(1)
    assert shown(page, "x from") == "0"
    page.page.keyboard.down("Shift")
    page.drag((0.2, 0.5), (0.9, 0.5))
    page.page.keyboard.up("Shift")
    assert shown(page, "x from") == "0"
    assert float(shown(page, "x to")) == pytest.approx(2048 * (STEPS + 0.03 * 59), rel=1e-3)
    page.charts.first.focus()
    for _ in range(5):
        page.page.keyboard.press("-")
    assert shown(page, "x from") == "0"
    typed(page, "x from", "-50000")
    assert shown(page, "x from") == "0"


def test_no_number_of_a_readout_has_a_bare_exponent(losses, open_page):
    page = open_page(losses.frame_url + "#p.rlviz.panels=big&p.rlviz.x=tokens").is_drawn(1)
    page.charts.first.focus()
    page.page.keyboard.press("End")
    tip = page.tip()
    assert "1.50001×10⁶" in tip
    total = 123_456.789 * STEPS * (STEPS + 1) / 2
    assert f"{total / 1e8:.5f}".rstrip("0") + "×10⁸ tokens" in tip
    assert not re.search(r"\de[+-]?\d", tip + page.frame.locator(".caption").first.inner_text())


NUMBERS = """async (given) => {
  const { number } = await import(new URL("numbers.js", document.baseURI));
  return given.map(([value, digits]) => number(value, digits));
}"""


def test_numbers_are_written_as_people_write_them(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn().modules()
    cases = {
        (1234567.8, 6): "1.23457×10⁶",
        (123.4, 2): "120",
        (12345.678, 6): "12,345.7",
        (-0.00012, 3): "−1.2×10⁻⁴",
        (1234567, 6): "1,234,567",
        (0.25, 6): "0.25",
        (99999.99, 3): "100,000",
    }
    found = page.page.evaluate(NUMBERS, [list(case) for case in cases])
    assert found == list(cases.values())


TYPED = """async (given) => {
  const { typedNumber } = await import(new URL("limits.js", document.baseURI));
  return given.map((text) => { const found = typedNumber(text);
    return Number.isNaN(found) ? "NaN" : found; });
}"""


def test_numbers_are_understood_as_people_type_them(lone_server, open_page):
    page = open_page(lone_server.frame_url).is_drawn().modules()
    cases = {
        "": None,
        " 1,200 ": 1200,
        "50%": 0.5,
        "12.5 %": 0.125,
        "4.2e22": 4.2e22,
        "4.2×10²²": 4.2e22,
        "4.2*10^22": 4.2e22,
        "−3": -3,
        "1e-3": 0.001,
        "2×10⁻³": 0.002,
        "abc": "NaN",
        "1e": "NaN",
        "%": "NaN",
        "1 2 3": 123,
        "Infinity": "NaN",
    }
    found = page.page.evaluate(TYPED, list(cases))
    assert dict(zip(cases, found, strict=True)) == cases


DOT = """() => {
  const canvas = document.querySelector(".chart canvas");
  const area = document.querySelector(".plot-area");
  const ratio = canvas.width / canvas.getBoundingClientRect().width;
  const at = (x, y) => {
    const { data } = canvas.getContext("2d")
      .getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1);
    return [...data];
  };
  const top = area.offsetTop;
  const left = area.offsetLeft;
  const column = [];
  for (let y = -6; y < 7; y += 0.5) column.push(at(left + area.offsetWidth * given, top + y));
  return column;
}"""


@pytest.mark.parametrize("scale", [1, 2])
def test_a_dot_on_the_frame_is_whole(serve, tmp_path_factory, open_page, scale):
    folder = tmp_path_factory.mktemp("edge")
    with rlviz.Callback(folder / "run", figure_seconds=None) as viz:
        for step in range(1, 11):
            viz.on_step_end(step, correct=[1, int(step < 9)])
    page = open_page(
        serve(folder).frame_url + "#p.rlviz.panels=accuracy&p.rlviz.smooth=none", scale=scale
    ).is_drawn(1)
    page.settle()
    # Accuracy is 100 % in the first eight steps: their dots stand on the upper edge of the panel.
    share = (5 - (1 - 0.03 * 9)) / (1.06 * 9)
    column = page.page.evaluate(DOT.replace("given", str(share)))
    blue = [color[2] - color[0] > 60 for color in column]  # a step apart by half a pixel, −6 … 6
    assert sum(blue[:12]) >= 4, "above the edge"
    assert sum(blue[13:]) >= 4, "below it"


@pytest.mark.parametrize("where", ["server", "file"])
def test_limits_that_would_show_nothing_are_answered_with_the_range_of_the_data(
    losses, file, open_page, where
):
    page = open_page((losses.frame_url if where == "server" else file) + LOSS).is_drawn(1)
    said = page.frame.locator(".limits-said").first
    nothing = "so this would show nothing."
    for label, text, complaint in (
        ("x to", "7", rf"The data go from 2048 to 122880, {nothing}"),
        ("x from", "200000", rf"The data go from 2048 to 122880, {nothing}"),
        ("y from", "1e9", rf"The data go from \S+ to 794\.33, {nothing}"),
        ("y to", "-1e9", rf"The data go from \S+ to 794\.33, {nothing}"),
    ):
        before = page.hash()
        typed(page, label, text)
        assert re.fullmatch(complaint, said.inner_text())
        assert page.hash() == before


def test_a_share_that_is_typed_as_a_percentage_without_its_sign_is_asked_back(losses, open_page):
    page = open_page(losses.frame_url + "#p.rlviz.panels=accuracy").is_drawn(1)
    before = page.hash()
    typed(page, "y to", "70")
    said = page.frame.locator(".limits-said").first
    assert re.fullmatch(
        r"The data go from 50\.00% to 100\.00%, so this would show nothing\. Write 30% or 0\.3\.",
        said.inner_text(),
    )
    assert page.hash() == before
    typed(page, "y from", "30")
    assert said.inner_text().endswith("Write 30% or 0.3.")
    typed(page, "y from", "")
    typed(page, "y to", "70%")
    assert said.inner_text() == ""
    assert "0.7" in page.hash()
