"""What the user says of a log, checked and called as it was typed."""

import inspect
from decimal import Decimal

import numpy as np
import pytest
import torch

import rlviz
from rlviz.importers.options import Options, of_the_command_line, option, role_of_axis


@pytest.mark.parametrize(
    ("x", "role"),
    [("perf/total_FLOPS", "flops"), ("num_tokens", "tokens"), ("epoch", "step")],
)
def test_the_axis_stands_for_what_its_name_says(x, role):
    columns = {"step": None, "flops": None, "tokens": None}
    assert role_of_axis(x, None, None, None) == {**columns, role: x}
    assert role_of_axis(None, "a", "b", "c") == {"step": "a", "flops": "b", "tokens": "c"}


def test_an_axis_may_be_named_twice_but_not_two_ways():
    assert role_of_axis("flops", None, "flops", None)["flops"] == "flops"
    with pytest.raises(ValueError, match="x='flops' stands for flops, but flops='other' was given"):
        role_of_axis("flops", None, "other", None)


@pytest.mark.parametrize("name", ["full_score", "flops_unit", "sequences", "params"])
@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
def test_numbers_are_finite_and_above_0(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a finite number > 0, got"):
        Options(**{"tokens": "tokens", name: value})
    with of_the_command_line(), pytest.raises(ValueError, match=f"--{name.replace('_', '-')} must"):
        Options(**{"tokens": "tokens", name: value})


def test_sentences_speak_of_flags_only_within_the_command_line():
    with pytest.raises(ValueError, match="--params must be"), of_the_command_line():
        Options(params=0)
    assert option("return_", "a b") == "return_='a b'"


def test_all_columns_that_were_named_are_looked_up():
    said = Options(step="s", accuracy="a", return_="r", parallelism="p", graded="g", flops="f")
    assert set(said.columns()) == {"s", "a", "r", "p", "g", "f", None}


ODD = (
    *("x", "", "\0", b"x", 1, 1.5, True, None, [], [1], {}, {"a": 1}, object(), float("nan")),
    *(-1, 0, 10**400, 1j, ("a",), range(3), open, np.float64(3), np.array([1, 2])),
    *(torch.tensor(3.0), torch.empty(2, device="meta"), Decimal(3)),
)


@pytest.mark.quick(10)
@pytest.mark.parametrize("name", inspect.signature(rlviz.import_run).parameters)
def test_an_argument_of_any_type_is_taken_or_refused_in_a_sentence_that_names_it(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text("step,accuracy,num_tokens\n1,0.25,900\n2,0.5,1900\n")
    for number, odd in enumerate(ODD):
        given = {"source": "log.csv", "logdir": f"run{number}", name: odd}
        try:
            rlviz.import_run(**given)
        except (TypeError, ValueError, FileNotFoundError) as error:
            says = str(error)
            assert says.endswith("."), (odd, says)
            is_looked_up = isinstance(odd, str) or name == "source"
            assert name in says or is_looked_up, (odd, says)
            assert "\n" not in says
            assert len(says) < 400, (odd, says)
