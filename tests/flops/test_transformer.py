"""FLOPs of Transformers from their shape: DEFINITIONS section 6, with its published checks."""

import dataclasses
import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.flops import Transformer, mfu

LLAMA_2_7B = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
}
QWEN_2_5_7B = {
    "hidden_size": 3584,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "vocab_size": 152064,
}
PALM = {
    "hidden_size": 18432,
    "num_hidden_layers": 118,
    "num_attention_heads": 48,
    "num_key_value_heads": 1,
    "head_dim": 256,
    "intermediate_size": 4 * 18432,
    "vocab_size": 256_000,
}
DEEPSEEK_V3 = {
    "hidden_size": 7168,
    "num_hidden_layers": 61,
    "num_attention_heads": 128,
    "intermediate_size": 18432,
    "vocab_size": 129280,
    "num_experts": 256,
    "num_experts_per_tok": 8,
    "num_shared_experts": 1,
    "moe_intermediate_size": 2048,
    "first_k_dense": 3,
    "mla": {
        "q_lora_rank": 1536,
        "kv_lora_rank": 512,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
    },
}
TINY = {
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "vocab_size": 10,
}


@st.composite
def shapes(draw):
    """Any kind of model, with widths that are small and all different."""
    layers = draw(st.integers(1, 4))
    mla = draw(
        st.none()
        | st.fixed_dictionaries(
            {
                "q_lora_rank": st.none() | st.integers(1, 5),
                "kv_lora_rank": st.integers(1, 5),
                "qk_nope_head_dim": st.integers(1, 5),
                "qk_rope_head_dim": st.integers(1, 5),
                "v_head_dim": st.integers(1, 5),
            }
        )
    )
    experts = draw(st.integers(0, 6))
    window = st.integers(1, 12)
    return Transformer(
        hidden_size=draw(st.integers(1, 9)),
        num_hidden_layers=layers,
        num_attention_heads=draw(st.integers(1, 4)),
        head_dim=draw(st.integers(1, 6)),
        intermediate_size=draw(st.integers(1, 9)),
        vocab_size=draw(st.integers(1, 20)),
        gated_mlp=draw(st.booleans()),
        num_experts=experts,
        num_experts_per_tok=draw(st.integers(1, experts)) if experts else 0,
        num_shared_experts=draw(st.integers(0, 2)) if experts else 0,
        first_k_dense=draw(st.integers(0, layers)),
        sliding_window=draw(
            st.none() | window | st.lists(st.none() | window, min_size=layers, max_size=layers)
        ),
        mla=mla,
        count_embedding=draw(st.booleans()),
    )


