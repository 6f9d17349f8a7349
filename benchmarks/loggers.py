"""The loggers that `overhead.py` compares: each opens, logs a step of five scalars, and closes.

Every one as its documentation says, with its defaults, in its own process or files; nothing leaves
the machine. What watches the machine rather than the run (GPU and CPU monitors, captured console
output) is off, since only the logging of scalars is compared.
"""

import contextlib
import io
import os
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import rlviz

# Read when the peers are imported: no server is asked anything, not even who the user is.
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"


class Scalars(NamedTuple):
    """What a step of training has to say, as numbers on the host."""

    accuracy: float
    parallelism: float
    flops: int
    loss: float
    kl: float


class Logger(Protocol):
    """A run that is open; the constructor takes the directory that it may write to."""

    def log(self, step: int, scalars: Scalars) -> None: ...

    def close(self) -> None: ...


class NoLogger:
    """The same calls with nothing behind them: what the others' CPU and time are compared with."""

    def __init__(self, directory: Path) -> None:
        pass

    def log(self, step: int, scalars: Scalars) -> None:
        pass

    def close(self) -> None:
        pass


class Deque:
    """The floor: nobody hands a step to another thread for less than one `deque.append`."""

    def __init__(self, directory: Path) -> None:
        self._queue: deque[tuple[float, ...]] = deque()

    def log(self, step: int, scalars: Scalars) -> None:
        accuracy, parallelism, flops, loss, kl = scalars
        self._queue.append((step, accuracy, parallelism, flops, loss, kl))

    def close(self) -> None:
        self._queue.clear()


class Rlviz:
    def __init__(self, directory: Path) -> None:
        self._viz = rlviz.Callback(directory, figure_seconds=None)

    def log(self, step: int, scalars: Scalars) -> None:
        accuracy, parallelism, flops, loss, kl = scalars
        self._viz.record(accuracy=accuracy, graded=64, parallelism=parallelism, flops=flops)
        self._viz.on_step_end(step, metrics={"loss": loss, "kl": kl})

    def close(self) -> None:
        if not self._viz.close(None):
            raise RuntimeError(f"rlviz did not write everything: {self._viz.health}")


class _EventWriter(Protocol):
    """What torch's and tensorboardX's SummaryWriter have in common."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object: ...

    def close(self) -> None: ...


class _Summaries:
    """The loop of `add_scalar` that TensorBoard users write."""

    _writer: _EventWriter

    def __init__(self) -> None:
        self._flops = 0.0

    def log(self, step: int, scalars: Scalars) -> None:
        accuracy, parallelism, flops, loss, kl = scalars
        self._flops += flops
        self._writer.add_scalar("accuracy", accuracy, step)
        self._writer.add_scalar("parallelism", parallelism, step)
        self._writer.add_scalar("flops", self._flops, step)
        self._writer.add_scalar("loss", loss, step)
        self._writer.add_scalar("kl", kl, step)

    def close(self) -> None:
        self._writer.close()


class TorchSummaryWriter(_Summaries):
    def __init__(self, directory: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        super().__init__()
        self._writer = SummaryWriter(str(directory))


class TensorboardX(_Summaries):
    def __init__(self, directory: Path) -> None:
        from tensorboardX import SummaryWriter

        super().__init__()
        self._writer = SummaryWriter(str(directory))


class _Dictionaries:
    """Makes the one dictionary a step that the other trackers take."""

    def __init__(self) -> None:
        self._flops = 0.0

    def _metrics(self, scalars: Scalars) -> dict[str, Any]:
        accuracy, parallelism, flops, loss, kl = scalars
        self._flops += flops  # a float: the total outgrows 64 bits, which the trackers refuse
        return {
            "accuracy": accuracy,
            "parallelism": parallelism,
            "flops": self._flops,
            "loss": loss,
            "kl": kl,
        }


class Wandb(_Dictionaries):
    """Weights & Biases, offline; its service process ends with the run, so its CPU gets known."""

    def __init__(self, directory: Path) -> None:
        import wandb

        super().__init__()
        directory.mkdir()  # it would take the system's for one that is missing
        self._run = wandb.init(
            project="overhead",
            dir=directory,
            settings=wandb.Settings(
                console="off",
                silent=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
            ),
        )

    def log(self, step: int, scalars: Scalars) -> None:
        self._run.log(self._metrics(scalars), step=step)

    def close(self) -> None:
        import wandb

        self._run.finish()
        wandb.teardown()


class Trackio(_Dictionaries):
    """Trackio with its local database; all runs share a directory, which it reads once."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        os.environ["TRACKIO_DIR"] = str(directory.parent / "trackio")
        import trackio

        with contextlib.redirect_stdout(io.StringIO()):  # it greets
            self._run = trackio.init(
                project=directory.name, auto_log_cpu=False, auto_log_gpu=False, embed=False
            )

    def log(self, step: int, scalars: Scalars) -> None:
        self._run.log(self._metrics(scalars), step=step)

    def close(self) -> None:
        import trackio

        with contextlib.redirect_stdout(io.StringIO()):
            trackio.finish()


class LightningCsv(_Dictionaries):
    """Lightning's CSVLogger, which writes every 100 steps, in the training thread."""

    def __init__(self, directory: Path) -> None:
        from lightning.pytorch.loggers import CSVLogger

        super().__init__()
        self._logger = CSVLogger(directory)

    def log(self, step: int, scalars: Scalars) -> None:
        self._logger.log_metrics(self._metrics(scalars), step)

    def close(self) -> None:
        self._logger.finalize("success")


LOGGERS: dict[str, Callable[[Path], Logger]] = {
    "deque.append": Deque,
    "rlviz": Rlviz,
    "SummaryWriter": TorchSummaryWriter,
    "tensorboardX": TensorboardX,
    "wandb": Wandb,
    "trackio": Trackio,
    "CSVLogger": LightningCsv,
}
"""By the name of their row; the floor first."""

_PACKAGES = {"CSVLogger": "lightning", "deque.append": "collections", "SummaryWriter": "torch"}


def installed(name: str) -> bool:
    """Whether the logger of this name can be opened here."""
    return find_spec(_PACKAGES.get(name, name)) is not None
