"""Models without data: what runs, what is refused, and at which lengths."""

import importlib
import os
import sys
from pathlib import Path

import pytest

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))
import tiny_configs

import rlviz
from rlviz.flops import census, meta_model

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own


def test_a_config_with_several_text_models_is_refused():
    kinds = {"text_encoder": "T5", "audio_encoder": "Encodec", "decoder": "MusicgenDecoder"}
    parts = {k: getattr(transformers, f"{kind}Config")().to_dict() for k, kind in kinds.items()}
    several = transformers.MusicgenConfig(**parts)
    with pytest.raises(census.CantCountError, match=r"several text models .*text_encoder"):
        meta_model.passes(several)


def test_a_model_that_can_not_run_says_why():
    its = tiny_configs.config("olmo", num_attention_heads=4, head_dim=8)
    its.hidden_act = "no_such_activation"
    with pytest.raises(census.CantCountError, match=r"can't be built and run .*no_such_activation"):
        census.count(its)


def test_few_positions_and_long_chunks_choose_the_lengths():
    positions = tiny_configs.config("olmo", max_position_embeddings=104)
    assert max(meta_model.lengths(positions)) == 100
    chunked = tiny_configs.config("mamba2", chunk_size=1024)
    assert max(meta_model.lengths(chunked)) > 2 * 1024


@pytest.mark.quick(1)
@pytest.mark.parametrize("length", [24, 70])
def test_experts_that_ask_which_tokens_are_theirs_count_like_the_real_ones(length):
    its = tiny_configs.config("dbrx")
    _, spent = meta_model.passes(its)
    assert set(spent) == set(meta_model.lengths(its))
    counted = rlviz.flops.from_config(its, attention="full")
    assert counted.forward([length]) == tiny_configs.counted(tiny_configs.model("dbrx"), length)
