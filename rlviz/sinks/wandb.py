"""To Weights & Biases: each step over RL FLOPs, the figure, and its curves as charts."""

import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from rlviz import schema
from rlviz.record.sink import SinkFigure, SinkRow, SinkRun
from rlviz.requirement import needed

_STEP = "rlviz_step"
"""Beside the metrics of `rlviz/…`, one of which may be called "step"."""
_FLOPS = schema.scalar_tag(f"flops/{schema.TOTAL}")
_OURS = schema.scalar_tag("*")
_QUIET = {
    "console": "off",
    "disable_git": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


class WandB:
    """Sends a run to wandb: `Callback(…, also=[WandB(project="swarm")])`.

    It is a run of its own there, beside one that the script has. All of its charts have RL FLOPs as
    x, or steps where the first step brought no FLOPs. Nothing else of the machine is sent, no
    console output, code, git state or system metrics, unless `settings` say so. A resumed run goes
    on in the same run there; steps after the checkpoint that are trained again are in it twice, for
    wandb keeps what it has.

    Args:
        run: a run of `wandb.init` to add to, instead of a new one; who began it ends it. Its own
            step grows with each of ours, so log to it without `step=`.
        options: the arguments of `wandb.init`, such as `project`, `entity`, `group`, `mode`; by
            default the name is that of the run's directory, the config the callback's. A mapping of
            `settings` adds to those that send nothing of the machine, a `wandb.Settings` takes
            their place.

    Raises:
        ImportError: wandb is missing or too old.
        TypeError: both a run and options came.
    """

    def __init__(self, *, run: Any = None, **options: Any) -> None:
        with needed("wandb", "0.31", module=__name__, extra="wandb"):
            import_module("wandb")
        if run is not None and options:
            raise TypeError(
                f"{', '.join(options)} came with a run, which has its options already. Pass them "
                "to wandb.init, or leave run out."
            )
        self._given, self._options = run, options
        self._run: Any = None
        self._x = ""
        self._last: dict[str, float] = {}

    def open(self, run: SinkRun) -> str | None:
        """Begin a run of wandb, or go on with that of before."""
        wandb = import_module("wandb")
        if self._given is not None:
            self._run = self._given
            return str(self._run.id)
        options = {"name": run.name, "config": dict(run.config), **self._options}
        mode = options.get("mode") or wandb.setup().settings.mode
        if mode in ("online", "shared") and not wandb.login(prompt=False):
            raise RuntimeError(
                "wandb has no API key on this machine. Run `wandb login`, or keep the run here: "
                'WandB(mode="offline")'
            )
        options.setdefault("id", run.resumed)
        options.setdefault("resume", "allow" if options["id"] else None)
        settings = options.get("settings") or {}
        if isinstance(settings, Mapping):
            options["settings"] = wandb.Settings(**{**_QUIET, **settings})
        self._run = wandb.init(reinit="create_new", **options)
        return str(self._run.id)

    def rows(self, rows: Sequence[SinkRow]) -> None:
        """Log steps, each as one row of its history."""
        if not self._x:
            self._x = _FLOPS if _FLOPS in rows[0].values else _STEP
            self._run.define_metric(self._x)
            self._run.define_metric(_OURS, step_metric=self._x)
        for row in rows:
            self._last = {_STEP: row.step}
            if _FLOPS in row.values:
                self._last[_FLOPS] = row.values[_FLOPS]
            self._run.log({**row.values, **self._last, "_timestamp": row.wall_time})

    def figure(self, figure: SinkFigure) -> None:
        """Log the picture, and each curve with its band as a chart of lines."""
        wandb = import_module("wandb")
        image = import_module("PIL.Image").open(io.BytesIO(figure.png))
        logged: dict[str, Any] = {schema.FIGURE_TAG: wandb.Image(image)}
        for name, curve in figure.curves.items():
            lines = {"curve": curve.y, "low": curve.low, "high": curve.high}
            logged[schema.scalar_tag(f"curve/{name}")] = wandb.plot.line_series(
                xs=list(curve.x),
                ys=[[y if y == y else None for y in line] for line in lines.values()],
                keys=list(lines),
                title=name,
                xname=curve.axis,
            )
        self._run.log({**logged, **self._last})

    def close(self, success: bool) -> None:
        """Finish the run, unless the script began it."""
        if self._given is None:
            self._run.finish(exit_code=0 if success else 1)