class TestPublishedChecks:
    def test_gpt_3_took_3_14e23_flops(self):
        # Brown et al. 2020, table D.1: 174.6e9 weights, 300e9 tokens
        assert pytest.approx(3.1428e23) == 6 * 174_600 * 10**6 * 300 * 10**9
        gpt3 = Transformer(
            hidden_size=12288,
            num_hidden_layers=96,
            num_attention_heads=96,
            intermediate_size=4 * 12288,
            vocab_size=50257,
            gated_mlp=False,
            attention="none",
        )
        # 2048-token sequences; the LM head is in these 174.56e9, position embeddings are not
        assert gpt3.matmul_params == 174_563_733_504
        tokens = 300 * 10**9
        assert gpt3.training(2048) * tokens // 2048 == pytest.approx(3.1428e23, rel=5e-4)

    def test_palm_has_540_35_billion_weights_and_took_2_529e24_flops(self):
        palm = Transformer(**PALM, attention="none")
        assert palm.matmul_params == pytest.approx(540.35e9, rel=1e-5)
        assert palm.training(780 * 10**9) == pytest.approx(2.529e24, rel=2e-4)

    @pytest.mark.parametrize(("attention", "percent"), [("none", 45.73), ("full", 46.23)])
    def test_palm_reached_an_mfu_of_46_percent(self, attention, percent):
        # Chowdhery et al. 2022, appendix B: 238.3e3 tokens/s on 6144 TPU v4 of 275e12 FLOP/s
        palm = Transformer(**PALM, attention=attention)
        per_second = palm.training(2048) / 2048 * 238.3e3
        assert 100 * mfu(per_second, 1.0, devices=6144, peak=275e12) == pytest.approx(
            percent, abs=0.005
        )

    def test_nanogpt_counts_874_944_921_600_for_a_sequence(self):
        gpt2 = Transformer(
            hidden_size=768,
            num_hidden_layers=12,
            num_attention_heads=12,
            intermediate_size=3072,
            vocab_size=50257,
            gated_mlp=False,
            attention="full",
        )
        assert gpt2.training([1024]) == 874_944_921_600
        assert 100 * mfu(gpt2.training([1024] * 100), 0.755, peak=312e12) == pytest.approx(
            37.14, abs=0.005
        )

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [(LLAMA_2_7B, 149_226_491_215_872), (QWEN_2_5_7B, 167_073_690_943_488)],
    )
    def test_verl_counts_the_same_for_a_ragged_batch(self, shape, expected):
        model = Transformer(**shape, attention="causal_half", count_embedding=True)
        assert model.training([512, 1024, 2048]) == expected

    def test_megatron_counts_1_733_019_303_936_of_which_core_attention_103_079_215_104(self):
        shape = {
            "hidden_size": 512,
            "num_hidden_layers": 4,
            "num_attention_heads": 8,
            "intermediate_size": 2048,
            "vocab_size": 32000,
        }
        batch = [1024] * 8
        whole = Transformer(**shape, attention="causal_half").training(batch)
        without = Transformer(**shape, attention="none").training(batch)
        assert (whole, whole - without) == (1_733_019_303_936, 103_079_215_104)

    @pytest.mark.parametrize(
        ("shape", "billions", "active"),
        [
            (LLAMA_2_7B, 6.738, 6.607),  # Touvron et al. 2023; active: without the embedding
            (DEEPSEEK_V3, 671.0, 36.6),  # 671B with 37B active, arXiv 2412.19437
        ],
    )
    def test_total_weights_are_the_published_ones(self, shape, billions, active):
        model = Transformer(**shape)
        assert model.total_params / 1e9 == pytest.approx(billions, rel=1e-3)
        assert model.matmul_params / 1e9 == pytest.approx(active, rel=1e-3)


class TestAttention:
    @pytest.mark.parametrize(
        ("attention", "pairs"),
        [("causal", 1 + 2 + 3), ("causal_half", 4.5), ("full", 9), ("none", 0)],
    )
    def test_the_pairs_of_each_convention(self, attention, pairs):
        # 4·H·dh FLOPs per pair and layer
        model = Transformer(**TINY, attention=attention)
        assert model.forward(3) - 3 * 2 * model.matmul_params == 16 * pairs

    def test_a_window_limits_the_pairs(self):
        for length, pairs in ((2, 1 + 2), (3, 1 + 2 + 3), (5, 1 + 2 + 3 + 3 + 3)):
            windowed = Transformer(**TINY, sliding_window=3)
            assert windowed.forward(length) - length * 2 * windowed.matmul_params == 16 * pairs

    def test_windows_alternate_by_layer(self):
        shape = TINY | {"num_hidden_layers": 4}
        mixed = Transformer(**shape, sliding_window=[3, None, 3, None]).forward([7, 2])
        half = Transformer(**shape, sliding_window=3).forward([7, 2])
        full = Transformer(**shape).forward([7, 2])
        assert 2 * mixed == half + full


class TestTraining:
    def test_training_is_three_forward_passes(self):
        model = Transformer(**LLAMA_2_7B)
        assert model.training([512, 77]) == 3 * model.forward([512, 77])

    def test_recomputation_is_a_fourth(self):
        model = Transformer(**LLAMA_2_7B)
        assert model.training(512, recompute=True) == 4 * model.forward(512)

    def test_lora_counts_4_per_frozen_and_6_per_adapter_weight(self):
        model = Transformer(**TINY)
        attention = 3 * 16 * (1 + 2)
        assert model.training(2, lora_params=7) == 2 * (4 * 200 + 6 * 7) + attention
        recomputed = 2 * (6 * 200 + 8 * 7) + attention * 4 // 3
        assert model.training(2, lora_params=7, recompute=True) == recomputed

    @given(shapes(), st.lists(st.integers(0, 30), max_size=5))
    def test_a_ragged_batch_is_the_sum_of_its_sequences(self, model, lengths):
        assert model.training(lengths) == sum(map(model.training, lengths))
        assert model.forward(lengths) == sum(map(model.forward, lengths))


