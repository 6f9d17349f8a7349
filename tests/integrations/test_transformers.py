"""Hugging Face's Trainer, trained for real on a model of a few thousand weights."""

import importlib
import itertools
import os

import numpy as np
import pytest
import torch

import rlviz

if os.environ.get("RLVIZ_REQUIRE_ALL") is not None:
    transformers = importlib.import_module("transformers")
    importlib.import_module("accelerate")
else:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="transformers' Trainer needs accelerate")

from rlviz.integrations.transformers import RLVizCallback

# transformers warns of arguments that it renames, torch of what its own compiler does.
pytestmark = pytest.mark.filterwarnings("default")

D, F, L, H, V = 16, 32, 2, 2, 32
LENGTHS = [3, 9, 5, 12, 7, 4, 10, 6]
"""Of the examples, in turn; 56 tokens in eight of them."""


def forward(s):
    """By hand: 2 FLOPs a weight and token, and two products for each pair that attends."""
    weights = L * (4 * D * D + 3 * D * F) + D * V
    return 2 * weights * s + L * 2 * (2 * D) * s * (s + 1) // 2


def training(lengths):
    return 3 * sum(map(forward, lengths))


def network(**config):
    torch.manual_seed(0)
    sizes = {"num_attention_heads": H, "num_hidden_layers": L, "vocab_size": V, "hidden_size": D}
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**sizes | {"intermediate_size": F} | config)
    )


def examples(count=64):
    generator = torch.Generator().manual_seed(0)
    for i in range(count):
        tokens = torch.randint(2, V, (LENGTHS[i % len(LENGTHS)],), generator=generator).tolist()
        yield {"input_ids": tokens, "labels": tokens}


def padded(batch):
    """To the longest, on the right, as collators do."""
    longest = max(len(example["input_ids"]) for example in batch)

    def rows(name, padding):
        return torch.tensor(
            [e[name] + [padding] * (longest - len(e[name])) for e in batch], dtype=torch.long
        )

    mask = [[1] * len(e["input_ids"]) + [0] * (longest - len(e["input_ids"])) for e in batch]
    return {
        "input_ids": rows("input_ids", 0),
        "labels": rows("labels", -100),
        "attention_mask": torch.tensor(mask),
    }


def in_order(trainer_class):
    """Without shuffling, the lengths of every batch are known beforehand."""

    class InOrder(trainer_class):
        def _get_train_sampler(self, *args):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    return InOrder


@pytest.fixture
def train(tmp_path):
    torch.set_num_threads(1)  # more only wait for each other at this size

    def train(callback=None, model=None, resume=None, collator=padded, trainer=None, **arguments):
        callback = callback or RLVizCallback(tmp_path / "run", figure_seconds=None)
        settings = {
            "output_dir": str(tmp_path / "out"),
            "per_device_train_batch_size": 2,
            "max_steps": 4,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "use_cpu": True,
            "disable_tqdm": True,
        }
        data = list(examples())
        made = in_order(trainer or transformers.Trainer)(
            model=network() if model is None else model,
            args=transformers.TrainingArguments(**settings | arguments),
            train_dataset=data,
            eval_dataset=data[:4],
            data_collator=collator,
            callbacks=[callback],
        )
        try:
            made.train(resume_from_checkpoint=resume)
        finally:
            callback.on_train_end(None, None, None)  # as when the script ends
        callback.viz.flush()
        return rlviz.read(tmp_path / "run")

    return train


def spent(run, phase="total"):
    return [after - before for before, after in itertools.pairwise([0, *run.exact_flops(phase)])]


def test_a_step_costs_what_its_real_lengths_cost_and_padding_nothing(train):
    run = train()
    assert run.step.tolist() == [1, 2, 3, 4]
    batches = [LENGTHS[i : i + 2] for i in range(0, 8, 2)]
    assert spent(run) == [training(batch) for batch in batches]
    assert run.phases == ("update",)
    assert run.conventions == ("exact",)
    assert np.isfinite(run.columns["metrics/loss"]).all()


def ready(path, convention):
    return rlviz.Callback(path, figure_seconds=None, convention=convention)


@pytest.mark.parametrize("is_ready", [False, True])
def test_another_convention_is_counted_by_and_said(train, tmp_path, is_ready):
    path = tmp_path / "run"
    callback = (
        RLVizCallback(ready(path, "6N"))
        if is_ready
        else RLVizCallback(path, convention="6N", figure_seconds=None)
    )
    run = train(callback)
    weights = L * (4 * D * D + 3 * D * F) + D * V
    assert run.exact_flops()[-1] == 6 * weights * sum(LENGTHS)
    assert run.conventions == ("6N",)


