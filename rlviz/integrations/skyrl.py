"""SkyRL: a training callback.

What is read: the `logs` that the trainer commits at each step (`reward/avg_raw_reward`, losses,
lengths, timings) as metrics of those names, but the one that you name as accuracy.

What can't be known: whether a reward means success, and the lengths of single sequences, so FLOPs
are what your `flops` makes of the logged values; parallelism. Needs no import of SkyRL.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from rlviz.callback import Callback
from rlviz.integrations.support.logged import LoggedSteps
from rlviz.record.error_log import logger

_STATE = "rlviz.json"


class RLVizCallback:
    """Records a training by the events of SkyRL's `TrainingCallback`.

    A step is a global step. Its state goes into the folder of every checkpoint.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        accuracy: the name of the training accuracy in the logs, if there is one; with one sample
            per prompt, `reward/avg_pass_at_1`.
        flops: makes FLOPs, or FLOPs by phase, of the logs of a step; with `model =
            rlviz.flops.from_config(config)` and `n` answers of a step, for example
            `lambda logs: {"rollout": 2 * model.matmul_params * round(n *
            logs["generate/avg_num_tokens"])}`, which leaves prompts and attention out.
        resume_from: the folder of the checkpoint that the trainer resumes from.
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
        FileNotFoundError: `resume_from` holds no state.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        accuracy: str = "accuracy",
        flops: Callable[[Mapping[str, Any]], Any] | None = None,
        resume_from: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        self._steps = LoggedSteps(logdir, accuracy=accuracy, flops=flops, **options)
        if resume_from is not None:
            with open(os.path.join(resume_from, _STATE), encoding="utf-8") as file:
                self.viz.load_state_dict(json.load(file))

    @property
    def viz(self) -> Callback:
        """The open callback."""
        return self._steps.viz

    def on_log(self, trainer: Any, callback_input: Any, control: Any) -> None:
        """Take the values that the trainer commits for a step."""
        if callback_input.logs and callback_input.global_step > 0:
            self._steps.add(callback_input.global_step, callback_input.logs)

    def on_step_start(self, trainer: Any, callback_input: Any, control: Any) -> None:
        """Close the step before: all its values have come."""
        self._steps.close_step()

    def on_save(self, trainer: Any, callback_input: Any, control: Any) -> None:
        """Put the state into the checkpoint that was written."""
        self._steps.close_step()
        folder = callback_input.ckpt_path
        if folder is not None and os.path.isdir(folder):  # not one of a cloud
            try:
                with open(os.path.join(folder, _STATE), "w", encoding="utf-8") as file:
                    json.dump(self.viz.state_dict(), file)
            except OSError as error:
                logger.warning("rlviz: its state was not written to %s: %s", folder, error)

    def on_train_end(self, trainer: Any, callback_input: Any, control: Any) -> None:
        """Write everything: the training is over."""
        self._steps.close()

    def _nothing(self, trainer: Any, callback_input: Any, control: Any) -> None:
        """Nothing needs to be done."""

    on_train_start = on_step_end = on_eval_start = on_eval_end = _nothing
    on_epoch_start = on_epoch_end = _nothing
