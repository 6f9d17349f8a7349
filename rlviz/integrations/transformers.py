"""rlviz in Hugging Face's Trainer and in all trainers of TRL.

Reads: what the trainer logs; the lengths of the sequences in each forward pass, from its attention
mask and labels; the config of the model; TRL's `steps_per_generation`, `num_iterations`, `beta`.

FLOPs by phase, summed over ranks: generation at the step that generates, by the real lengths of
prompts and completions, wherever it runs (transformers, vLLM); old and reference log-probabilities
where the trainer computes them; the update with each of its epochs.

Can't know: how many turns a tool loop had, so a tool's answer counts as if it were generated;
forward passes of reward models (`Callback.watch` them), and of reference models outside GRPO and
RLOO; generation in evaluations; rows that several sequences were packed into (they count as one). A
completion that `mask_truncated_completions` has hidden counts as one of `max_completion_length`.
Accuracy that a reward function gave for some answers only weighs as if all had been graded. Where a
run ends between `logging_steps`, the trainer logs the rest in its closing summary alone: it is left
out.
"""

import math
import numbers
import os
import re
from typing import Any

from rlviz import schema
from rlviz.callback import Callback
from rlviz.conventions import ConventionName
from rlviz.flops import LanguageModel, from_config
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.deferred_callback import DeferredCallback
from rlviz.integrations.support.metrics import as_accuracy, scalars
from rlviz.integrations.support.requirement import needed
from rlviz.record.error_log import logger

with needed("transformers", "4.52", module=__name__, extra="trl"):
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_callback import ExportableState

    from rlviz.integrations.support.hf_phases import TrainerPhases