def test_accumulated_batches_are_one_step(train):
    run = train(gradient_accumulation_steps=3, max_steps=3)
    tokens = LENGTHS * 3
    assert run.step.tolist() == [1, 2, 3]
    assert spent(run) == [training(tokens[i : i + 6]) for i in (0, 6, 12)]


def test_the_last_batches_of_an_epoch_may_be_fewer(train):
    run = train(gradient_accumulation_steps=5, max_steps=-1, num_train_epochs=1)
    assert run.step.tolist() == [1, 2, 3, 4, 5, 6, 7]  # 32 batches
    assert run.exact_flops()[-1] == training(LENGTHS * 8)


def test_an_evaluation_is_a_phase_of_its_own_in_its_step(train):
    run = train(eval_strategy="steps", eval_steps=2, per_device_eval_batch_size=2)
    assert run.step.tolist() == [1, 2, 3, 4]
    assert run.exact_flops()[-1] == training(LENGTHS)
    once = sum(map(forward, LENGTHS[:4]))
    assert run.exact_flops("evaluation")[1:] == [once, once, 2 * once]
    assert np.isfinite(run.columns["metrics/eval_loss"]).tolist() == [False, True, False, True]


def test_an_evaluation_at_the_end_of_an_epoch_is_of_the_epochs_last_step(train):
    run = train(
        eval_strategy="epoch", save_strategy="epoch", max_steps=-1, num_train_epochs=2,
        gradient_accumulation_steps=16, per_device_eval_batch_size=2,
    )  # fmt: skip
    assert run.step.tolist() == [1, 2, 3, 4]
    assert np.isfinite(run.columns["metrics/eval_loss"]).tolist() == [False, True, False, True]
    once = sum(map(forward, LENGTHS[:4]))
    assert run.exact_flops("evaluation")[-1] == 2 * once