class TestGeneration:
    @given(shapes(), st.integers(1, 20), st.integers(0, 20))
    def test_generation_equals_feeding_token_by_token(self, model, prompt, response):
        head = 2 * model.hidden_size * model.vocab_size
        layers = 2 * model.matmul_params - head
        windows = model.sliding_window
        if not isinstance(windows, tuple):
            windows = (windows,) * model.num_hidden_layers
        expected = 0
        for token in range(1, prompt + max(response, 1)):  # the last sampled one is never fed
            keys = sum(min(token, window or token) for window in windows)
            expected += layers + 2 * model.num_attention_heads * model.qk_and_v_dims * keys
            expected += head if token >= prompt else 0  # the prompt passes the head once
        assert model.generation([prompt], [response]) == expected

    @given(shapes(), st.integers(1, 20), st.integers(1, 20))
    def test_generation_is_one_causal_forward_pass_less_what_is_never_fed(self, model, p, r):
        never_fed = model.forward(p + r) - model.forward(p + r - 1)
        prompt_logits = (p - 1) * 2 * model.hidden_size * model.vocab_size
        assert model.generation([p], [r]) == model.forward(p + r) - never_fed - prompt_logits

    def test_tiny_generation_by_hand(self):
        # N = 160 in the layers + 40 in the head; 16 FLOPs per pair. P = 3, R = 2: tokens 1 to 4 in
        # the layers, the head for tokens 3 and 4.
        model = Transformer(**TINY)
        assert model.generation([3], [2]) == 2 * (160 * 4 + 40 * 2) + 16 * (1 + 2 + 3 + 4)

    def test_a_shared_prompt_is_counted_once_for_all_its_samples(self):
        model = Transformer(**LLAMA_2_7B)
        responses = [10, 20, 30, 40, 50, 60]
        apart = model.generation([100, 200], responses, samples_per_prompt=3)
        shared = model.generation([100, 200], responses, samples_per_prompt=3, prefix_shared=True)
        prompts = model.generation([100, 200], [1, 1])
        assert apart - shared == 2 * prompts
        assert apart == model.generation([100] * 3 + [200] * 3, responses)

    def test_decoded_tokens_count_their_real_keys_in_every_convention(self):
        exact, half = Transformer(**TINY), Transformer(**TINY, attention="causal_half")
        step = [m.generation([5], [9]) - m.generation([5], [8]) for m in (exact, half)]
        assert step[0] == step[1] == 2 * 200 + 16 * (5 + 8)
        none = Transformer(**TINY, attention="none")
        assert none.generation([5], [9]) - none.generation([5], [8]) == 2 * 200

    def test_a_response_of_no_tokens_costs_its_prompt(self):
        model = Transformer(**TINY)
        assert model.generation([5], [0]) == model.generation([5], [1])

    def test_responses_may_come_as_a_matrix(self):
        model = Transformer(**TINY)
        matrix = model.generation([3, 4], np.array([[5, 6], [7, 8]]), samples_per_prompt=2)
        assert matrix == model.generation([3, 3, 4, 4], [5, 6, 7, 8])

    def test_numbers_of_prompts_and_responses_that_do_not_fit_are_refused(self):
        with pytest.raises(ValueError, match=r"samples_per_prompt=2 .*got 3 for 2 prompts"):
            Transformer(**TINY).generation([3, 4], [1, 2, 3], samples_per_prompt=2)
        with pytest.raises(ValueError, match="samples_per_prompt must be a whole number >= 1"):
            Transformer(**TINY).generation([3], [], samples_per_prompt=0)

    def test_an_empty_prompt_is_refused(self):
        with pytest.raises(ValueError, match="prompt_lengths must be at least 1, got 0"):
            Transformer(**TINY).generation([0], [4])