class RLVizCallback(TrainerCallback, ExportableState):
    """Records the run of a `Trainer`, `GRPOTrainer`, `RLOOTrainer` …

    ```python
    from rlviz.integrations.transformers import RLVizCallback

    trainer = GRPOTrainer(..., callbacks=[RLVizCallback("runs/my-run")])
    ```

    Each optimizer step is a row; what is logged less often leaves gaps. Checkpoints hold the state,
    and a resumed run goes on from it (leave `restore_callback_states_from_checkpoint` False). With
    several processes rank 0 writes what all of them did. In a reward function,
    `callback.record(parallelism=…)` adds what only you know.

    Args:
        logdir: the run directory, or a ready `rlviz.Callback`.
        accuracy: which of the logged values is the training accuracy, in [0, 1]; by default
            `accuracy` (by `log_metric`, or as the metric of the log), else the mean of the one
            reward function that has "accuracy" in its name. Others are metrics.
        model: the shape of the model, where its config is not known or FLOPs are to be counted by
            other options; by default `rlviz.flops.from_config(model.config)`, by the convention
            of the `Callback`.
        **options: what `rlviz.Callback` takes; `config` is by default the training arguments,
            `process_group` all processes, and `convention` "exact": FLOPs are counted by it.

    Raises:
        TypeError, ValueError: an argument is not what it should be, as in `rlviz.Callback`.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str] | Callback,
        *,
        accuracy: str | None = None,
        model: LanguageModel | None = None,
        **options: Any,
    ) -> None:
        if model is not None and not isinstance(model, LanguageModel):
            raise TypeError(
                "model must come from rlviz.flops.from_config or rlviz.flops.Transformer, got "
                f"{type(model).__name__}. The network itself is known from the trainer; leave it "
                "out."
            )
        options = with_convention(options, None if model is None else model.convention)
        self._deferred = DeferredCallback(logdir, options)
        said = logdir.convention if isinstance(logdir, Callback) else options.get("convention")
        self._convention: ConventionName = said or "exact"
        plain = (str, int, float, bool)
        where = logdir if isinstance(logdir, Callback) else os.fspath(logdir)
        given = {"logdir": where, "accuracy": accuracy, **options}
        self._arguments = {key: value for key, value in given.items() if isinstance(value, plain)}
        self._accuracy, self._shape = accuracy, model
        self._module: Any = None  # while it is trained
        self._phases: TrainerPhases | None = None
        self._step: int | None = None  # the step that is open
        self._tokens = self._answers = 0
        self._said: set[str] = set()

    @property
    def viz(self) -> Callback | None:
        """The `rlviz.Callback` that records the run; None before training begins."""
        return self._deferred.viz

    def record(self, **what: Any) -> None:
        """`rlviz.Callback.record`, for reward functions and tools, on any rank.

        What comes in an evaluation, or while nothing is trained, is left out.
        """
        if self._module is None:
            self._say(
                "record() came while no training ran with this callback: it is left out. If one "
                "runs: with restore_callback_states_from_checkpoint the trainer made a callback "
                "of its own. Leave that False: rlviz goes on from a checkpoint without it."
            )
        elif self._module.training and self.viz is not None:
            self.viz.record(**what)

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._stop()
        several = torch.distributed.is_available() and torch.distributed.is_initialized()
        shape = self._shape or self._known_shape(given["model"])
        viz = self._deferred.open(
            config=args.to_sanitized_dict(),
            process_group=torch.distributed.group.WORLD if several else None,
            convention=None if shape is None else shape.convention,
        )
        name = type(self).__name__
        if state.global_step:
            self._load(viz, state.stateful_callbacks.get(name))
        # A checkpoint of a run without rlviz lacks the entry, and the trainer would not save then.
        state.stateful_callbacks.setdefault(name, self.state())
        self._module, self._step = given["model"], None
        self._tokens, self._answers = state.num_input_tokens_seen, 0
        if shape is not None:
            self._phases = TrainerPhases(shape, self._module, args)

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._close_step()

    def on_substep_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        generated = hasattr(args, "steps_per_generation") and (
            state.num_input_tokens_seen > self._tokens
        )
        self._tokens = state.num_input_tokens_seen
        if generated:
            self._answers += args.generation_batch_size
        self._count(generated)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self.on_substep_end(args, state, control)
        self._step = state.global_step
        # Rank 0 saves what all ranks did up to here, and until it has they may stand at a barrier.
        # So only rank 0, which alone is told more of the step, leaves it open for longer.
        ends_epoch = args.eval_strategy == "epoch" and state.epoch == int(state.epoch)
        if not (state.is_world_process_zero or control.should_evaluate or ends_epoch):
            self._close_step()

    def on_evaluate(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        if not state.is_world_process_zero:
            self._close_step()

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: dict[str, Any] | None = None,
        **given: Any,
    ) -> None:
        if not logs or "train_runtime" in logs or self._module is None or self.viz is None:
            return  # that is the summary of the run, or an evaluation after it
        if self._step is None and state.global_step == 0:
            self._step = 0  # evaluated before the first step
        if not state.is_world_process_zero:
            return
        known = scalars({name: value for name, value in logs.items() if name != "epoch"})
        if (found := self._accuracy_in(logs)) is not None:
            name, accuracy = found
            known = {key: v for key, v in known.items() if key.removeprefix("logged/") != name}
            self.viz.record(accuracy=accuracy, graded=self._answers or None)
            self._answers = 0
        parallelism = _number(logs.get(schema.PARALLELISM))
        if parallelism is not None and 0 <= parallelism < math.inf:  # a user's log_metric()
            known.pop(f"logged/{schema.PARALLELISM}", None)
            self.viz.record(parallelism=[parallelism])
        self.viz.record(metrics=known)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._stop()

    def state(self) -> dict[str, Any]:
        """What `trainer_state.json` holds: all steps so far, the open one included."""
        self._close_step()
        state: dict[str, Any] = {"args": self._arguments, "attributes": {}}
        if self.viz is not None:
            state["rlviz"] = self.viz.state_dict()
        return state

    def _load(self, viz: Callback, saved: Any) -> None:
        try:
            if isinstance(saved, dict) and "rlviz" in saved:
                viz.load_state_dict(saved["rlviz"])
        except (RuntimeError, ValueError) as error:
            self._say(f"the checkpoint's state was not loaded, so the curves start over: {error}")

    def _known_shape(self, module: Any) -> LanguageModel | None:
        try:
            if module.get_output_embeddings() is None:
                raise ValueError(f"{type(module).__name__} has no language-model head.")
            return from_config(module.config, convention=self._convention)
        except (AttributeError, TypeError, ValueError) as error:
            self._say(
                f"the FLOPs of the model are not known: {error} Pass model=…, or record them "
                "with record(flops=…)."
            )
            return None

    def _accuracy_in(self, logs: dict[str, Any]) -> tuple[str, float] | None:
        """The name and value of the accuracy among the logged values, if there is one."""
        names = [self._accuracy] if self._accuracy else [schema.ACCURACY]
        if not self._accuracy and logs.get(schema.ACCURACY) is None:
            names = [n for n in logs if _ACCURACY_FUNCTION.fullmatch(n)]
        values = {n: v for n in names if (v := _number(logs.get(n))) is not None}
        if len(values) > 1:
            self._say(
                f"{' and '.join(values)} could each be the accuracy, so none of them is. Say "
                f"which: RLVizCallback(…, accuracy={names[0]!r})."
            )
            return None
        for name, value in values.items():
            if (accuracy := as_accuracy(name, value)) is not None:
                return name, accuracy
        return None

    def _count(self, generated: bool) -> None:
        if self._phases is not None and self.viz is not None:
            try:
                self.viz.record(flops=self._phases.take(generated))
            except (TypeError, ValueError) as error:  # the trainer does what was not foreseen
                self._phases.close()
                self._phases = None
                self._say(f"no FLOPs are counted from here on: {error}")

    def _close_step(self) -> None:
        if self._step is not None and self.viz is not None:
            self._count(False)  # of evaluations
            self.viz.on_step_end(self._step)
        self._step = None

    def _stop(self) -> None:
        self._close_step()
        if self._phases is not None:
            self._phases.close()
        if self._module is not None:
            self._deferred.close()
        self._phases = self._module = None

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            logger.warning("rlviz: %s", words)


def _number(value: Any) -> float | None:
    """A logged value that is one; TRL logs None, others NaN, where there was nothing."""
    return float(value) if isinstance(value, numbers.Real) and value == value else None


_ACCURACY_FUNCTION = re.compile(r"rewards/[^/]*accuracy[^/]*/mean")
