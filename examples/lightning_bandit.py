"""REINFORCE in Lightning with the three lines of rlviz. Run it: python lightning_bandit.py [RUN]

FLOPs are checked against the sizes of the layers, also across a checkpoint.
"""

import sys
import tempfile
from pathlib import Path

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

import rlviz
from rlviz.integrations.lightning import RLVizCallback  # 1

CONTEXTS, ACTIONS, HIDDEN, BATCH, BATCHES, EPOCHS = 8, 4, 32, 64, 20, 6


class Bandit(lightning.LightningModule):
    def __init__(self, lr: float = 1e-2) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.policy = torch.nn.Sequential(
            torch.nn.Linear(CONTEXTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, ACTIONS)
        )

    def training_step(self, batch, batch_idx):
        (context,) = batch
        actions = torch.distributions.Categorical(logits=self.policy(context))
        action = actions.sample()
        correct = (action == context.argmax(-1) % ACTIONS).float()
        loss = -(actions.log_prob(action) * (correct - correct.mean())).mean()
        return {"loss": loss, "correct": correct}  # 2

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.hparams.lr)


def trainer(logdir: str, epochs: int) -> lightning.Trainer:
    return lightning.Trainer(
        max_epochs=epochs,
        callbacks=[RLVizCallback(logdir)],  # 3
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def main(logdir: str) -> None:
    torch.set_num_threads(1)  # layers this small are slower on several
    lightning.seed_everything(0, verbose=False)
    contexts = torch.eye(CONTEXTS).repeat(BATCHES * BATCH // CONTEXTS, 1)
    data = DataLoader(TensorDataset(contexts), batch_size=BATCH, shuffle=True)
    checkpoint = Path(logdir, "bandit.ckpt")

    first = trainer(logdir, EPOCHS // 2)
    first.fit(Bandit(), data)
    first.save_checkpoint(checkpoint)
    trainer(logdir, EPOCHS).fit(Bandit(), data, ckpt_path=checkpoint)

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    forward = 2 * (CONTEXTS * HIDDEN + HIDDEN * ACTIONS)
    inputs = 2 * CONTEXTS * HIDDEN  # gradients of the contexts: nobody needs them
    step = BATCH * (3 * forward - inputs)
    assert list(run.step) == list(range(1, EPOCHS * BATCHES + 1))
    assert list(run.exact_flops()) == [n * step for n in range(1, EPOCHS * BATCHES + 1)]
    assert set(run.columns["session"]) == {0, 1}
    assert run.accuracy[:5].mean() < 0.5
    assert run.accuracy[-5:].mean() > 0.9


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="lightning_bandit-"))
