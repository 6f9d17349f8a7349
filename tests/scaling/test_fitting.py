"""The compute–performance curve: right where there is a ceiling, silent where none is shown."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import rlviz
from rlviz.scaling import law

NOISE = 0.02
# Without noise the fit ends where the steps of the optimizer are 1e-10 of the parameters.
EXACT = 1e-5
# A, as the paper's own repeats of a run vary.
PUBLISHED = 0.02


def curve(c, a, b, c_mid, r0):
    return r0 + (a - r0) / (1 + (c_mid / c) ** b)


def autoregressive(rng, n, rho):
    shock = rng.normal(size=n) * NOISE * math.sqrt(1 - rho**2)
    shock[0] = rng.normal() * NOISE
    noise = shock.copy()
    for i in range(1, n):
        noise[i] += rho * noise[i - 1]
    return noise


def without_ceiling(shape, n, rng):
    x = np.arange(1, n + 1) / n
    noise = rng.normal(size=n) * NOISE
    return x * 1e22, {
        "white": 0.5 + noise,
        "AR(.5)": 0.5 + autoregressive(rng, n, 0.5),
        "line": 0.4 + 0.2 * x + noise,
        "step": 0.4 + 0.2 * (x > 0.5) + noise,
        "small step": 0.4 + 0.04 * (x > 0.3) + noise,
        "parabola": 0.4 + 0.2 * x**2 + noise,
        "random walk": 0.5 + np.cumsum(noise) * 5 / math.sqrt(n),
        "random walk under noise": 0.5
        + np.cumsum(noise) * 5 / math.sqrt(n)
        + rng.normal(size=n) * NOISE,
        "logarithm": 0.4 + 0.04 * np.log(x * 1000) + noise,
        "root": 0.3 + 0.3 * np.sqrt(x) + noise,
        "concave parabola": 0.4 + 0.2 * (2 * x - x**2) + noise,
        "late rise": 0.4 + 3 * np.maximum(x - 0.9, 0) + noise,
        "saturating fall": curve(x, 0.4, 1.9, 0.1, 0.6) + noise,
    }[shape]


SHAPES = (
    "white",
    "AR(.5)",
    "line",
    "step",
    "small step",
    "parabola",
    "random walk",
    "random walk under noise",
    "logarithm",
    "root",
    "concave parabola",
    "late rise",
    "saturating fall",
)


def saturating(n, seed, *, spacing="steps", rho=0.0, a=0.7, r0=0.3):
    """Two decades of compute around C_mid = 1e22, in equal steps or equal ratios."""
    rng = np.random.default_rng(seed)
    c = np.arange(1, n + 1) / n * 1e23 if spacing == "steps" else np.geomspace(1e21, 1e23, n)
    return c, curve(c, a, 1.9, 1e22, r0) + autoregressive(rng, n, rho)


@pytest.mark.parametrize("unit", [1.0, 1e26])
def test_a_curve_without_noise_comes_back_as_it_was(unit):
    c = np.linspace(0.005, 1, 300) * unit
    found = rlviz.scaling.fit(c, curve(c, 0.7, 1.9, 0.1 * unit, 0.3))
    assert found.has_ceiling, found.why_no_ceiling
    assert found.identifiable, found.why_not
    assert found.why_not == found.why_no_ceiling == ""
    assert_allclose(found.A, 0.7, rtol=EXACT)
    assert_allclose(found.B, 1.9, rtol=1e-3)
    assert_allclose(found.C_mid, 0.1 * unit, rtol=1e-3)
    assert_allclose(found.R0, 0.3, rtol=1e-2)  # no point lies near it
    assert found.ceiling_interval == pytest.approx((0.7, 0.7), rel=1e-3)
    assert found.B_interval == pytest.approx((1.9, 1.9), rel=1e-2)
    assert found.C_mid_interval == pytest.approx((0.1 * unit, 0.1 * unit), rel=1e-2)
    assert found.predict(0.1 * unit) == pytest.approx(0.5, rel=EXACT)  # C_mid: half of the rise
    assert found.predict(0) == found.R0
    # From the level at the end, the curve's own rise to twice the compute.
    at_end, at_twice = (curve(x * unit, 0.7, 1.9, 0.1 * unit, 0.3) for x in (1, 2))
    assert found.predict(2 * unit) == pytest.approx(at_twice, abs=0.003)
    low, high = found.predict_interval(2 * unit)
    assert low <= at_twice <= high
    assert found.predict(math.inf) == pytest.approx(found.A, abs=0.003)
    assert at_end < at_twice < 0.7


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("c_mid", "b", "a", "hours"),
    [(2542, 1.92, 0.610, 50_000), (11272, 1.89, 0.645, 100_000), (4242, 1.65, 0.710, 50_000)],
    ids=["base recipe", "32k context", "Scout"],
)
def test_the_published_curves_are_recovered(c_mid, b, a, hours):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        c = np.arange(1, 801) / 800 * hours
        y = curve(c, a, b, c_mid, 0.36) + rng.normal(size=800) * NOISE
        found = rlviz.scaling.fit(c, y)
        assert found.has_ceiling, found.why_no_ceiling
        assert_allclose(found.A, a, atol=PUBLISHED)
        given = rlviz.scaling.fit(c, y, r0=0.36, exclude_below=1500)
        assert_allclose(given.R0, 0.36, atol=1e-12)
        assert_allclose(given.A, a, atol=PUBLISHED)
        assert_allclose(given.B, b, atol=0.3)
        assert_allclose(given.C_mid, c_mid, rtol=0.1)


@pytest.mark.slow
def test_early_points_bias_the_ceiling_and_are_left_out():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        c = np.arange(1, 801) * 20.0  # 16,000 GPU hours
        learns_the_format = -0.25 * np.exp(-c / 400)
        y = curve(c, 0.61, 1.92, 2542, 0.36) + learns_the_format + rng.normal(size=800) * NOISE
        everything = rlviz.scaling.fit(c, y, exclude_below=0)
        assert everything.A > 0.61 + 0.018
        as_published = rlviz.scaling.fit(c, y, exclude_below=1500)
        by_default = rlviz.scaling.fit(c, y)
        assert 160 <= by_default.exclude_below <= 1600  # 1 to 10 % of the compute
        assert (everything.points, as_published.points) == (800, 726)
        for found in (as_published, by_default):
            assert abs(found.A - 0.61) < 0.01
            assert abs(found.A - 0.61) < abs(everything.A - 0.61)
            low, high = found.ceiling_interval
            assert low < 0.61 < high


@pytest.mark.quick(1)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_ceiling_is_claimed_where_there_is_none(shape):
    for n in (50, 300):
        claims = 0
        for seed in range(4):
            rng = np.random.default_rng([seed, n, SHAPES.index(shape)])
            found = rlviz.scaling.fit(*without_ceiling(shape, n, rng))
            claims += found.has_ceiling
            assert found.identifiable == (not found.why_not)
            assert np.isnan(found.ceiling_interval).all() == bool(found.why_no_ceiling)
        assert claims == 0


@pytest.mark.soak
@pytest.mark.parametrize("shape", SHAPES)
def test_false_ceilings_are_one_in_a_hundred_at_most(shape):
    for n in (50, 200, 1000):
        claims = [
            rlviz.scaling.fit(
                *without_ceiling(shape, n, np.random.default_rng([seed, n, SHAPES.index(shape)]))
            ).has_ceiling
            for seed in range(300)
        ]
        assert np.mean(claims) <= 0.01


@pytest.mark.quick(1)
@pytest.mark.parametrize("spacing", ["steps", "ratios"])
def test_a_ceiling_that_is_there_is_found_and_covered(spacing):
    runs = [rlviz.scaling.fit(*saturating(200, seed, spacing=spacing)) for seed in range(30)]
    found = [run for run in runs if run.has_ceiling]
    assert len(found) >= 27
    covered = [run.ceiling_interval[0] <= 0.7 <= run.ceiling_interval[1] for run in found]
    assert np.mean(covered) >= 0.85  # 95 % less 2.5 standard deviations of 30 draws
    assert np.median([np.diff(run.ceiling_interval) for run in found]) < 0.05


@pytest.mark.soak
@pytest.mark.parametrize("spacing", ["steps", "ratios"])
@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("n", [200, 1000])
def test_the_interval_of_the_ceiling_covers_it_in_95_of_100_runs(spacing, rho, n):
    runs = [
        rlviz.scaling.fit(*saturating(n, [seed, n], spacing=spacing, rho=rho))
        for seed in range(300)
    ]
    found = [run for run in runs if run.has_ceiling]
    assert len(found) >= 200
    covered = [run.ceiling_interval[0] <= 0.7 <= run.ceiling_interval[1] for run in found]
    assert np.mean(covered) >= 0.91  # the model's error makes it wider than 95 %


@pytest.mark.slow
def test_autocorrelated_noise_widens_the_interval():
    white, lasting = (
        np.median(
            [
                np.diff(rlviz.scaling.fit(*saturating(1000, seed, rho=rho)).ceiling_interval)
                for seed in range(12)
            ]
        )
        for rho in (0.0, 0.5)
    )
    assert 1.4 < lasting / white < 2.3  # sqrt((1 + rho)/(1 − rho)) = 1.73


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "truth"),
    [
        ("saturating", lambda c: curve(c, 0.7, 1.9, 1e22, 0.3)),
        ("saturating slowly", lambda c: curve(c, 0.8, 1.0, 1e22, 0.1)),
        ("power law", lambda c: 1 - 0.6 * (c / 1e21) ** -0.25),
        ("no ceiling", lambda c: 0.3 + 0.08 * np.log(c / 1e21)),
    ],
)
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_a_forecast_covers_what_comes_whatever_the_law(kind, truth, rho):
    hits, given = [], 0
    for seed in range(12):
        c = np.arange(4, 304) / 304 * 6e22
        y = truth(c) + autoregressive(np.random.default_rng(seed), len(c), rho)
        found = rlviz.scaling.fit(c, y)
        if found.reach < 1.5:
            continue
        given += 1
        low, high = found.predict_interval(1.5 * c[-1])
        assert low <= found.predict(1.5 * c[-1]) <= high
        assert high - low <= 0.2
        hits.append(low <= truth(1.5 * c[-1]) <= high)
    assert given >= 8
    assert np.mean(hits) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["white", "AR(.5)", "late rise", "saturating fall", "step"])
def test_no_forecast_is_given_where_nothing_rises_to_a_rest(shape):
    for seed in range(6):
        rng = np.random.default_rng([seed, SHAPES.index(shape)])
        found = rlviz.scaling.fit(*without_ceiling(shape, 200, rng))
        assert not found.identifiable
        assert found.reach == 1
        assert found.why_not
        assert np.isnan(found.predict_interval(2e22)).all()


@pytest.mark.slow
def test_a_metric_of_every_tenth_step_is_forecast_too():
    given = 0
    for seed in range(6):
        c = np.arange(1, 601) / 600 * 6e22
        y = curve(c, 0.8, 1.0, 1e22, 0.1)
        y += autoregressive(np.random.default_rng(seed), 600, 0.0)
        y[np.arange(600) % 10 != 9] = math.nan
        found = rlviz.scaling.fit(c, y)
        if not found.identifiable:
            continue
        given += 1
        at = found.reach * 6e22
        low, high = found.predict_interval(at)
        assert low < curve(at, 0.8, 1.0, 1e22, 0.1) < high
        assert high - low <= 0.2
    assert given >= 3


def test_a_forecast_has_the_shape_of_its_question():
    found = rlviz.scaling.fit(*saturating(200, 0))
    assert isinstance(found.predict(10**24), float)
    assert found.predict([[1e22, 2e22, math.nan]]).shape == (1, 3)
    assert np.isnan(found.predict([1e22, math.nan])).tolist() == [False, True]
    low, high = found.predict_interval(np.full(2000, 1e23))  # more than are asked at a time
    assert low.shape == high.shape == (2000,)
    assert np.ptp(low) == np.ptp(high) == 0
    assert found.predict_interval(1e25) == (0, 1)  # a hundred times the compute: nobody knows
    with pytest.raises(ValueError, match="flops must be >= 0, got -1"):
        found.predict([1e20, -1.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c, y: (c[::7], y[::7]), "there are 29 points, and a forecast needs 30"),
        (lambda c, y: (c + 2e22, y), "the compute grows by a factor of 5.9 over the points"),
        (lambda c, y: (c, 0.5 + 0 * y), "the accuracy does not change"),
        (lambda c, y: (c, 0.5 + (y - curve(c, 0.7, 1.9, 1e22, 0.3))), "rise beyond its scatter"),
        (lambda c, y: (c, 1.1 - y), "the accuracy does not rise beyond its scatter"),
        (lambda c, y: (c * 0, y), "no compute was counted"),
        (
            lambda c, y: (c, y - 0.2 * np.maximum(c / 1e23 - 0.6, 0)),
            "the accuracy falls at the end",
        ),
        (lambda c, y: (c, 0.2 + 0.5 * (c / 1e23) ** 3), "the rise does not slow down yet"),
        (
            lambda c, y: (
                c,
                np.clip(0.1 + 0.5 * c / 1e23 + 5 * (y - curve(c, 0.7, 1.9, 1e22, 0.3)), 0, 1),
            ),
            "times the compute it could be anything from",
        ),
        (lambda c, y: (c, 0.2 + 0.08 * np.log(c / c[0]) + 0.2 * (y - 0.6)), ""),
        (lambda c, y: (c[:25], y[:25]), "there are 25 points"),
        (lambda c, y: (c[:0], y[:0]), "there are 0 points"),
    ],
)
def test_a_refusal_says_why(change, words):
    c, y = change(*saturating(198, 1))
    found = rlviz.scaling.fit(c, y)
    assert words in found.why_not
    assert found.identifiable == (not words)
    assert not words or np.isnan(found.predict_interval(1e23)).all()


@pytest.mark.slow
def test_no_reason_speaks_in_symbols():
    reasons = set()
    for n in (40, 200):
        for index, shape in enumerate(SHAPES):
            found = rlviz.scaling.fit(*without_ceiling(shape, n, np.random.default_rng([n, index])))
            reasons |= {found.why_not, found.why_no_ceiling}
    assert len(reasons) > 5
    for reason in reasons:
        assert not any(word in reason for word in ("C_mid", "sigmoid", "sigma", "independent"))
        assert not reason.endswith(".")


def test_a_parabola_that_slows_down_has_no_ceiling():
    compute = np.linspace(1, 100, 400)
    truth = 0.2 + 0.9 * (compute / 100) - 0.4 * (compute / 100) ** 2
    noise = 0.01 * np.random.default_rng(1).normal(size=400)
    found = rlviz.scaling.fit(1e18 * compute, truth + noise)
    assert not found.has_ceiling
    assert found.why_no_ceiling == "a parabola fits the data as well, and it has no ceiling"


def test_data_that_end_before_half_of_the_rise_show_no_ceiling():
    c = np.arange(1, 501) / 500 * 0.8e22
    y = curve(c, 0.7, 1.9, 1e22, 0.3) + np.random.default_rng(0).normal(size=500) * NOISE
    found = rlviz.scaling.fit(c, y)
    assert not found.has_ceiling
    assert found.why_no_ceiling == "curves without a ceiling fit the data as well"
    assert np.isnan([found.ceiling_interval, found.B_interval, found.C_mid_interval]).all()
    exact = rlviz.scaling.fit(c, curve(c, 0.7, 1.9, 1e22, 0.3))
    assert_allclose(exact.A, 0.7, rtol=1e-3)  # told apart only because there is no noise
    assert exact.why_no_ceiling == "it is not certain that half of the rise is done"


def test_a_share_cannot_have_a_ceiling_above_1_and_a_reward_can():
    c = np.arange(1, 501) / 500 * 4e22
    y = curve(c, 1.03, 1.9, 1e22, 0.3)
    y += np.random.default_rng(0).normal(size=500) * 0.004
    assert y.max() < 1
    found = rlviz.scaling.fit(c, y)
    assert not found.has_ceiling
    assert found.why_no_ceiling.startswith("the best saturating curve ends at 10")
    reward = rlviz.scaling.fit(c, 10 * y - 20)
    assert reward.has_ceiling, reward.why_no_ceiling
    assert_allclose(reward.A, 10 * found.A - 20, rtol=1e-3)
    near = rlviz.scaling.fit(*saturating(500, 0, a=0.93, r0=0.3))
    assert near.ceiling_interval[1] <= 1
    assert near.has_ceiling


@pytest.mark.slow
@pytest.mark.parametrize("r0", [None, 0.1])
def test_flat_data_do_not_rise_wherever_they_are_said_to_start(r0):
    for seed in range(12):
        c, y = without_ceiling("white", 300, np.random.default_rng(seed))
        assert rlviz.scaling.fit(c, y, r0=r0).why_not == (
            "the accuracy does not rise beyond its scatter"
        )


def test_no_more_is_left_out_than_a_tenth_and_30_points_stay():
    for n in (30, 60, 1000):
        c, y = saturating(n, 0)
        found = rlviz.scaling.fit(c, y)
        assert found.exclude_below <= 0.1 * c[-1]
        assert found.points == (c >= found.exclude_below).sum() >= 30
    kept = rlviz.scaling.fit(c, y, exclude_below=9.99e22)
    assert (kept.points, kept.why_not) == (2, "there are 2 points, and a forecast needs 30")
    assert math.isnan(kept.A)
    assert math.isnan(kept.predict(1e23))


def test_averaging_into_bins_leaves_the_answer_where_it_was(monkeypatch):
    c, y = saturating(4000, 5)
    binned = rlviz.scaling.fit(c, y)
    monkeypatch.setattr(law, "_BINS", 4000)
    whole = rlviz.scaling.fit(c, y)
    width = np.diff(whole.ceiling_interval)
    assert whole.A != binned.A
    assert abs(whole.A - binned.A) < 0.1 * width
    assert np.diff(binned.ceiling_interval) == pytest.approx(width, rel=0.25)


@pytest.mark.parametrize("exclude_below", [0, None])
def test_bins_are_short_where_the_curve_bends(exclude_below):
    c = np.arange(1, 100_001) * 1e18
    found = rlviz.scaling.fit(c, curve(c, 0.7, 1.9, 1e22, 0.3), exclude_below=exclude_below)
    assert found.has_ceiling, found.why_no_ceiling
    assert_allclose(found.A, 0.7, rtol=1e-5)
    assert_allclose([found.B, found.C_mid], [1.9, 1e22], rtol=1e-4)
    early = rlviz.scaling.fit(c, curve(c, 0.7, 1.9, 1e20, 0.3), exclude_below=0)
    assert_allclose([early.A, early.C_mid], [0.7, 1e20], rtol=1e-3)  # C_mid within the first bin


def test_points_that_are_not_known_are_left_out_and_their_order_does_not_matter():
    c, y = saturating(300, 2)
    found = rlviz.scaling.fit(c, y)
    shuffle = np.random.default_rng(0).permutation(304)
    more_c = np.concatenate([c, [math.nan, 1e22, math.inf, 2e22]])
    more_y = np.concatenate([y, [0.5, math.nan, 0.5, -math.inf]])
    assert rlviz.scaling.fit(more_c[shuffle], more_y[shuffle]) == found


def test_counts_may_be_python_integers_and_the_unit_is_free():
    c, y = saturating(200, 4)
    found = rlviz.scaling.fit(c, y)
    exact = rlviz.scaling.fit([int(x) * 1000 for x in c], list(y))  # 1e26 is no int64
    assert_allclose(exact.A, found.A, rtol=1e-7)
    assert_allclose(exact.C_mid, 1000 * found.C_mid, rtol=1e-6)


def test_the_same_data_give_the_same_fit_to_the_last_bit():
    c, y = saturating(3000, 6)
    first, second = (rlviz.scaling.fit(c.copy(), y.copy()) for _ in range(2))
    assert repr(first) == repr(second)
    assert first.predict_interval(2e23) == second.predict_interval(2e23)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.A = 1.0


@pytest.mark.quick(1)
@pytest.mark.parametrize("exclude_below", [0, None])
def test_hostile_but_valid_data_are_fitted_or_refused_without_a_warning(exclude_below):
    rng = np.random.default_rng(0)
    c = np.arange(200) * 1e20  # the first is 0
    for flops, accuracy in [
        (c, rng.normal(size=200) * 1e99),
        (c, 1e9 + rng.normal(size=200)),
        (c, 0.5 + 1e-12 * rng.normal(size=200)),
        (c, np.arange(200) > 100),
        (c + 1e30, rng.normal(size=200)),
        (np.full(200, 1e20), rng.normal(size=200)),
        (np.concatenate([[1.0], c[1:] * 1e6]), rng.normal(size=200)),
        (c, np.where(np.arange(200) == 150, 1.0, 0.0)),
        (c[:9], rng.normal(size=9)),
    ]:
        for r0 in (None, 0.0, 1e50):
            found = rlviz.scaling.fit(flops, accuracy, r0=r0, exclude_below=exclude_below)
            assert not found.identifiable
            assert found.why_not


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1.0, 2.0], [1.0]), ValueError, r"got shapes \(2,\) and \(1,\). Fit one run at a time."),
        (([[1.0]], [[1.0]]), ValueError, r"one series each"),
        (([-1.0, 2.0], [0.1, 0.2]), ValueError, "flops must be >= 0, got -1. Give cumulative"),
        (([1.0], ["0.5"]), TypeError, "accuracy must be real numbers, got <U3"),
        (([object()], [0.5]), TypeError, "flops must be real numbers: float"),
        (([1.0], [1j]), TypeError, "accuracy must be real numbers, got complex128"),
        (([10**400], [0.5]), TypeError, "flops must be real numbers: int too large"),
        (([1.0], [1e101]), ValueError, r"accuracy must be within ±1e\+100, got 1e\+101"),
    ],
)
def test_bad_data_are_refused_in_words(arguments, error, words):
    with pytest.raises(error, match=words):
        rlviz.scaling.fit(*arguments)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"r0": "0.3"}, TypeError, "r0 must be a number, got '0.3'"),
        ({"r0": math.nan}, ValueError, "r0 must be within"),
        ({"exclude_below": True}, TypeError, "exclude_below must be a number, got True"),
        ({"exclude_below": -1}, ValueError, "exclude_below must be >= 0, in the unit of flops"),
        ({"exclude_below": math.inf}, ValueError, "exclude_below must be within"),
    ],
)
def test_bad_options_are_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        rlviz.scaling.fit(*saturating(200, 0), **options)
