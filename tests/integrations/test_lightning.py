"""Lightning, by real fits; their FLOPs are calculated again from the layers' sizes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("lightning", reason="needs: pip install rlviz[lightning]")

import lightning
from lightning.pytorch.callbacks import ModelCheckpoint

from rlviz.integrations.lightning import RLVizCallback

# Lightning itself uses deprecated parts of torch, and advises on data loaders and checkpoints.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:lightning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:lightning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
]

OBS, HIDDEN, ACTIONS, BATCH = 4, 8, 4, 16
ROW = 2 * (OBS * HIDDEN + HIDDEN * ACTIONS)  # one row through the policy
FIRST = 2 * OBS * HIDDEN  # the product that gives the gradient of the input, which nobody needs
UPDATE = BATCH * (ROW + 2 * ROW - FIRST)  # forward and backward pass of a batch


def policy(actions=ACTIONS):
    return nn.Sequential(nn.Linear(OBS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, actions))


class Bandit(lightning.LightningModule):
    """The context is the right action."""

    def __init__(self, lr=1e-2):
        super().__init__()
        self.save_hyperparameters()
        self.policy = policy()
        self.answers = []

    def loss(self, contexts):
        actions = torch.distributions.Categorical(logits=self.policy(contexts))
        action = actions.sample()
        correct = (action == contexts.argmax(-1)).float()
        self.answers.append(correct)
        return -(actions.log_prob(action) * (correct - 0.25)).mean(), correct

    def training_step(self, batch, batch_idx):
        loss, correct = self.loss(batch[0])
        self.log("return", correct.mean())
        return {"loss": loss, "correct": correct}

    def validation_step(self, batch, batch_idx):
        self.policy(batch[0])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.hparams.lr)


def batches(n):
    contexts = torch.eye(OBS).repeat(n * BATCH // OBS, 1)
    return DataLoader(TensorDataset(contexts), batch_size=BATCH)


def viz(path, **options):
    return RLVizCallback(path, figure_seconds=None, **options)


def trainer(path, *callbacks, **options):
    return lightning.Trainer(
        callbacks=list(callbacks),
        default_root_dir=path,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **{"enable_checkpointing": False, "max_epochs": 1, **options},
    )


def cumulative(history, phase="total"):
    return [int(n) for n in history.columns[f"flops/{phase}"]]


class TestSteps:
    def test_each_batch_is_a_step_with_its_own_answers_and_flops(self, tmp_path):
        model = Bandit()
        trainer(tmp_path, viz(tmp_path / "run")).fit(model, batches(5))
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [1, 2, 3, 4, 5]
        assert list(history.accuracy) == [float(each.mean()) for each in model.answers]
        assert cumulative(history) == [n * UPDATE for n in range(1, 6)]
        assert set(history.columns) >= {"metrics/loss", "metrics/return", "flops/update"}

    def test_batches_add_up_while_gradients_accumulate(self, tmp_path):
        model = Bandit()
        loop = trainer(tmp_path, viz(tmp_path / "run"), accumulate_grad_batches=3)
        loop.fit(model, batches(8))
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [1, 2, 3]  # the last of two batches
        assert list(history.columns["graded"]) == [3 * BATCH, 3 * BATCH, 2 * BATCH]
        sums = [sum(map(torch.sum, model.answers[k : k + 3])) for k in (0, 3, 6)]
        assert list(history.columns["correct"]) == sums
        assert cumulative(history) == [n * UPDATE for n in (3, 6, 8)]

    def test_the_loss_is_that_of_the_batches_and_not_their_share_of_a_step(self, tmp_path):
        class Own(Bandit):
            def training_step(self, batch, batch_idx):
                return {"loss": self.policy(batch[0]).sum() * 0 + 8.0}

        for each in (1, 4):
            run = tmp_path / str(each)
            trainer(tmp_path, viz(run), accumulate_grad_batches=each).fit(Own(), batches(8))
            assert set(rlviz.read(run).columns["metrics/loss"]) == {8.0}

    def test_what_a_validation_logs_belongs_to_the_step_before_and_is_no_accuracy(self, tmp_path):
        class Own(Bandit):
            def training_step(self, batch, batch_idx):
                self.log("whole", 10.0 * (self.current_epoch + 1), on_step=False, on_epoch=True)
                return self.loss(batch[0])[0]

            def validation_step(self, batch, batch_idx):
                self.log("accuracy", 0.1)
                self.log("number", self.current_epoch + 1.0)

        loop = trainer(
            tmp_path,
            viz(tmp_path / "run"),
            accumulate_grad_batches=4,
            max_epochs=2,
            enable_checkpointing=True,
        )
        loop.fit(Own(), batches(8), batches(1))
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [1, 2, 3, 4]
        assert np.isnan(history.accuracy).all()
        gap = np.nan
        for name, values in {
            "number": [gap, 1, gap, 2],
            "logged/accuracy": [gap, 0.1, gap, 0.1],
            "whole": [gap, 10, gap, 20],
        }.items():
            np.testing.assert_allclose(history.columns[f"metrics/{name}"], values, rtol=1e-6)

    def test_two_optimizers_in_manual_optimization_give_one_step_for_each_batch(self, tmp_path):
        class ActorCritic(Bandit):
            automatic_optimization = False

            def __init__(self):
                super().__init__()
                self.critic = policy(actions=1)

            def training_step(self, batch, batch_idx):
                actor, critic = self.optimizers()
                loss, correct = self.loss(batch[0])
                actor.zero_grad()
                self.manual_backward(loss)
                actor.step()
                critic.zero_grad()
                self.manual_backward((self.critic(batch[0]) - correct[:, None]).square().mean())
                critic.step()
                return {"correct": correct}

            def configure_optimizers(self):
                return [torch.optim.Adam(net.parameters()) for net in (self.policy, self.critic)]

        trainer(tmp_path, viz(tmp_path / "run")).fit(ActorCritic(), batches(3))
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [2, 4, 6]
        critic = 2 * (OBS * HIDDEN + HIDDEN)
        each = UPDATE + BATCH * (3 * critic - FIRST)
        assert cumulative(history) == [each, 2 * each, 3 * each]
        assert list(history.columns["graded"]) == [BATCH] * 3

    def test_a_data_loader_that_plays_is_the_rollout(self, tmp_path):
        model = Bandit()

        class Plays(IterableDataset):
            def __iter__(self):
                for _ in range(4):
                    contexts = torch.eye(OBS).repeat(BATCH // OBS, 1)
                    with torch.no_grad():
                        model.policy(contexts)
                    yield (contexts,)

        trainer(tmp_path, viz(tmp_path / "run")).fit(model, DataLoader(Plays(), batch_size=None))
        history = rlviz.read(tmp_path / "run")
        assert cumulative(history, "rollout")[-1] == 4 * BATCH * ROW
        assert cumulative(history, "update") == [n * UPDATE for n in range(1, 5)]

    def test_validation_is_kept_apart_from_the_total(self, tmp_path):
        model = Bandit()
        loop = trainer(tmp_path, viz(tmp_path / "run"), max_epochs=2, num_sanity_val_steps=1)
        loop.fit(model, batches(2), batches(3))
        history = rlviz.read(tmp_path / "run")
        passes = [1, 1 + 3, 1 + 3, 1 + 3 + 3]  # the sanity check, and after steps 2 and 4
        assert cumulative(history, "evaluation") == [n * BATCH * ROW for n in passes]
        assert cumulative(history) == [n * UPDATE for n in (1, 2, 3, 4)]


class TestAccuracy:
    def test_it_comes_from_the_log_where_none_is_returned_and_is_never_repeated(self, tmp_path):
        class Logs(Bandit):
            def training_step(self, batch, batch_idx):
                loss, correct = self.loss(batch[0])
                if batch_idx % 2 == 0:
                    self.log("hits", correct.mean())
                return loss

        model = Logs()
        trainer(tmp_path, viz(tmp_path / "run", accuracy="hits")).fit(model, batches(4))
        expected = [float(model.answers[0].mean()), np.nan, float(model.answers[2].mean()), np.nan]
        history = rlviz.read(tmp_path / "run")
        np.testing.assert_allclose(history.accuracy, expected)
        assert "metrics/hits" not in history.columns

    def test_an_accuracy_of_zero_is_a_value(self, tmp_path):
        class Wrong(Bandit):
            def training_step(self, batch, batch_idx):
                return {"loss": self.loss(batch[0])[0], "accuracy": 0.0}

        trainer(tmp_path, viz(tmp_path / "run")).fit(Wrong(), batches(2))
        assert list(rlviz.read(tmp_path / "run").accuracy) == [0, 0]

    def test_a_return_is_a_metric_and_no_accuracy(self, tmp_path):
        class Returns(Bandit):
            def training_step(self, batch, batch_idx):
                loss, correct = self.loss(batch[0])
                self.log("return", correct.sum())
                self.log("flops/mine", 1.0)  # a name of rlviz
                return loss

        trainer(tmp_path, viz(tmp_path / "run")).fit(Returns(), batches(2))
        history = rlviz.read(tmp_path / "run")
        assert np.isnan(history.accuracy).all()
        assert np.isfinite(history.columns["metrics/return"]).all()
        assert "metrics/logged/flops/mine" in history.columns


class TestResume:
    def test_a_fit_from_a_checkpoint_goes_on(self, tmp_path, caplog):
        saves = ModelCheckpoint(tmp_path, filename="at", every_n_train_steps=2, save_top_k=-1)
        loop = trainer(tmp_path, viz(tmp_path / "run"), saves, enable_checkpointing=True)
        loop.fit(Bandit(), batches(4))
        loop = trainer(tmp_path, viz(tmp_path / "run"), max_epochs=2)
        loop.fit(Bandit(), batches(4), ckpt_path=saves.best_model_path)
        assert "no state of it was loaded" not in caplog.text
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == list(range(1, 9))
        assert list(history.columns["session"]) == [0] * 4 + [1] * 4
        assert cumulative(history) == [n * UPDATE for n in range(1, 9)]

    def test_after_a_crash_no_step_stands_twice_and_none_goes_back(self, tmp_path):
        class Crashes(Bandit):
            def on_train_batch_start(self, batch, batch_idx):
                if self.trainer.global_step == 5:
                    raise OSError("no space left")

        saves = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=3)
        loop = trainer(tmp_path, viz(tmp_path / "run"), saves, enable_checkpointing=True)
        with pytest.raises(OSError, match="no space left"):
            loop.fit(Crashes(), batches(8))
        loop = trainer(tmp_path, viz(tmp_path / "run"))
        loop.fit(Bandit(), batches(8), ckpt_path=tmp_path / "step=3.ckpt")
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == list(range(1, 9))
        assert list(history.columns["session"]) == [0] * 3 + [1] * 5
        assert cumulative(history) == [n * UPDATE for n in range(1, 9)]

    def test_another_fit_of_the_same_trainer_goes_on(self, tmp_path):
        loop, model = trainer(tmp_path, viz(tmp_path / "run")), Bandit()
        loop.fit(model, batches(2))
        loop.fit_loop.max_epochs = 2
        loop.fit(model, batches(2))
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [1, 2, 3, 4]
        assert cumulative(history) == [n * UPDATE for n in range(1, 5)]


DDP = """
import sys, lightning, torch
sys.path.insert(0, {folder!r})
from test_lightning import Bandit, batches, trainer, viz

