"""The real lengths of the sequences that pass a model, from its attention mask and its labels."""

import logging

import pytest
import torch

from rlviz.integrations.support.sequence_lengths import LengthsWatch


class Model(torch.nn.Module):
    """As a language model takes its arguments."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 4)

    def forward(self, input_ids=None, attention_mask=None, labels=None, inputs_embeds=None, **more):
        return self.embedding(input_ids) if inputs_embeds is None else inputs_embeds


IDS = torch.ones(2, 5, dtype=torch.long)
MASK = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
LABELS = torch.tensor([[-100, -100, 1, 1, 1], [-100, -100, -100, 1, 1]])


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def watch(model):
    watch = LengthsWatch(model)
    yield watch
    watch.close()


def test_prompts_and_responses_are_told_apart_by_labels(model, watch):
    model(input_ids=IDS, attention_mask=MASK, labels=LABELS)
    found = watch.take("trained")
    assert found.lengths.tolist() == [5, 3]
    assert found.responses.tolist() == [3, 2]
    assert found.prompts.tolist() == [2, 1]
    assert watch.take("trained").lengths.tolist() == []


def test_without_labels_the_kept_logits_tell_the_completions(model, watch):
    """As TRL 0.18 calls a model: the prompt is padded on its left, the completion on its right."""
    mask = torch.tensor([[0, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    model(input_ids=IDS, attention_mask=mask, logits_to_keep=4)
    found = watch.take("trained")
    assert (found.prompts.tolist(), found.responses.tolist()) == ([1, 2], [2, 3])
    with torch.no_grad():
        model(input_ids=IDS, attention_mask=mask, logits_to_keep=4)
        assert watch.take("scored").responses.tolist() == [2, 3]
        model(input_ids=IDS, attention_mask=mask, logits_to_keep=1)  # as `generate` does
        model(input_ids=IDS, attention_mask=mask, logits_to_keep=4, past_key_values=())
        model(input_ids=IDS, attention_mask=mask, logits_to_keep=torch.tensor([3, 4]))
    assert watch.take("scored").lengths.size == 0
    model(input_ids=IDS, attention_mask=MASK, labels=LABELS, logits_to_keep=2)
    assert watch.take("trained").responses.tolist() == [3, 2]  # labels say more


def test_the_kind_of_a_pass_is_that_of_its_mode(model, watch):
    model(IDS)
    with torch.no_grad():
        model(IDS)  # neither differentiated nor labelled: one of a generation
        model(IDS, labels=LABELS)
        model.eval()
        model(IDS, labels=LABELS)
    model(inputs_embeds=torch.zeros(1, 7, 4))
    assert watch.take("trained").lengths.tolist() == [5, 5]
    assert watch.take("scored").lengths.tolist() == [5, 5]
    assert watch.take("evaluated").lengths.tolist() == [5, 5, 7]


def test_a_model_that_takes_something_else_is_said_once_and_runs_on(caplog):
    layer = torch.nn.Bilinear(2, 2, 2)
    watch = LengthsWatch(layer)
    with caplog.at_level(logging.WARNING):
        layer(input1=torch.zeros(1, 2), input2=torch.zeros(1, 2))
        layer(input1=torch.zeros(1, 2), input2=torch.zeros(1, 2))
    said = [record.getMessage() for record in caplog.records]
    assert len([words for words in said if "can't be read from Bilinear (KeyError" in words]) == 1
    assert watch.take("trained").lengths.size == 0
