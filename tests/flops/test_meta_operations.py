"""Operations on tensors without data: what they cost and give, also when they are repeated."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from rlviz.flops import meta_operations
from rlviz.flops.meta_operations import CantCountError, Census


def layers():
    torch.manual_seed(0)
    wide, narrow = torch.nn.Linear(6, 10), torch.nn.Linear(10, 4)
    return torch.nn.Sequential(wide, torch.nn.GELU(), narrow, torch.nn.LayerNorm(4))


def measured(call, given, inside=("layer",)):
    with torch.no_grad(), Census(list(inside), given) as census:
        out = call()
    return out, census


def test_a_repeated_operation_gives_the_shapes_and_costs_of_the_first_one():
    module, given = layers().to("meta"), {}
    first, counted = measured(lambda: module(torch.empty(3, 6, device="meta")), given)
    known = len(given)
    again, repeated = measured(lambda: module(torch.empty(3, 6, device="meta")), given)
    assert len(given) == known > 0
    assert (again.shape, again.stride(), again.dtype) == (first.shape, first.stride(), first.dtype)
    assert again.is_meta
    assert again is not first
    with FlopCounterMode(display=False) as real:
        layers()(torch.zeros(3, 6))
    assert repeated.spent == counted.spent
    assert sum(repeated.spent.values()) == real.get_total_flops() == 2 * 3 * 6 * 10 + 2 * 3 * 10 * 4


def test_other_shapes_types_and_strides_are_worked_out_anew():
    given = {}
    for rows, dtype in ((3, torch.float32), (5, torch.float32), (5, torch.bfloat16)):
        module = torch.nn.Linear(6, 2, dtype=dtype, device="meta")
        x = torch.empty(rows, 6, dtype=dtype, device="meta")
        out, census = measured(lambda module=module, x=x: module(x), given)
        assert (out.shape, out.dtype) == ((rows, 2), dtype)
        assert sum(census.spent.values()) == 2 * rows * 6 * 2
    columns = torch.empty(6, 3, device="meta").T
    plain = torch.empty(3, 6, device="meta")
    strides = [
        measured(lambda each=each: each.clone(), given)[0].stride() for each in (columns, plain)
    ]
    assert strides == [columns.stride(), plain.stride()]


def test_what_changes_its_argument_in_place_gives_the_argument():
    x, given = torch.empty(4, device="meta"), {}
    for _ in range(2):
        out, _ = measured(lambda: x.add_(1), given)
        assert out is x


def test_operations_without_a_formula_are_named(monkeypatch):
    monkeypatch.setattr(
        meta_operations.formulas, "flops", lambda packet, *_: None if "bmm" in str(packet) else 0
    )
    square = torch.empty(2, 3, 3, device="meta")
    _, census = measured(lambda: torch.bmm(square, square), {}, ["model.layers.0"])
    assert census.uncounted == {"model.layers.0 (bmm)"}


def test_data_that_only_the_real_model_has_is_refused_with_who_asked():
    mask = torch.empty(5, dtype=torch.bool, device="meta")
    with pytest.raises(CantCountError, match=r"model\.pool asks for data \(nonzero\)"):
        measured(lambda: mask.nonzero(), {}, ["model.pool"])
    experts, _ = measured(lambda: mask.nonzero(), {}, ["model.experts"])
    assert experts.shape == (1, 1)  # one expert, which stands for each one's share


def test_experts_that_are_all_run_are_refused_for_one_of_them_has_all_tokens():
    tokens = torch.empty(2, 5, dtype=torch.bool, device="meta")
    once, _ = measured(lambda: tokens.nonzero(), {}, ["model.experts"])
    assert once.shape == (10, 2)
    with pytest.raises(CantCountError, match=r"model\.experts asks for data \(nonzero\)"):
        measured(lambda: [tokens.nonzero() for _ in range(2)], {}, ["model.experts"])
