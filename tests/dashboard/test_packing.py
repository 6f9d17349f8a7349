"""A run in a file: exact dots, curves that look the same, and no more bytes than that takes."""

import base64
import json
import zlib

import numpy as np
import pytest

import rlviz
from rlviz.dashboard import lines, series
from rlviz.dashboard.packing import Packer, Place, bends, rounded
from rlviz.report.series.thinning import thinned_for_screen


def opened(pack):
    """The series in a pack, each with its arrays, as the page makes them."""
    data = zlib.decompress(base64.b64decode(pack))
    begin = 4 + int.from_bytes(data[:4], "little")
    header = json.loads(data[4:begin])
    planes = np.frombuffer(data, np.uint8, offset=begin).reshape(8, -1)
    numbers = np.ascontiguousarray(planes.T).view("<f8").ravel()
    ends = np.cumsum([count for _, count in header["arrays"]])
    pool = np.split(numbers, ends[:-1])
    found = {}
    for one in header["series"]:
        arrays = {name: pool[place] for name, place in one["arrays"]}
        found[Place(one["metric"], one["x"], bool(one["log"]))] = one["header"], arrays
    return found, pool


def packer(history, *places):
    return Packer(history, places, lambda: None)


PLACES = (
    Place("accuracy", "flops", False),
    Place("accuracy", "step", False),
    Place("accuracy", "flops", True),
    Place("loss", "step", False),
)


def test_every_dot_is_a_step_with_its_exact_values(long_history):
    found, _ = opened(packer(long_history, *PLACES).packed(PLACES, 1000))
    assert set(found) == set(PLACES)
    for place, (header, arrays) in found.items():
        whole = series.points(long_history, place.metric, place.x, log=place.log)
        at = np.searchsorted(long_history.step[whole.rows], arrays["step"])
        for name, exact in (("x", whole.x), ("y", whole.y)):
            np.testing.assert_array_equal(arrays[name], exact[at])
        assert header["shown"] == len(at) < header["total"] == len(whole.y)


def test_the_dots_are_those_that_the_server_draws(long_history):
    place = Place("accuracy", "flops", False)
    found, _ = opened(packer(long_history, place).packed([place], 1000))
    whole = series.points(long_history, "accuracy", "flops", log=False)
    seen = series.view(whole, (-np.inf, np.inf), (-np.inf, np.inf), 600, 300)
    kept = thinned_for_screen(seen.place, seen.y, seen.viewport, 1000)
    np.testing.assert_array_equal(found[place][1]["x"], whole.x[kept])
    extremes = found[place][1]["y"].min(), found[place][1]["y"].max()
    assert extremes == (whole.y.min(), whole.y.max())


def test_the_curve_is_where_it_was_computed(long_history):
    found, _ = opened(packer(long_history, *PLACES).packed(PLACES, 1000))
    for place, (_, arrays) in found.items():
        points = series.points(long_history, place.metric, place.x, log=place.log)
        whole = lines.whole(long_history, points, lines.AUTO)
        height = np.ptp(points.y)
        for name, exact in (("curve", whole.y), ("curve_low", whole.low)):
            drawn = np.interp(whole.x, arrays["curve_x"], arrays[name])
            if place.log:
                scale = points.axis.scaled
                drawn = np.interp(scale(whole.x), scale(arrays["curve_x"]), arrays[name])
            assert np.abs(drawn - exact).max() < 5e-4 * height


def test_axes_share_what_is_the_same_on_them(long_history):
    found, pool = opened(packer(long_history, *PLACES).packed(PLACES, 1000))
    arrays = [array for _, of_place in found.values() for array in of_place.values()]
    assert len(pool) < len(arrays)
    assert len({array.tobytes() for array in pool}) == len(pool)


def test_steps_without_a_place_on_the_first_axis_are_on_the_others():
    steps = np.arange(1.0, 101.0)
    flops = np.where(steps > 50, 1e20 * steps, np.nan)
    columns = {"step": steps, "correct": steps, "graded": np.full(100, 100.0)}
    history = rlviz.History({**columns, "flops/total": flops})
    places = Place("accuracy", "flops", False), Place("accuracy", "step", False)
    if series.points(history, "accuracy", "step", log=False).y.size != 100:
        pytest.fail("the run should have all its steps over steps")
    found, _ = opened(packer(history, *places).packed(places, 1000))
    assert found[places[1]][0]["shown"] == 100


@pytest.mark.parametrize("spent", [7e14, 1e15, 3e15, 5e15])
def test_a_run_whose_axis_does_not_grow_is_packed_too(spent):
    rows = np.arange(1.0, 19.0)
    columns = {"step": rows, "correct": np.ones(18), "graded": np.full(18, 2.0)}
    flat = {"flops/total": np.full(18, spent), "flops_remainder/total": np.zeros(18)}
    place = Place("accuracy", "flops", True)
    found, _ = opened(packer(rlviz.History({**columns, **flat}), place).packed([place], 100))
    assert found[place][0]["shown"] == 18


def test_what_a_run_lacks_is_passed_over(long_history):
    lacking = Place("reward", "flops", False)
    assert opened(packer(long_history, lacking).packed([lacking], 100))[0] == {}


def test_a_line_is_kept_where_it_bends():
    x = np.linspace(0, 1, 2001)
    y = np.sin(30 * x**3)
    kept = bends(x, [y], 1e-3)
    assert len(kept) < 400
    assert np.abs(np.interp(x, x[kept], y[kept]) - y).max() <= 1e-3
    assert list(bends(np.zeros(1), [np.zeros(1)], 0.1)) == [0]


def test_rounding_keeps_small_values_and_small_differences():
    values = np.array([0.0, 1e-9, -3.3e-5, 12345.678, np.nan, np.inf])
    found = rounded(values)
    np.testing.assert_allclose(found, values, rtol=2.0**-15)
    close = 1e6 + np.linspace(0, 1e-3, 50)
    assert np.abs(rounded(close) - close).max() < 1e-3 * 2.0**-14
    assert rounded(np.full(3, np.nan)).tobytes() == np.full(3, np.nan).tobytes()
    np.testing.assert_allclose(rounded(np.full(3, 0.1)), 0.1, rtol=2.0**-15)
