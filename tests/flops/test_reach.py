"""Which keys a token attends to: read off configs as transformers has them, or refused."""

from fractions import Fraction
from types import SimpleNamespace

import pytest

from rlviz.flops.reach import entries, reach, reach_of_entries, unknown_fields, working

FIRST, SECOND = "model.layers.0.self_attn", "model.layers.1.self_attn"


def config(**fields):
    return SimpleNamespace(model_type="some", **fields)


def both(its, **attributes):
    module = SimpleNamespace(**attributes)
    return [reach(its, module, FIRST), reach(its, module, SECOND)]


def test_without_any_field_all_keys_are_reached():
    assert both(config()) == [("all", None)] * 2


@pytest.mark.parametrize(
    "field", ["sliding_window", "sliding_window_size", "attention_window_size"]
)
@pytest.mark.parametrize("kind", ["sliding_attention", "hybrid_sliding"])
def test_layers_slide_where_the_config_says_so(field, kind):
    its = config(layer_types=[kind, "full_attention"], **{field: 8})
    assert both(its) == [("window", 8), ("all", None)]


def test_the_layers_of_gpt_neo_are_global_or_local():
    its = config(attention_layers=["global", "local"], window_size=256)
    assert both(its) == [("all", None), ("window", 256)]


def test_a_window_of_all_layers_holds_unless_it_is_off():
    assert both(config(sliding_window=8)) == [("window", 8)] * 2
    assert both(config(sliding_window=8, use_sliding_window=False)) == [("all", None)] * 2
    assert both(config(sliding_window=0)) == [("all", None)] * 2
    assert both(config(sliding_window=8), sliding_window=None) == [("all", None)] * 2


def test_chunked_attention_stays_in_its_block():
    its = config(layer_types=["chunked_attention", "full_attention"], attention_chunk_size=16)
    assert both(its) == [("block", 16), ("all", None)]


def test_an_indexer_scores_all_keys_and_attention_reaches_the_best():
    its = config(layer_types=["indexed_attention"] * 2, index_topk=32)
    assert both(its) == [("window", 32)] * 2
    assert reach(its, SimpleNamespace(), FIRST + ".indexer") == ("all", None)
    assert both(config(index_topk=32)) == [("window", 32)] * 2


@pytest.mark.parametrize("kind", ["sliding_attention", "chunked_attention", "indexed_attention"])
def test_a_kind_of_layer_without_its_size_is_refused(kind):
    with pytest.raises(ValueError, match=f"layer_types has {kind}, but the config has no"):
        both(config(layer_types=[kind] * 2))


def test_chosen_blocks_have_a_size_and_a_number():
    sizes = {"index_block_size": 128, "index_topk_blocks": 16}
    its = config(layer_types=["minimax_m3_sparse"] * 2, index_local_blocks=1, **sizes)
    assert both(its) == [("blocks", 128, 16)] * 2
    its.index_local_blocks = 0  # then a token's own block may be left out
    with pytest.raises(ValueError, match="layer_types has minimax_m3_sparse"):
        both(its)


def test_compressed_layers_have_a_window_and_entries():
    kinds = ["heavily_compressed_attention", "compressed_sparse_attention"]
    rates = dict(zip(kinds, (128, 4), strict=True))
    its = config(layer_types=kinds, compress_rates=rates, sliding_window=8, index_topk=64)
    assert both(its) == [("window", 8)] * 2
    assert entries(its) == [4, 128]
    assert reach_of_entries(its, FIRST, 128) == ("compressed", 128, None)
    assert reach_of_entries(its, SECOND, 4) == ("compressed", 4, 64)
    assert reach_of_entries(its, SECOND + ".indexer", 4) == ("compressed", 4, None)
    with pytest.raises(ValueError, match="compresses keys, of which it is not known"):
        reach_of_entries(config(), FIRST, 4)


@pytest.mark.parametrize(
    "sizes",
    [
        {"index_kpool": 16, "index_topk": 64},
        {"indexer_compress_ratio": 16, "indexer_budget": 64},
    ],
)
def test_an_indexer_of_pools_chooses_complete_blocks(sizes):
    its = config(layer_types=["indexed_attention"] * 2, **sizes)
    assert both(its) == [("complete", 16, 4)] * 2
    its.index_kpool_always_select_tail = False
    with pytest.raises(ValueError, match="leaves out the last tokens"):
        both(its)


def test_experts_that_do_nothing_have_their_share():
    assert working(config()) == 1
    assert working(config(n_routed_experts=8, zero_expert_num=4)) == Fraction(2, 3)


def test_an_unknown_kind_of_layer_is_refused():
    with pytest.raises(ValueError, match="layer_types has star_attention, of which"):
        both(config(layer_types=["star_attention"] * 2))


@pytest.mark.parametrize(
    "field",
    [
        {"compress_stride": 4},
        {"index_topk_blocks": 16},
        {"lsh_attn_chunk_length": 64},
        {"attention_type": "block_sparse"},
        {"nsa_block_size": 64},
        {"sparse_attention_pattern": "strided"},
    ],
)
def test_fields_of_sparse_attention_that_are_not_known_are_named(field):
    (name,) = field
    (said,) = unknown_fields(config(**field))
    assert said.startswith(f"{name}=")


@pytest.mark.parametrize(
    "field", [{"sliding_window": 4}, {"index_topk": 4}, {"attention_type": "original_full"}]
)
def test_fields_that_are_known_or_empty_are_not(field):
    assert unknown_fields(config(**field, compress_stride=None)) == []