if __name__ == "__main__":
    model = Bandit()
    loop = trainer({path!r}, viz({path!r} + "/run"), strategy="ddp", devices=2)
    loop.fit(model, batches(6))
    print("correct", loop.global_rank, int(sum(each.sum() for each in model.answers)))
"""


def test_two_processes_are_added_up(tmp_path):
    script = tmp_path / "ddp.py"
    folder = os.path.dirname(__file__)
    script.write_text(DDP.format(folder=folder, path=str(tmp_path)))
    root = str(Path(rlviz.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    correct = [int(line.split()[-1]) for line in result.stdout.split("\n") if "correct" in line]
    assert len(correct) == 2
    history = rlviz.read(tmp_path / "run")
    assert list(history.step) == [1, 2, 3]  # six batches, three for each process
    assert list(history.columns["graded"]) == [2 * BATCH] * 3
    assert history.columns["correct"].sum() == sum(correct)
    assert cumulative(history) == [n * 2 * UPDATE for n in (1, 2, 3)]


class TestWhatIsSaid:
    def test_a_module_without_parts_has_flops_that_nobody_sees(self, tmp_path, caplog):
        class Bare(Bandit):
            def __init__(self):
                super().__init__()
                del self.policy
                self.weight = nn.Parameter(torch.zeros(OBS, ACTIONS))

            def policy(self, contexts):
                return contexts @ self.weight

        trainer(tmp_path, viz(tmp_path / "run")).fit(Bare(), batches(2))
        assert "no part of the LightningModule was called in the first step" in caplog.text

    def test_an_optimizer_of_ones_own_closes_no_step(self, tmp_path, caplog):
        class Own(Bandit):
            automatic_optimization = False

            def training_step(self, batch, batch_idx):
                self.loss(batch[0])[0].backward()

        trainer(tmp_path, viz(tmp_path / "run")).fit(Own(), batches(2))
        assert "no optimizer of the trainer stepped" in caplog.text

    def test_bad_options_raise_when_the_fit_begins(self, tmp_path):
        with pytest.raises(ValueError, match=r"ema must be in \[0, 1\)"):
            trainer(tmp_path, viz(tmp_path / "run", ema=2)).fit(Bandit(), batches(1))


def test_a_framework_that_is_missing_is_an_import_error_in_words(run_python):
    code = "import sys; sys.modules['lightning'] = None\nimport rlviz.integrations.lightning"
    result = run_python("-c", code)
    assert "needs lightning 2.4 or newer" in result.stderr
    assert "pip install -U 'rlviz[lightning]'" in result.stderr
