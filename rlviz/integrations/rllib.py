"""RLlib's new API stack: callbacks for `AlgorithmConfig.callbacks`, with and without Tune.

What is read: `is_success` in the last info of an episode (of each agent that has it) as accuracy,
else a metric `accuracy` that your own callbacks log in the env runners; returns of the episodes
that ended as the metric `return`; losses, entropies and KL of the learners; env steps so far. FLOPs
are those of the RLModules' real passes, wherever they run: `rollout` in env runners, `update` in
learners, `evaluation` in evaluation. Env runners send theirs with their metrics; the Algorithm asks
learners for theirs once for each result.

What can't be known: a learner's value estimates before its update apart from that, what a learner
or an env runner had counted when it died, and FLOPs of modules that are not torch's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from rlviz import conventions
from rlviz.callback import Callback
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import as_accuracy, scalars
from rlviz.integrations.support.phases import Phases
from rlviz.record.options import run_directory
from rlviz.requirement import needed

with needed("ray", "2.52", module=__name__, extra="rllib"):
    from ray.rllib.callbacks.callbacks import RLlibCallback
    from ray.rllib.core.rl_module.multi_rl_module import MultiRLModule
    from ray.rllib.utils.metrics.stats.item_series import ItemSeriesStats  # noqa: F401

_KEY = "rlviz"
_STATE = "rlviz_state"
"""Where the metrics of an Algorithm, which are part of its checkpoints, hold the run's state."""


class RLVizCallback:
    """Makes the callbacks that record an Algorithm: `config.callbacks(RLVizCallback("runs/ppo"))`.

    A step is a training iteration. The object goes to all of RLlib's processes, but only that of
    the Algorithm opens files. Its state is part of the Algorithm's checkpoints. Under Tune, each
    trial writes into a folder of `logdir` with the name of its own folder.

    Args:
        logdir: the run directory, as of `rlviz.Callback`; a relative one starts at this process.
        **options: further arguments of `rlviz.Callback`; bad ones raise when the run is opened.

    Example:
        `PPOConfig().environment("CartPole-v1").callbacks(RLVizCallback("runs/ppo"))`
    """

    def __init__(self, logdir: str | os.PathLike[str], **options: Any) -> None:
        self._logdir = str(run_directory(logdir))
        self._options = with_convention(options, conventions.EXACT)

    def __call__(self) -> RLVizHooks:
        """Make the hooks; RLlib calls this in each of its processes."""
        return RLVizHooks(self._logdir, self._options)


