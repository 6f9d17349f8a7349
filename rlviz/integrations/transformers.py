"""rlviz in Hugging Face's Trainer and in all trainers of TRL.

Reads: what the trainer logs; the lengths of the sequences in each forward pass, from its attention
mask and labels, and of packed ones from `cu_seq_lens_q` or `position_ids`; the config of the model;
TRL's `steps_per_generation`, `num_iterations`, `beta`.

FLOPs by phase, summed over ranks: generation at the step that generates, by the real lengths of
prompts and completions, wherever it runs (transformers, vLLM); AsyncGRPO's at the step that trains
on it; old and reference log-probabilities where the trainer computes them; the update with each of
its epochs.

Can't know: how many turns GRPO's tool loop had, so a tool's answer counts as if it were generated;
what a `rollout_func` generates beside what it returns, unless it records it; samples that AsyncGRPO
drops; forward passes of reward models (`Callback.watch` them), and of reference models outside GRPO
and RLOO; what other trainers generate; updates of trainers that call parts of their model alone;
generation in evaluations. A completion that `mask_truncated_completions` has hidden counts as one of
`max_completion_length`. Accuracy that a reward function gave for some answers only weighs as if all
had been graded. Where a run ends between `logging_steps`, the trainer logs the rest in its closing
summary alone: it is left out.
"""

import inspect
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
    from transformers import Trainer, TrainerCallback
    from transformers.trainer_callback import ExportableState

    from rlviz.integrations.support.collated_rollouts import CollatedRollouts
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
        self._own_rollouts = False  # whether the user's function generates, and did not say what
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
            if isinstance(flops := what.get("flops"), dict) and _SUB_AGENTS in flops:
                self._own_rollouts = False
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
            rollouts = self._rollouts(args, given.get("train_dataloader"))
            self._phases = TrainerPhases(shape, self._module, args, rollouts)
        self._own_rollouts = getattr(_trainer(), "rollout_func", None) is not None

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._close_step()

    def on_substep_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        generated = hasattr(args, "steps_per_generation") and (
            state.num_input_tokens_seen > self._tokens
        )
        self._tokens = state.num_input_tokens_seen
        if generated:
            self._answers += args.generation_batch_size
        if generated and self._own_rollouts:
            self._say(
                "rollout_func generates, and what it returns is counted as if one model had. What "
                "sub-agents generate beside that is not seen: say in it what they spent, with "
                f"callback.record(flops={{'{_SUB_AGENTS}': …}}), or 0."
            )
        self._count(generated)

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        self._leave(state.global_step)
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
        self._leave(state.global_step)
        if self._step is None and state.global_step == 0:
            self._step = 0  # evaluated before the first step
        if not state.is_world_process_zero:
            return
        known = scalars({name: value for name, value in logs.items() if name != "epoch"})
        waited, took = (_number(logs.get(name)) for name in _WAITED)
        if waited is not None and took:
            known["trainer_idle_share"] = min(waited / took, 1.0)
        for name in _DROPPED:
            if _number(logs.get(name)):
                self._say(
                    f"samples were dropped ({name} counts them). Their lengths are not known, so "
                    "what it took to generate them is in no phase."
                )
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

    def _rollouts(self, args: Any, loader: Any) -> CollatedRollouts | None:
        """Those of TRL's asynchronous trainers, which generate in processes of their own."""
        if not hasattr(args, "max_staleness"):
            return None
        try:
            return CollatedRollouts(loader)
        except AttributeError as error:
            self._say(
                f"the rollouts of this asynchronous trainer can't be seen ({error}): record them "
                "with record(flops={'rollout': …})."
            )
            return None

    def _count(self, generated: bool, *, trained: bool = True) -> None:
        if self._phases is not None and self.viz is not None:
            try:
                self.viz.record(flops=self._phases.take(generated, trained=trained))
            except Exception as error:  # what the trainer does was not foreseen
                self._phases.close()
                self._phases = None
                self._say(f"no FLOPs are counted from here on: {error}")

    def _leave(self, step: int) -> None:
        """Close an open step that is not this one: TRL's PPO never says that a step begins. What
        passed the model since belongs to the new step."""
        if self._step is not None and self._step != step and self.viz is not None:
            self.viz.on_step_end(self._step)
            self._step = None

    def _close_step(self) -> None:
        if self._step is not None and self.viz is not None:
            self._count(False, trained=False)  # of evaluations
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


def _trainer() -> Any:
    """The trainer that calls its callbacks, which it does not tell of itself; None for another."""
    frame = inspect.currentframe()
    while frame is not None:
        if isinstance(caller := frame.f_locals.get("self"), Trainer):
            return caller
        frame = frame.f_back
    return None


_SUB_AGENTS = "rollout_subagents"
_DROPPED = ("sample/dropped_stale_total", "batch/dropped_oversize_total")
"""What TRL's asynchronous trainers log of samples that they don't train on."""
_WAITED = ("perf/rollout_wait_s", "perf/step_s")
"""Seconds of a step in which they wait for rollouts, and all of them."""
_ACCURACY_FUNCTION = re.compile(r"rewards/[^/]*accuracy[^/]*/mean")
