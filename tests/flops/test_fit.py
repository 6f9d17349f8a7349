"""Formulas of the length: found where there is one, refused where there is none."""

import pytest

from rlviz.flops.fit import Fit, fit

LENGTHS = (64, 96, 128, 200, 256, 384, 500, 640, 1000)


def values(cost):
    return {length: cost(length) for length in LENGTHS}


@pytest.mark.parametrize("coefficients", [(0, 0, 0), (5, 0, 0), (0, 7, 0), (0, 0, 3), (24, 8, 16)])
def test_polynomials_are_found_to_the_integer(coefficients):
    constant, linear, square = coefficients
    found = fit(values(lambda s: constant + linear * s + square * s * s))
    assert found == Fit(constant, linear, square)


@pytest.mark.parametrize("size", [16, 64, 256])
def test_padded_chunks_are_found_beside_what_tokens_cost(size):
    found = fit(values(lambda s: 6 * s + 1000 * -(-s // size)))
    assert found == Fit(linear=6, size=size, chunk=1000)


def test_pairs_within_chunks_are_found_where_the_last_one_is_not_padded():
    found = fit(values(lambda s: 10 * s + 4 * (s // 256 * 256**2 + (s % 256) ** 2)))
    assert found == Fit(linear=10, size=256, inside=4)


def test_the_states_around_chunks_are_found():
    found = fit(values(lambda s: 900 * -(-s // 128) + 50 * (-(-s // 128) + 1) ** 2))
    assert found == Fit(size=128, chunk=900, between=50)


@pytest.mark.parametrize(
    "cost",
    [
        lambda s: s**3,
        lambda s: s * s // 2 + 1,
        lambda s: 7 * min(s, 300),
        lambda s: 100 * -(-s // 48),
        lambda s: 100 - s,
    ],
)
def test_other_costs_have_no_formula(cost):
    assert fit(values(cost)) is None


@pytest.mark.parametrize("more", [1, 32])
def test_tokens_that_a_model_adds_are_told_from_other_constants(more):
    for cost in (lambda s: 6 * (s + more), lambda s: 6 * (s + more) ** 2):
        assert fit(values(cost)).shifted
        assert not fit(values(lambda s, cost=cost: cost(s) + 1)).shifted
    assert not fit(values(lambda s: 4096)).shifted
    assert not fit(values(lambda s: 6 * (s + 1000))).shifted


def test_one_wrong_value_leaves_no_formula():
    costs = values(lambda s: 3 * s * s)
    assert fit(costs) is not None
    assert fit(costs | {384: costs[384] + 1}) is None
