"""Places are named by their share of the compute and their FLOPs, or by their steps."""

from rlviz.report.summary.places import Places


def test_a_place_has_its_share_and_its_flops():
    places = Places(1e21, 4e21, in_flops=True)
    assert places.of(1e21) == "25 % of the compute (1.00e21 RL FLOPs)"
    assert places.briefly(3e21) == "75 % (3.00e21)"
    assert places.between(1e21, 3e21) == (
        "25 % to 75 % of the compute (1.00e21 to 3.00e21 RL FLOPs)"
    )


def test_without_flops_it_is_a_step():
    places = Places(1, 3_000_000, in_flops=False)
    assert places.of(1_563_200.4) == places.briefly(1_563_200.4) == "step 1,563,200"
    assert places.between(7, 1_599) == "steps 7 to 1,599"


def test_a_run_that_spent_nothing_has_no_shares():
    places = Places(0, 0, in_flops=True)
    assert {places.of(0), places.briefly(0), places.between(0, 0)} == {"0 RL FLOPs"}


def test_no_place_before_the_end_is_called_100_percent():
    assert Places(0, 1000, in_flops=True).briefly(996) == "99.6 % (996)"
    assert Places(0, 1000, in_flops=True).briefly(4) == "0.4 % (4)"
