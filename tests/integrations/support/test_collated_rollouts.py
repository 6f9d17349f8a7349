"""The rollouts in the batches of asynchronous trainers, seen as torch's loader collates them."""

from types import SimpleNamespace

import numpy as np
import torch

from rlviz.integrations.support.collated_rollouts import CollatedRollouts


def loader_of(batches):
    return torch.utils.data.DataLoader(batches, batch_size=1, collate_fn=lambda batch: batch[0])


def sample(*mask):
    return {"completion_mask": np.array(mask)}


def test_each_batch_is_kept_until_it_is_trained_on_and_passes_unchanged():
    row = SimpleNamespace(samples=[sample(0, 0, 1, 1), sample(0, 1)])
    batches = [[row, [sample(0, 0, 0, 1, 0, 0, 1)]], [[sample(0, 1, 1)]]]
    loader = loader_of(batches)
    collate = loader.collate_fn
    rollouts = CollatedRollouts(SimpleNamespace(base_dataloader=loader))
    assert list(loader) == batches
    assert rollouts.take() == [[(2, 2)], [(1, 1)], [(3, 1), (2, 1)]]
    assert rollouts.take() == [[(1, 2)]]
    assert rollouts.take() == []
    rollouts.close()
    assert loader.collate_fn is collate


def test_batches_of_something_else_pass_and_are_said_once_to_be_unread(caplog):
    loader = loader_of([{"prompt": "1 + 2 ="}, {"prompt": "4 ="}])
    rollouts = CollatedRollouts(loader)
    assert len(list(loader)) == 2
    assert rollouts.take() == rollouts.take() == []
    (said,) = [record.getMessage() for record in caplog.records]
    assert "can't be read" in said
