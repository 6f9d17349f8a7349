"""Accelerate: a tracker for `Accelerator(log_with=…)`.

What is read: what the script passes to `accelerator.log`. Values under `correct`, `accuracy`,
`graded`, `parallelism` and `flops` are those of `rlviz.Callback.record`, values under
`flops/<phase>` are FLOPs of a phase; every other number is a metric; texts and lists are left out.
`flops` is what was spent since the last call, not a running total. The `config` of `init_trackers`
fills TensorBoard's HParams tab.

What can't be known: whatever the script doesn't log. Accelerate counts neither answers nor FLOPs;
`watch` counts the FLOPs of a module's real passes on the main process. The run has what other
processes did if you gather it before you log it, for Accelerate logs on the main process alone.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping
from typing import Any

from rlviz.callback import Callback
from rlviz.integrations.support.metrics import scalars
from rlviz.record.compute import Watched
from rlviz.record.options import run_directory
from rlviz.record.rows import closed_step
from rlviz.requirement import needed

with needed("accelerate", "1.0", module=__name__, extra="accelerate"):
    from accelerate import PartialState
    from accelerate.state import is_initialized
    from accelerate.tracking import GeneralTracker

_RECORDED = ("correct", "accuracy", "graded", "parallelism", "flops")
_PHASE = "flops/"


def _record(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a script logs, as the arguments of `rlviz.Callback.record`."""
    recorded = {name: values[name] for name in _RECORDED if values.get(name) is not None}
    phases = {name[len(_PHASE) :]: values[name] for name in values if name.startswith(_PHASE)}
    if phases:
        if "flops" in recorded:
            raise ValueError(
                f"accelerator.log() got 'flops' together with {_PHASE + min(phases)!r}, which "
                "would count twice. Log the whole, or its phases."
            )
        recorded["flops"] = phases
    rest = {name: values[name] for name in values if name not in _RECORDED}
    metrics = {name: value for name, value in rest.items() if not name.startswith(_PHASE)}
    return {"metrics": scalars(metrics), **recorded}


class RLVizTracker(GeneralTracker):  # type: ignore[misc]  # the framework may be missing
    """Records what a script passes to `accelerator.log`.

    All calls with one `step` are one step: micro-batches add up, and an evaluation after the step
    is part of it. It closes when another step is logged, a checkpoint is saved or the run ends;
    what is logged for it after a checkpoint counts in the step that follows. A call without `step`
    is a step of its own. `accelerator.register_for_checkpointing(tracker)` puts the state into the
    checkpoints of `save_state`; after `load_state` the run goes on from there.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        **options: further arguments of `rlviz.Callback`.

    `init_trackers(config=…)`, or else the first use, opens the `rlviz.Callback`, which raises there
    for bad options.

    Example:
        >>> import tempfile
        >>> from accelerate import Accelerator
        >>> tracker = RLVizTracker(tempfile.mkdtemp(), figure_seconds=None)
        >>> accelerator = Accelerator(cpu=True, log_with=tracker)
        >>> accelerator.init_trackers("bandit", config={"lr": 0.01})
        >>> accelerator.log({"accuracy": 0.5, "flops/update": 10**9, "loss": 0.7}, step=1)
        >>> accelerator.end_training()
        >>> tracker.viz.health.written
        1
    """

    name = "rlviz"
    requires_logging_directory = False

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        **options: Any,
    ) -> None:
        super().__init__()
        if "process_group" in options:
            raise TypeError(
                "RLVizTracker takes no process_group: Accelerate logs on the main process alone. "
                "Gather what you log, with accelerator.gather(correct), or make an rlviz.Callback "
                "on every process, which adds up what each of them records."
            )
        self._logdir = run_directory(logdir)
        self._options = options
        self._state: dict[str, Any] = {}
        self._watched: list[Watched] = []
        self._open_step: int | None = None
        self._saved_step: int | None = None
        self._finished = False
        self._viz: Callback | None = None

    @property
    def viz(self) -> Callback | None:
        """The open callback; None on a process that writes nothing."""
        if self._viz is None and not self._finished and self._records():
            self._open({})
        return self._viz

    @property
    def tracker(self) -> Callback | None:
        """What `accelerator.get_tracker("rlviz", unwrap=True)` gives: `viz`."""
        return self.viz

    def _records(self) -> bool:
        if not is_initialized():
            raise RuntimeError(
                "RLVizTracker was used before the Accelerator was made. Make that first: "
                "accelerator = Accelerator(log_with=tracker)."
            )
        return bool(PartialState().is_main_process)

    def _open(self, config: Mapping[str, Any]) -> None:
        self._viz = Callback(self._logdir, **{"config": dict(config) or None, **self._options})
        if self._state:
            self._viz.load_state_dict(self._state)
        atexit.register(self._close_step)  # before the callback closes itself

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Open the run with the hyperparameters that `init_trackers` was given."""
        if self._viz is None and self._records():
            self._open(values)

    def watch(self, module: Any, *, phase: str = "update") -> None:
        """Count the FLOPs of a module's passes in this phase, from now on.

        What ran up to a call of `accelerator.log` is part of that call's step. The module may be as
        it is before or after `prepare`; see `rlviz.Callback.watch`.
        """
        if self._records():
            self._watched.append(Watched(module, phase))

    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Add to a step.

        Raises:
            ValueError, TypeError: as `rlviz.Callback.record`, for what can't be an accuracy, a
                parallelism or a count of FLOPs.
        """
        viz = self.viz
        if viz is None:
            return
        if step is None or step not in (self._open_step, self._saved_step):
            self._close_step()
        viz.record(**_record(values))
        for watched in self._watched:
            viz.record(flops={watched.phase: watched.take()})
        if step is None:
            self._end_step(viz, None)
        elif step != self._saved_step:
            self._open_step = step

    def _end_step(self, viz: Callback, step: int | None) -> None:
        for watched in self._watched:
            watched.end_step()
        viz.on_step_end(step)

    def _close_step(self) -> None:
        if self._viz is not None and self._open_step is not None:
            self._end_step(self._viz, self._open_step)
            self._open_step = self._saved_step = None

    def finish(self) -> None:
        """Write it all; `accelerator.end_training` calls it."""
        self._close_step()
        self._finished = True
        atexit.unregister(self._close_step)
        for watched in self._watched:
            watched.close()
        self._watched.clear()
        if self._viz is not None:
            self._viz.close()

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint, which holds the weights after the open step."""
        viz = self.viz
        if viz is None:
            return {}
        if self._open_step is not None:
            step = self._open_step
            self._close_step()
            self._saved_step = step
        return viz.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From the checkpoint, before the first step."""
        self._state = state
        self._saved_step = closed_step(state) if state else None
        if self._viz is not None and state:
            self._viz.load_state_dict(state)