class TestConventions:
    """A group of two answers to one prompt of 200 tokens, of 800 and 300 tokens: 1,500 tokens."""

    N = 28 * (2 * 3584 * 28 * 128 + 2 * 3584 * 4 * 128 + 3 * 3584 * 18944) + 3584 * 152064

    def counts(self, **options):
        model = Transformer(**QWEN_2_5_7B, **options)
        rollout = model.generation([200], [800, 300], samples_per_prompt=2)
        return rollout, model.forward([1000, 500]), model.training([1000, 500])

    def test_6n_counts_6n_a_trained_token_and_2n_a_token_of_any_other_pass(self):
        assert self.N == 7_070_285_824
        assert self.counts(convention="6N") == (
            21_210_857_472_000,  # 2 · 7,070,285,824 · 1,500
            21_210_857_472_000,
            63_632_572_416_000,  # 6 · 7,070,285,824 · 1,500
        )

    def test_6n_tokens_counts_trained_tokens_alone(self):
        assert self.counts(convention="6N-tokens") == (0, 0, 63_632_572_416_000)

    def test_exact_is_the_default_and_adds_attention_by_the_lengths(self):
        rollout, forward, training = self.counts()
        attention = 2 * 28 * 28 * 128 * (1000 * 1001 + 500 * 501)
        assert forward == 2 * self.N * 1500 + attention
        assert training == 3 * forward
        head = 3584 * 152064  # once for the prompt of each answer; the last token is never fed
        through_layers = 2 * (self.N - head) * (999 + 499)
        fed = 2 * 28 * 28 * 128 * (999 * 1000 + 499 * 500)
        assert rollout == through_layers + 2 * head * (1 + 799 + 1 + 299) + fed

    def test_a_prompt_that_a_group_shares_passes_once(self):
        model = Transformer(**QWEN_2_5_7B, convention="6N")
        shared = model.generation([200], [800, 300], samples_per_prompt=2, prefix_shared=True)
        assert shared == 2 * self.N * (200 + 800 + 300)

    def test_turns_and_drafts_cost_2n_a_token_whatever_the_passes_are(self):
        model = Transformer(**QWEN_2_5_7B, convention="6N")
        turns = [[(50, 7), (20, 5), (1, 0), (3, 2)]] * 2
        assert model.turns(turns) == 2 * self.N * 2 * (50 + 7 + 20 + 5 + 1 + 3 + 2)
        shared = model.turns(turns, samples_per_prompt=2, prefix_shared=True)
        assert shared == model.turns(turns) - 2 * self.N * 50
        rounds = [[(4, 2), (3, 3), (0, 0)]]
        assert model.verification([50], rounds) == 2 * self.N * (50 + 1 + 5 + 4 + 1)
        assert model.drafting([50], [[(4, 2)]]) == 2 * self.N * (50 + 1 + 4)
        nothing = Transformer(**QWEN_2_5_7B, convention="6N-tokens")
        assert nothing.turns(turns) == nothing.verification([50], rounds) == 0

    def test_recomputing_and_frozen_weights_are_left_out_of_6n(self):
        model = Transformer(**QWEN_2_5_7B, convention="6N")
        assert model.training([1000], recompute=True, lora_params=10**6) == 6 * self.N * 1000

    def test_of_experts_the_active_ones_count(self):
        model = Transformer(**DEEPSEEK_V3, convention="6N")
        assert model.training([1]) == 6 * Transformer(**DEEPSEEK_V3).matmul_params
        assert model.matmul_params < model.total_params / 15

    def test_a_critic_counts_by_the_convention_of_its_model(self):
        assert Transformer(**TINY, convention="6N").with_value_head().convention == "6N"

    @pytest.mark.parametrize("options", [{"attention": "full"}, {"count_embedding": True}])
    def test_the_options_of_the_exact_one_are_refused_beside_another(self, options):
        with pytest.raises(ValueError, match="is an option of the convention 'exact', but conv"):
            Transformer(**TINY, convention="6N", **options)

    def test_an_unknown_convention_is_refused_with_those_that_there_are(self):
        with pytest.raises(ValueError, match="one of 'exact', '6N', '6N-tokens', got '6ND'"):
            Transformer(**TINY, convention="6ND")


class TestConstructor:
    def test_the_signature_is_the_public_one(self):
        parameters = inspect.signature(Transformer).parameters.values()
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters)
        required = [p.name for p in parameters if p.default is p.empty]
        assert required == [
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "vocab_size",
        ]
        assert {p.name: p.default for p in parameters if p.default is not p.empty} == {
            "num_key_value_heads": None,
            "head_dim": None,
            "gated_mlp": True,
            "num_experts": 0,
            "num_experts_per_tok": 0,
            "num_shared_experts": 0,
            "moe_intermediate_size": None,
            "first_k_dense": 0,
            "sliding_window": None,
            "mla": None,
            "attention": "causal",
            "count_embedding": False,
            "convention": "exact",
            "head_outputs": None,
        }

    def test_a_changed_copy_keeps_the_rest(self):
        model = Transformer(**DEEPSEEK_V3)
        assert dataclasses.replace(model, attention="full").matmul_params == model.matmul_params
