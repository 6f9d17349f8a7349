"""The law that each run follows, with intervals, or why there is none."""

import numpy as np
import pytest

import rlviz
from rlviz.report.compare.ceilings import MOST_GROUPS, ceilings_of, sentence, table_rows
from rlviz.report.series.groups import groups_of
from rlviz.report.series.measures import measure
from rlviz.scaling import fit

from .conftest import losses, run_of

SHARE = measure("accuracy", [])


def saturating(seed, ceiling=0.7):
    """Passes C_mid at a tenth of its compute."""

    def curve(spent):
        return 0.2 + (ceiling - 0.2) / (1 + (0.1 / spent) ** 1.5)

    return run_of(np.random.default_rng(seed), steps=400, noise=0.01, curve=curve)


def line(seed):
    return run_of(np.random.default_rng(seed), steps=400, curve=lambda spent: 0.2 + 0.3 * spent)


def laws(runs):
    return ceilings_of(groups_of(runs), SHARE)


def test_a_run_that_levels_off_has_the_numbers_of_the_fit_with_their_intervals():
    run = saturating(1)
    law = fit(run.flops, run.accuracy)
    assert law.has_ceiling
    found = laws({"a": run})["a"]
    assert (found.A.value, found.A.low, found.A.high) == (law.A, *law.ceiling_interval)
    assert (found.B.value, found.B.low, found.B.high) == (law.B, *law.B_interval)
    assert (found.C_mid.value, found.C_mid.low, found.C_mid.high) == (
        law.C_mid,
        *law.C_mid_interval,
    )
    assert found.A.low < 0.7 < found.A.high
    assert found.B.low < 1.5 < found.B.high
    assert found.C_mid.value == pytest.approx(1e21, rel=0.05)
    head, row = table_rows({"a": found}, SHARE)
    assert head == ["run", "ceiling A", "exponent B", "C_mid, RL FLOPs"]
    assert row[0] == "a"
    assert [cell.count("[") for cell in row] == [0, 1, 1, 1]


def test_where_the_data_show_no_ceiling_it_is_said_why():
    found = laws({"a": line(1), "b": saturating(1)})
    assert found["a"].A is None
    assert found["a"].why_not
    assert len(table_rows(found, SHARE)) == 2
    said = sentence(found)
    assert said.startswith("Where accuracy would level off can't be told of a, because ")
    assert "of b" not in said


def test_of_seeds_the_mean_has_students_interval():
    runs = [saturating(seed) for seed in range(3)]
    found = laws({"a": runs})["a"]
    each = [fit(run.flops, run.accuracy) for run in runs]
    assert found.A.value == pytest.approx(np.mean([law.A for law in each]))
    assert np.log(found.C_mid.value) == pytest.approx(np.mean(np.log([law.C_mid for law in each])))
    # 4.303: Student's 97.5 % point with 2 degrees of freedom
    least = 4.303 * np.std([law.A for law in each], ddof=1) / np.sqrt(3)
    assert found.A.high - found.A.value >= 0.999 * least


def test_seeds_of_which_some_show_none_have_none():
    assert laws({"a": [saturating(1), line(1)]})["a"].why_not == (
        "only 1 of its 2 seeds shows a ceiling"
    )
    assert laws({"a": [line(2), line(1)]})["a"].why_not == "none of its 2 seeds shows a ceiling"


def test_another_metric_and_very_many_runs_have_no_laws():
    run = losses(1.0)
    assert ceilings_of(groups_of({"a": run}), measure("loss", [run])) == {}
    many = {str(k): run for k in range(MOST_GROUPS + 1)}
    assert ceilings_of(groups_of(many), SHARE) == {}
    assert sentence({}) == ""


def test_the_comparison_prints_the_laws_and_has_them_as_data():
    found = rlviz.compare({"a": saturating(1), "b": saturating(2, 0.6), "c": line(1)})
    text = found.markdown()
    assert "## Ceilings\n\n| run | ceiling A | exponent B | C_mid, RL FLOPs |" in text
    assert "can't be told of c, because" in text
    data = found.to_dict()["ceilings"]
    assert data["a"]["A"]["low"] < 0.7 < data["a"]["A"]["high"]
    assert data["b"]["why_not"] == ""
    assert (data["c"]["A"], bool(data["c"]["why_not"])) == (None, True)
