"""The FLOPs of a trainer by phase, from what passes its model: which pass is which."""

import logging
from types import SimpleNamespace

import pytest
import torch

from rlviz.flops import Transformer
from rlviz.integrations.support.hf_phases import TrainerPhases

SHAPE = Transformer(
    hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=10
)
PROMPTS, RESPONSES = [2, 3], [4, 1]
LENGTHS = [6, 4]


class Model(torch.nn.Module):
    """As a language model takes its arguments."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 4)

    def forward(self, input_ids, attention_mask, labels=None):
        return self.embedding(input_ids)


def batch(responses=RESPONSES):
    """Two sequences as a trainer passes them, padded at their ends."""
    ids = torch.ones(2, 8, dtype=torch.long)
    at = torch.arange(8)
    prompts, ends = (torch.tensor(n)[:, None] for n in (PROMPTS, LENGTHS))
    begun = (at >= prompts) & (at < prompts + torch.tensor(responses)[:, None])
    return {"input_ids": ids, "attention_mask": (at < ends).long(), "labels": begun * 101 - 100}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def phases_of(model):
    """Makes the phases of a trainer with these arguments; each step has two sequences."""
    made = []

    def make(**arguments):
        arguments = SimpleNamespace(per_device_train_batch_size=2, **arguments)
        made.append(TrainerPhases(SHAPE, model, arguments))
        return made[-1]

    yield make
    for phases in made:
        phases.close()


def score(model, **options):
    with torch.no_grad():
        model(**batch(**options))


def test_a_trainer_that_generates_nothing_trains_asks_its_reference_and_evaluates(model, phases_of):
    phases = phases_of()
    model(**batch())
    score(model)
    score(model.eval())
    assert phases.take(generated=False) == {
        "update": SHAPE.training(LENGTHS),
        "ref_logprob": SHAPE.forward(LENGTHS),
        "evaluation": SHAPE.forward(LENGTHS),
    }
    assert phases.take(generated=False) == {}


def test_a_batch_that_is_scored_was_generated_and_has_old_log_probabilities(model, phases_of):
    phases = phases_of(steps_per_generation=1)
    score(model)
    model(**batch())
    assert phases.take(generated=True) == {
        "rollout": SHAPE.generation(PROMPTS, RESPONSES),
        "old_logprob": SHAPE.forward(LENGTHS),
        "update": SHAPE.training(LENGTHS),
    }


def test_a_batch_that_is_not_scored_is_first_seen_as_it_is_trained_on(model, phases_of):
    phases = phases_of(steps_per_generation=2)
    update = {"update": SHAPE.training(LENGTHS)}
    rollout = {"rollout": SHAPE.generation(PROMPTS, RESPONSES)}
    found = []
    for generated in (True, False, False):  # its two parts, and the first of them once more
        model(**batch())
        found.append(phases.take(generated=generated))
    assert found == [update | rollout, update | rollout, update]


def test_a_reference_of_its_own_costs_a_forward_pass(model, phases_of):
    phases = phases_of(steps_per_generation=1, beta=0.1)
    score(model)
    assert phases.take(generated=True) == {
        "rollout": SHAPE.generation(PROMPTS, RESPONSES),
        "old_logprob": SHAPE.forward(LENGTHS),
        "ref_logprob": SHAPE.forward(LENGTHS),
    }


def test_an_adapted_model_that_scores_as_it_trains_counts_its_whole_batch(model, phases_of):
    """As TRL 0.18: its reference scores a part of the batch before each part is trained on."""
    model.peft_config = {}
    phases = phases_of(steps_per_generation=2, beta=0.1)
    adapters = sum(weight.numel() for weight in model.parameters())
    each = {
        "rollout": SHAPE.generation(PROMPTS, RESPONSES, lora_params=adapters),
        "ref_logprob": SHAPE.forward(LENGTHS),  # without them
        "update": SHAPE.training(LENGTHS),
    }
    found = []
    for generated in (True, False):
        score(model)
        model(**batch())
        spent = phases.take(generated=generated)
        found.append({**spent, "update": each["update"]})  # of LoRA, which another test asks
    assert found == [each, each]


def test_with_adapters_the_first_pass_without_gradients_is_the_references(model, phases_of):
    model.peft_config = {}
    phases = phases_of(steps_per_generation=1, beta=0.1)
    score(model)
    model(**batch())
    assert phases.take(generated=True) == {  # 40: the weights of the embedding
        "rollout": SHAPE.generation(PROMPTS, RESPONSES, lora_params=40),
        "ref_logprob": SHAPE.forward(LENGTHS),
        "update": SHAPE.training(LENGTHS, lora_params=40),
    }


def test_an_engine_samples_with_merged_adapters_and_a_reference_has_a_copy_of_them(
    model, phases_of
):
    model.peft_config = {"default": None, "ref": None}
    phases = phases_of(steps_per_generation=1, beta=0.1, use_vllm=True)
    for _ in range(2):
        score(model)
    model(**batch())
    assert phases.take(generated=True) == {
        "rollout": SHAPE.generation(PROMPTS, RESPONSES),
        "old_logprob": SHAPE.forward(LENGTHS, lora_params=40),
        "ref_logprob": SHAPE.forward(LENGTHS, lora_params=40),
        "update": SHAPE.training(LENGTHS, lora_params=40),
    }


def test_adapters_take_part_in_evaluations_and_not_in_the_reference(model, phases_of):
    model.peft_config = {}
    phases = phases_of()
    model(**batch())
    score(model)
    score(model.eval())
    assert phases.take(generated=False) == {
        "update": SHAPE.training(LENGTHS, lora_params=40),
        "ref_logprob": SHAPE.forward(LENGTHS),
        "evaluation": SHAPE.forward(LENGTHS, lora_params=40),
    }


def test_passes_of_a_model_that_only_its_parts_make_are_said_once_to_be_unseen(
    model, phases_of, caplog
):
    phases = phases_of()
    assert phases.take(generated=False, trained=False) == {}
    assert not caplog.records
    for _ in range(2):
        model.embedding(batch()["input_ids"])
        assert phases.take(generated=False) == {}
    (said,) = [record.getMessage() for record in caplog.records]
    assert "calls parts of its model" in said


def test_a_masked_completion_was_as_long_as_one_can_be(model, phases_of):
    phases = phases_of(
        steps_per_generation=1, mask_truncated_completions=True, max_completion_length=5
    )
    score(model, responses=[4, 0])
    found = phases.take(generated=True)
    assert found["rollout"] == SHAPE.generation([2, 4], [4, 5])  # what has no label is a prompt


def test_completions_without_labels_are_said_once_to_be_unknown(model, phases_of, caplog):
    phases = phases_of(steps_per_generation=1)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            score(model, responses=[0, 0])
            model(**batch())
            assert phases.take(generated=True) == {"update": SHAPE.training(LENGTHS)}
    (said,) = [r.getMessage() for r in caplog.records if "which of its tokens" in r.getMessage()]
    assert "only the update is counted" in said


def test_passes_that_nothing_labels_are_said_once_to_be_left_out(model, phases_of, caplog):
    phases = phases_of()
    unlabelled = {name: each for name, each in batch().items() if name != "labels"}
    with torch.no_grad():
        model.eval()(**unlabelled)  # in an evaluation
        assert phases.take(generated=False, trained=False) == {}
        assert not caplog.records
        model.train()(**unlabelled)
    for _ in range(2):
        model(**batch())
        assert phases.take(generated=False) == {"update": SHAPE.training(LENGTHS)}
    (said,) = [record.getMessage() for record in caplog.records]
    assert "without labels" in said


def test_the_passes_of_a_generation_that_is_counted_are_not_said_to_be_left_out(
    model, phases_of, caplog
):
    phases = phases_of(steps_per_generation=1)
    with torch.no_grad():
        model(batch()["input_ids"], None)
    model(**batch())
    assert "rollout" in phases.take(generated=True)
    assert not caplog.records
