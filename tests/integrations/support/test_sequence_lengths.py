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

    def forward(self, input_ids=None, inputs_embeds=None, **more):
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


ROW = torch.ones(1, 9, dtype=torch.long)
PLACES = torch.tensor([[0, 1, 2, 3, 0, 1, 0, 1, 2]])
TARGETS = torch.tensor([[-100, -100, 7, 7, -100, 7, -100, -100, 7]])
PACKED = [4, 2, 3]


@pytest.mark.parametrize(
    "how",
    [
        {"position_ids": PLACES},
        {"position_ids": PLACES + 2},  # as RoBERTa counts
        {"position_ids": PLACES[None].expand(4, 1, 9)},  # of text, and of places in images
        {"position_ids": PLACES[0].int()},
        {"position_ids": PLACES, "attention_mask": torch.ones(1, 9)},
        {"cu_seq_lens_q": torch.tensor([0, 4, 6, 9], dtype=torch.int32)},
        {"cu_seqlens": torch.tensor([[0, 4, 6, 9, -1, -1]])},
        {"attention_mask": torch.tensor([[1, 1, 1, 1, 2, 2, 3, 3, 3]])},
    ],
)
def test_sequences_that_are_packed_into_a_row_are_told_apart(model, watch, how):
    model(input_ids=ROW, labels=TARGETS, **how)
    found = watch.take("trained")
    assert found.lengths.tolist() == PACKED
    assert found.responses.tolist() == [2, 1, 1]
    assert found.shared_prefixes.tolist() == [0, 0, 0]


def test_what_pads_a_packed_row_is_no_sequence(model, watch):
    padded = torch.nn.functional.pad
    model(input_ids=padded(ROW, (0, 3)), position_ids=padded(PLACES, (0, 3)))
    model(input_ids=padded(ROW, (0, 3)), cu_seq_lens_q=torch.tensor([0, 4, 6, 9, 10, 11, 12]))
    mask = torch.tensor([[1, 1, 1, 1, 2, 2, 3, 3, 3, 0, 0, 0]])
    model(input_ids=padded(ROW, (0, 3)), attention_mask=mask)
    assert watch.take("trained").lengths.tolist() == 3 * PACKED


def test_rows_of_a_batch_may_hold_different_numbers_of_sequences(model, watch):
    places = torch.tensor([[0, 1, 2, 0, 1], [0, 1, 2, 3, 4]])
    model(input_ids=IDS, position_ids=places)
    assert watch.take("trained").lengths.tolist() == [3, 2, 5]


def test_positions_of_one_sequence_between_padding_split_nothing(model, watch):
    """As TRL pads: a prompt on the left, its completion on the right, or one in the middle."""
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 0], [1, 1, 0, 1, 1, 1, 0]])
    places = (mask.cumsum(-1) - 1).masked_fill(mask == 0, 1)
    model(input_ids=torch.ones(2, 7, dtype=torch.long), attention_mask=mask, position_ids=places)
    model(input_ids=torch.ones(2, 7, dtype=torch.long), attention_mask=mask)
    model(input_ids=IDS, position_ids=torch.arange(5)[None])
    assert watch.take("trained").lengths.tolist() == [4, 5, 4, 5, 5, 5]


def test_positions_of_another_form_split_nothing(model, watch):
    model(IDS, position_ids=torch.zeros(3, 2, 5))  # places in an image alone
    model(IDS, position_ids=torch.zeros(2, 7))
    assert watch.take("trained").lengths.tolist() == [5, 5, 5, 5]


def test_a_tree_of_sequences_has_branches_after_what_they_share(model, watch):
    # TRL's tree: a stem of 3 tokens, branches of 4 and 2, and another tree of 1
    model(
        input_ids=torch.ones(1, 10, dtype=torch.long),
        position_ids=torch.tensor([[0, 1, 2, 3, 4, 5, 6, 3, 4, 0]]),
        tree_cu_seqlens_q=torch.tensor([0, 3, 7, 9, 10], dtype=torch.int32),
        tree_cu_seqlens_k=torch.tensor([0, 3, 10, 15, 16], dtype=torch.int32),
    )
    found = watch.take("trained")
    assert found.lengths.tolist() == [3, 4, 2, 1]
    assert found.shared_prefixes.tolist() == [0, 3, 3, 0]


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
        model(input_ids=IDS, attention_mask=mask, logits_to_keep=4, cache=())
        model(input_ids=IDS, attention_mask=mask, logits_to_keep=torch.tensor([3, 4]))
    assert watch.take("scored").lengths.size == 0
    model(input_ids=IDS, attention_mask=MASK, labels=LABELS, logits_to_keep=2)
    assert watch.take("trained").responses.tolist() == [3, 2]  # labels say more


@pytest.mark.filterwarnings("default")  # transformers' own
def test_guesses_that_a_real_model_checks_while_it_generates_are_no_sequences():
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "vocab_size": 20, "num_hidden_layers": 1}
    config = transformers.LlamaConfig(**sizes, num_attention_heads=2, num_key_value_heads=2)
    model, kept = transformers.LlamaForCausalLM(config).train(), []
    watch = LengthsWatch(model)
    model.register_forward_pre_hook(
        lambda model, args, kwargs: kept.append(kwargs["logits_to_keep"]), with_kwargs=True
    )
    ids = torch.tensor([[0, 6, 7, 5, 6, 7, 5, 6]])
    mask = (ids > 0).long()
    model.generate(ids, attention_mask=mask, prompt_lookup_num_tokens=3, max_new_tokens=6)
    assert max(kept) > 1
    assert watch.take("scored").lengths.size == 0


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
