"""The sizes of a Transformer: which make a model, and how many weights follow from them."""

import numpy as np
import pytest

from rlviz.flops import Transformer
from rlviz.flops.shape import Shape, whole_number

TINY = {
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "vocab_size": 10,
}


class TestWeights:
    def test_a_dense_layer_by_hand(self):
        # d 4, H 1, f 8, gated: attention 4·16, MLP 3·4·8, head 4·10
        assert Transformer(**TINY).matmul_params == 64 + 96 + 40
        assert Transformer(**TINY, gated_mlp=False).matmul_params == 64 + 64 + 40

    def test_grouped_queries_shrink_the_projections_only(self):
        shape = TINY | {"hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2}
        full = Transformer(**(shape | {"num_key_value_heads": 4}))
        grouped = Transformer(**shape)
        assert full.matmul_params - grouped.matmul_params == 2 * 8 * 2 * 2
        assert full.forward(9) - grouped.forward(9) == 9 * 2 * (2 * 8 * 2 * 2)

    def test_a_mixture_of_experts_counts_active_experts_and_the_router(self):
        model = Transformer(
            **(TINY | {"num_hidden_layers": 3}),
            num_experts=6,
            num_experts_per_tok=2,
            num_shared_experts=1,
            moe_intermediate_size=5,
            first_k_dense=1,
        )
        # 3 attentions, 1 dense MLP, 2 layers with 3 experts of 3·4·5 and a router of 4·6, head
        assert model.matmul_params == 3 * 64 + 96 + 2 * (3 * 60 + 24) + 40
        # all 6 routed experts are held, and the input embedding
        assert model.total_params == model.matmul_params + 2 * 4 * 60 + 40

    def test_latent_attention_by_hand(self):
        mla = {
            "q_lora_rank": 3,
            "kv_lora_rank": 2,
            "qk_nope_head_dim": 5,
            "qk_rope_head_dim": 1,
            "v_head_dim": 7,
        }
        shape = TINY | {"num_attention_heads": 2, "num_key_value_heads": 2}
        # d·3 + 3·2·6 + 4·(2+1) + 2·2·(5+7) + 2·7·4
        attention = 12 + 36 + 12 + 48 + 56
        model = Transformer(**shape, mla=mla)
        assert model.matmul_params == attention + 96 + 40
        # core attention: 2·H·(6 + 7) per pair
        assert model.forward(2) == 2 * 2 * model.matmul_params + 3 * 2 * 2 * 13
        # without query compression: d·2·6 in place of 12 + 36
        full_rank = Transformer(**shape, mla=mla | {"q_lora_rank": None})
        assert full_rank.matmul_params == model.matmul_params - 48 + 48

    def test_counting_the_embedding_adds_its_weights_to_every_token(self):
        with_it, without = Transformer(**TINY, count_embedding=True), Transformer(**TINY)
        assert with_it.matmul_params - without.matmul_params == 40
        assert with_it.total_params == without.total_params


class TestSizes:
    @pytest.mark.parametrize(
        ("change", "error", "words"),
        [
            ({"hidden_size": 0}, ValueError, "hidden_size must be a whole number >= 1, got 0"),
            ({"vocab_size": 1.5}, TypeError, "vocab_size must be a whole number >= 1, got 1.5"),
            ({"hidden_size": 5, "num_attention_heads": 2}, ValueError, "head_dim must be given"),
            ({"attention": "half"}, ValueError, "attention must be one of causal, causal_half"),
            ({"sliding_window": 0}, ValueError, "sliding_window must be a whole number >= 1"),
            ({"sliding_window": [4, 4]}, ValueError, r"one entry per layer \(1\), got 2"),
            ({"num_experts": 4}, ValueError, r"num_experts_per_tok must be in \[1, num_experts=4"),
            ({"num_experts_per_tok": 2}, ValueError, "num_experts must be given with"),
            ({"first_k_dense": 2}, ValueError, r"first_k_dense must be in \[0, num_hidden_layers"),
            ({"mla": {"kv_lora_rank": 4}}, ValueError, "mla must have exactly the fields q_lora"),
        ],
    )
    def test_sizes_that_make_no_model_are_refused(self, change, error, words):
        with pytest.raises(error, match=words):
            Transformer(**(TINY | change))

    @pytest.mark.parametrize("value", [True, np.int32(3), 3])
    def test_whole_numbers_of_any_kind_become_python_integers(self, value):
        number = whole_number("hidden_size", value)
        assert (number, type(number)) == (int(value), int)

    @pytest.mark.parametrize(
        ("name", "least"), [("hidden_size", 1), ("num_experts", 0), ("lora_params", 0)]
    )
    def test_only_counts_that_may_be_zero_are(self, name, least):
        assert whole_number(name, least) == least
        with pytest.raises(ValueError, match=f"{name} must be a whole number >= {least}, got"):
            whole_number(name, least - 1)

    @pytest.mark.parametrize("name", ["num_key_value_heads", "head_dim", "moe_intermediate_size"])
    def test_only_sizes_that_follow_from_others_may_be_left_out(self, name):
        assert whole_number(name, None) is None
        with pytest.raises(TypeError, match="hidden_size must be a whole number >= 1, got None"):
            whole_number("hidden_size", None)

    def test_sizes_that_are_left_out_follow_from_the_others(self):
        shape = Shape(**(TINY | {"hidden_size": 12, "num_attention_heads": 3}))
        assert (shape.num_key_value_heads, shape.head_dim) == (3, 4)
        assert shape.moe_intermediate_size == shape.intermediate_size
        assert shape.qk_and_v_dims == 2 * 4

    def test_windows_become_a_tuple_which_can_be_hashed_and_compared(self):
        two = TINY | {"num_hidden_layers": 2}
        assert Shape(**two, sliding_window=[4, None]).sliding_window == (4, None)
        with pytest.raises(ValueError, match="sliding_window must be a whole number >= 1, got 0"):
            Shape(**two, sliding_window=[4, 0])

    def test_no_query_compression_may_be_written_as_none_or_0(self):
        mla = {
            "q_lora_rank": 0,
            "kv_lora_rank": 2,
            "qk_nope_head_dim": 5,
            "qk_rope_head_dim": 1,
            "v_head_dim": 7,
        }
        assert Shape(**TINY, mla=mla) == Shape(**TINY, mla=mla | {"q_lora_rank": None})
        assert Shape(**TINY, mla=mla).qk_and_v_dims == 5 + 1 + 7
        with pytest.raises(ValueError, match="mla kv_lora_rank must be a whole number >= 1, got 0"):
            Shape(**TINY, mla=mla | {"kv_lora_rank": 0})


def test_a_value_head_leaves_the_embedding_as_it_is():
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 16, "vocab_size": 50, "count_embedding": True}
    policy = Transformer(**sizes)
    critic = policy.with_value_head()
    layers = 4 * 8 * 8 + 3 * 8 * 16
    assert critic.body_params == policy.body_params == layers + 8 * 50
    assert critic.head_params == 8
    assert critic.total_params == layers + 8 * 50 + 8
    with pytest.raises(ValueError, match="head_outputs must be a whole number >= 1, got 0"):
        Transformer(**sizes, head_outputs=0)