class RLVizHooks(RLlibCallback):  # type: ignore[misc]  # the framework may be missing
    """The hooks that RLlib calls, in the Algorithm's process and in env runners."""

    def __init__(self, logdir: str, options: Mapping[str, Any]) -> None:
        self._logdir = logdir
        self._options = options
        self._phases = Phases()
        self._state: str | None = None
        self.viz: Callback | None = None
        """The open callback, in the process of the Algorithm."""

    # --- in an env runner ---------------------------------------------------

    def on_episode_created(self, *, env_runner: Any, **kwargs: Any) -> None:
        """Watch the module, which is there by now and has done nothing yet."""
        self._phases.watch(*_modules(env_runner.module))

    def on_episode_end(
        self,
        *,
        episode: Any,
        metrics_logger: Any,
        prev_episode_chunks: Any = (),
        **kwargs: Any,
    ) -> None:
        """Log an episode's return and success; it may have come in several chunks."""
        chunks = [*(prev_episode_chunks or ()), episode]
        log = partial(metrics_logger.log_value, reduce="item_series")
        log((_KEY, "returns"), float(sum(chunk.get_return() for chunk in chunks)))
        for success in _successes(episode):
            log((_KEY, "correct"), float(success))

    def on_sample_end(self, *, metrics_logger: Any, **kwargs: Any) -> None:
        """Hand the FLOPs on to the Algorithm."""
        self._phases.end("rollout")
        for count in self._phases.take().values():
            metrics_logger.log_value((_KEY, "flops"), count, reduce="item_series")

    # --- in the process of the Algorithm ------------------------------------

    def on_algorithm_init(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Open the run."""
        if not algorithm.config.enable_rl_module_and_learner:
            raise ValueError(
                "rlviz.integrations.rllib needs RLlib's new API stack, which this config turns "
                "off. Leave config.api_stack() as it is by default."
            )
        storage = getattr(algorithm, "_storage", None)  # Tune's; `trial_name` is "default" there
        if storage is not None:
            self._logdir = os.path.join(self._logdir, storage.trial_dir_name)
        self._open(algorithm)
        _ask_learners(algorithm)  # which begin to count
        stop = algorithm.cleanup  # RLlib has no hook for the end

        def cleanup() -> None:
            if self.viz is not None:
                self.viz.close()
            stop()

        algorithm.cleanup = cleanup

    def _open(self, algorithm: Any) -> None:
        config = algorithm.config
        settings = {
            name: getattr(config, name)
            for name in ("num_env_runners", "num_envs_per_env_runner", "num_learners", "lr")
            if isinstance(getattr(config, name, None), (int, float))
        }
        settings["algorithm"] = type(algorithm).__name__
        self.viz = Callback(self._logdir, **{"config": settings, **self._options})

    def on_evaluate_end(self, *, evaluation_metrics: dict[str, Any], **kwargs: Any) -> None:
        """Record its FLOPs here: the result of `on_train_result` repeats the last evaluation's."""
        runners = evaluation_metrics.get("evaluation", evaluation_metrics).get("env_runners", {})
        for count in _own(runners).get("flops", ()):
            if self.viz is not None:
                self.viz.record(flops={"evaluation": count})

    def on_train_result(
        self, *, algorithm: Any, metrics_logger: Any, result: dict[str, Any], **kwargs: Any
    ) -> None:
        """Record the iteration."""
        viz = self._resumed(algorithm, result.pop(_STATE, None))
        runners = result.get("env_runners", {})
        own = _own(runners)
        metrics: dict[str, Any] = {}
        if own.get("correct"):
            viz.record(correct=own["correct"])
        elif (accuracy := as_accuracy("accuracy", runners.get("accuracy"))) is not None:
            viz.record(accuracy=accuracy)
        for value in own.get("returns", ()):
            viz.record(metrics={"return": value})
        for count in own.get("flops", ()):
            viz.record(flops={"rollout": count})
        for flops in _ask_learners(algorithm):
            viz.record(flops=flops)
        if (steps := runners.get("num_env_steps_sampled_lifetime")) is not None:
            metrics["env_steps"] = steps
        for module, values in result.get("learners", {}).items():
            if isinstance(values, Mapping):
                named = {k: v for k, v in values.items() if any(w in k for w in _OF_LEARNERS)}
                metrics.update(scalars(named, under=f"learners/{module}/"))
        viz.on_step_end(result["training_iteration"], metrics=scalars(metrics))
        self._state = json.dumps(viz.state_dict())
        metrics_logger.log_value(_STATE, self._state, reduce="item")

    def _resumed(self, algorithm: Any, state: str | None) -> Callback:
        """The open callback; of a new session once a checkpoint was loaded.

        The metrics, and with them the state, are those of the last iteration, or of a checkpoint.
        """
        assert self.viz is not None
        if state is not None and state != self._state:
            if self.viz.health.logged:
                self.viz.close()
                self._open(algorithm)
            self.viz.load_state_dict(json.loads(state))
        return self.viz


_OF_LEARNERS = ("loss", "entropy", "kl")


def _own(metrics: dict[str, Any]) -> dict[str, list[Any]]:
    """Take what our hooks logged in env runners out of a result.

    RLlib gives the item itself for a series of one.
    """
    own = metrics.pop(_KEY, None)
    series = own if isinstance(own, dict) else {}
    return {name: each if isinstance(each, list) else [each] for name, each in series.items()}


def _successes(episode: Any) -> list[Any]:
    """`is_success` of the last step: of the one agent, or of each that has it."""
    info = episode.get_infos(-1)
    infos = [info, *info.values()] if isinstance(info, Mapping) else []
    return [
        each["is_success"] for each in infos if isinstance(each, Mapping) and "is_success" in each
    ]


def _modules(module: Any) -> list[Any]:
    """The torch modules of an RLModule, single or several."""
    several = module.values() if isinstance(module, MultiRLModule) else [module]
    return [each for each in several if hasattr(each, "register_forward_hook")]


def _count(learner: Any) -> dict[str, int]:
    """FLOPs of a learner since the last call; runs in its process."""
    phases: Phases = learner.__dict__.setdefault("rlviz_phases", Phases())
    phases.end("update")
    phases.watch(*_modules(learner.module))
    return phases.take()


def _ask_learners(algorithm: Any) -> list[dict[str, int]]:
    """FLOPs of the learners since the last call; those that don't answer are left out."""
    answers = algorithm.learner_group.foreach_learner(_count)
    return [answer.get() for answer in answers.ignore_errors()]
