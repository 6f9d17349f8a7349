"""The table of claims has what the segments say, and nothing else."""

from rlviz.report.statistics import Analysis
from rlviz.report.statistics.scatter import Scatter
from rlviz.report.summary.findings import findings, p_text, statistics
from rlviz.report.summary.values_text import plain

from .test_narrative import PLACES, segments_of

STORY = segments_of(
    8.0,
    ("down", "", 20, 6.0),
    ("up", "slowly", 40, 7.0),
    ("up", "steeply", 60, 14.0),
    ("level", "", 100, 14.2),
)


def rows(*moves, **others):
    found = Analysis(300, segments=segments_of(*moves), **others)
    return dict(findings("Loss", plain, PLACES, found))


def test_each_claim_has_its_values_and_its_place():
    found = Analysis(300, segments=STORY, scatter=Scatter(0.1, 0.5, p=0.01))
    assert findings("Loss", plain, PLACES, found) == [
        ("Loss: trend", "rises, 8.00 ± 0.10 to 14.20 ± 0.10"),
        ("Loss: dip", "2.00 deep; lowest, 6.00 ± 0.10, at 20 % of the compute (2.00e20 RL FLOPs)"),
        (
            "Loss: plateau",
            "14.00 ± 0.10 to 14.20 ± 0.10, 60 % to 100 % of the compute (6.00e20 to 1.00e21 RL "
            "FLOPs)",
        ),
        ("Loss: acceleration", "from 40 % of the compute (4.00e20 RL FLOPs) on"),
        ("Loss: growing scatter", "0.10 to 0.50"),
    ]


def test_a_jump_is_a_claim_of_its_own():
    found = rows(8.0, ("level", "", 49, 8.0), ("up", "jump", 50, 12.0), ("level", "", 100, 12.0))
    assert found["Loss: jump"] == (
        "8.00 ± 0.10 to 12.00 ± 0.10 at 50 % of the compute (5.00e20 RL FLOPs)"
    )


def test_of_what_is_not_certain_nothing_is_claimed_but_the_scatter():
    parts = segments_of(2.0, ("level", "", 100, 2.3), certain=False)
    assert findings("Loss", plain, PLACES, Analysis(300, segments=parts)) == []
    found = Analysis(300, segments=parts, scatter=Scatter(0.1, 0.5, p=0.01))
    assert [claim for claim, _ in findings("Loss", plain, PLACES, found)] == [
        "Loss: growing scatter"
    ]


def test_the_numbers_behind_the_claims_are_for_statisticians():
    found = Analysis(
        1300, noise_correlation=0.061, segments=STORY, scatter=Scatter(0.1, 0.5, p=0.004)
    )
    assert statistics("Loss", found) == (
        "Loss: 1,300 values; noise correlation in the test of moves 0.06; strength of the moves "
        "3.0, 3.0, 3.0, 3.0; growth of the scatter p = 0.004"
    )
    assert statistics("Loss", Analysis(20)) == "Loss: 20 values"


def test_a_p_value_reads_as_in_papers():
    assert [p_text(p) for p in (0.0321, 0.0042, 0.0002)] == ["p = 0.03", "p = 0.004", "p < 0.001"]
