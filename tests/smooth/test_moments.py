"""Moments under a Laplace kernel, against their sums."""

import numpy as np
import pytest

from rlviz.smooth.blocks import unpack
from rlviz.smooth.moments import Echo, sweep


def line(length):
    random = np.random.default_rng(length)
    u = np.cumsum(random.exponential(size=(2, length)), -1) / 3
    mass = (random.random((2, length)) < 0.8) * 1.0
    u[:, length // 2 :] += 3.0  # a pause
    return u, mass


def brute_force(u, mass, order, rho=None):
    distance = u[..., None, :] - u[..., :, None]
    weights = np.exp(-np.abs(distance)) * mass[..., None, :]
    if rho is not None:
        rank = np.cumsum(mass, -1)
        weights = weights * rho[..., None] ** np.abs(rank[..., None, :] - rank[..., :, None])
    return [(weights * distance**k).sum(-1) for k in range(order + 1)]


@pytest.mark.quick(16)
@pytest.mark.parametrize("stretch", [7, 64, 10_000])
@pytest.mark.parametrize("length", [1, 2, 17, 300])
@pytest.mark.parametrize("rho", [None, 0.0, 0.5, 0.97])
def test_they_are_the_sums_over_all_points(rho, length, stretch):
    u, mass = line(length)
    rho = None if rho is None else np.full((2, 1), rho)
    echo = None if rho is None else Echo(rho, np.cumsum(mass, -1))
    expected = brute_force(u, mass, 3, rho)
    plain = brute_force(u, mass, 2)
    for part in sweep(u, [mass, mass], [3, 2], length=stretch, echoes=[echo, None]):
        count = part.where.stop - part.where.start
        for found, sums in zip(part.moments, (expected, plain), strict=True):
            for moment, of_all in zip(found, sums, strict=True):
                np.testing.assert_allclose(
                    unpack(moment, count), of_all[..., part.where], rtol=1e-10, atol=1e-12
                )


def test_an_echo_of_its_own_for_each_series_on_one_line():
    u, mass = line(40)
    u, mass, rho = u[:1], np.ones((1, 40)), np.array([[0.1], [0.6], [0.9]])
    (part,) = sweep(u, [mass], [2], length=99, echoes=[Echo(rho, np.cumsum(mass, -1))])
    for row in range(3):
        expected = brute_force(u[0], mass[0], 2, rho[row])
        for moment, sums in zip(part.moments[0], expected, strict=True):
            np.testing.assert_allclose(unpack(moment, 40)[row], sums, rtol=1e-10, atol=1e-12)