def test_a_resumed_run_has_the_same_curve_as_one_that_was_never_interrupted(train, tmp_path):
    settings = {"save_strategy": "steps", "save_steps": 3, "max_steps": 6}

    class Dies(transformers.TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 5:
                raise KeyboardInterrupt

    callback = RLVizCallback(tmp_path / "run", figure_seconds=None)
    with pytest.raises(KeyboardInterrupt):
        train(callback, trainer=with_callback(Dies()), **settings)
    assert rlviz.read(tmp_path / "run").step.tolist() == [1, 2, 3, 4, 5]
    run = train(resume=True, **settings)
    assert run.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert run.columns["session"].tolist() == [0, 0, 0, 1, 1, 1]
    tokens = LENGTHS * 2
    assert spent(run) == [training(tokens[i : i + 2]) for i in range(0, 12, 2)]


def with_callback(more):
    class WithMore(transformers.Trainer):
        def __init__(self, *args, callbacks, **kwargs):
            super().__init__(*args, callbacks=[*callbacks, more], **kwargs)

    return WithMore


def test_training_again_is_another_session_of_the_same_run(train, tmp_path):
    callback = RLVizCallback(tmp_path / "run", figure_seconds=None)
    train(callback, max_steps=2)
    first = callback.viz
    run = train(callback, max_steps=3)
    assert callback.viz is not first
    assert run.step.tolist() == [1, 2, 3]
    assert run.columns["session"].tolist() == [1, 1, 1]
    assert run.exact_flops()[-1] == training(LENGTHS[:6])


def test_a_ready_callback_stays_open_for_the_one_who_opened_it(train, tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        train(RLVizCallback(viz), max_steps=2)
        viz.on_step_end(3, correct=[1, 0])
    run = rlviz.read(tmp_path / "run")
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy[2] == 0.5


def test_a_compiled_model_is_counted_too(train):
    run = train(torch_compile=True, torch_compile_backend="eager", max_steps=3)
    assert spent(run) == [training(LENGTHS[i : i + 2]) for i in (0, 2, 4)]


def test_rows_without_a_mask_count_with_their_whole_length(train):
    def unmasked(batch):
        made = padded(batch)
        del made["attention_mask"]
        return made

    run = train(collator=unmasked, max_steps=2)
    assert spent(run) == [training([9, 9]), training([12, 12])]


def test_a_model_without_a_closed_formula_is_counted(train):
    config = transformers.BloomConfig(vocab_size=V, hidden_size=D, n_layer=1, n_head=2)
    run = train(model=transformers.BloomForCausalLM(config), max_steps=3)
    model = rlviz.flops.from_config(config)
    assert isinstance(model, rlviz.flops.CountedModel)
    assert spent(run) == [model.training(LENGTHS[i : i + 2]) for i in (0, 2, 4)]


def test_a_model_that_no_formula_counts_trains_without_flops_and_says_so_once(train, caplog):
    config = transformers.BloomConfig(vocab_size=V, hidden_size=D, n_layer=1, n_head=2)
    config.sparse_attention_pattern = "strided"
    run = train(model=transformers.BloomForCausalLM(config), max_steps=3)
    assert np.isnan(run.flops).all()
    assert np.isfinite(run.columns["metrics/loss"]).all()
    (said,) = [r.message for r in caplog.records if "FLOPs" in r.message]
    assert "'bloom' can't be counted from its config: what sparse_attention_pattern" in said
    assert "Pass model=" in said


def test_the_shape_of_a_model_can_be_given(train, tmp_path):
    shape = rlviz.flops.Transformer.from_config(network().config, attention="full")
    run = train(RLVizCallback(tmp_path / "run", model=shape, figure_seconds=None), max_steps=1)
    assert spent(run) == [shape.training(LENGTHS[:2])]
    assert spent(run) != [training(LENGTHS[:2])]


def test_a_classifier_is_not_counted_as_if_it_had_a_head_for_words(train, caplog):
    def labelled(batch):
        return padded(batch) | {"labels": torch.tensor([len(e["labels"]) % 2 for e in batch])}

    model = transformers.LlamaForSequenceClassification(
        transformers.LlamaConfig(
            num_attention_heads=H, num_hidden_layers=L, vocab_size=V, hidden_size=D,
            intermediate_size=F, pad_token_id=0,
        )
    )  # fmt: skip
    run = train(model=model, collator=labelled, max_steps=2)
    assert np.isnan(run.flops).all()
    assert "has no language-model head" in caplog.text


def test_the_training_arguments_are_the_config_of_the_run(train, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(max_steps=1, learning_rate=0.125)
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    texts = events.Tensors("rlviz/config")
    assert b"learning_rate" in texts[0].tensor_proto.string_val[0]
    assert b"0.125" in texts[0].tensor_proto.string_val[0]


def test_numbers_that_a_training_logs_under_our_names_disturb_nothing(train):
    class Logs(transformers.Trainer):
        def log(self, logs, *args):
            super().log(logs | {"flops/total": 1.0, "note": "text", "accuracy": 1.5}, *args)

    run = train(trainer=Logs, max_steps=2)
    assert run.step.tolist() == [1, 2]
    assert np.isnan(run.accuracy).all(), "1.5 is no accuracy"
    assert run.exact_flops()[-1] == training(LENGTHS[:4])


def test_steps_that_a_trainer_never_says_begin_are_rows_of_their_own(train):
    class LoopOfItsOwn(transformers.Trainer):
        """As TRL's PPO has it: what a step logs comes before its end."""

        def train(self, resume_from_checkpoint=None):
            handler, control = self.callback_handler, self.control
            handler.on_train_begin(self.args, self.state, control)
            for batch in itertools.islice(self.get_train_dataloader(), 3):
                self.model.train()(**batch).loss.backward()
                self.state.global_step += 1
                self.log({"square": float(self.state.global_step**2)})
                handler.on_step_end(self.args, self.state, control)
            handler.on_train_end(self.args, self.state, control)

    run = train(trainer=LoopOfItsOwn)
    assert run.step.tolist() == [1, 2, 3]
    assert spent(run) == [training(LENGTHS[i : i + 2]) for i in (0, 2, 4)]
    assert run.columns["metrics/square"].tolist() == [1, 4, 9]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"ema": 2.0}, ValueError, r"ema must be in \[0, 1\), got 2.0"),
        ({"nonsense": 1}, TypeError, "unexpected keyword argument 'nonsense'"),
        (
            {"model": "gpt2"},
            TypeError,
            "model must come from .*from_config or .*, got str",
        ),
        ({"device": -1.0}, ValueError, "peak FLOP/s"),
    ],
)
def test_a_wrong_argument_is_refused_where_the_callback_is_made(tmp_path, arguments, error, says):
    with pytest.raises(error, match=says):
        RLVizCallback(tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_options_beside_a_ready_callback_are_refused(tmp_path):
    with (
        rlviz.Callback(tmp_path, figure_seconds=None) as viz,
        pytest.raises(TypeError, match="ema came with a ready Callback"),
    ):
        RLVizCallback(viz, ema=0.5)
