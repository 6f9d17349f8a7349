"""To trackio: each step, the figure, and the points of its curves as tables."""

import io
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from rlviz import schema
from rlviz.record.sink import SinkFigure, SinkRow, SinkRun
from rlviz.requirement import needed


class Trackio:
    """Sends a run to trackio: `Callback(…, also=[Trackio("swarm")])`.

    It is a run of its own there, beside one that the script has. In the dashboard choose
    `rlviz/flops/total` as the x axis. A resumed run goes on in the same run there; steps after the
    checkpoint that are trained again are in it twice, for trackio keeps what it has.

    Args:
        project: the project's name.
        options: further arguments of `trackio.init`, such as `space_id`; by default the name is
            that of the run's directory, the config the callback's, and no metrics of the machine
            are sent.

    Raises:
        ImportError: trackio is missing or too old.
    """

    def __init__(self, project: str, **options: Any) -> None:
        with needed("trackio", "0.43", module=__name__, extra="trackio"):
            import_module("trackio")
        self._options = {"project": project, **options}
        self._run: Any = None

    def open(self, run: SinkRun) -> str | None:
        """Begin a run of trackio, or go on with that of before."""
        options: dict[str, Any] = {
            "name": run.resumed or run.name,
            "resume": "never" if run.resumed is None else "allow",
            "config": dict(run.config),
            "auto_log_gpu": False,
            "auto_log_cpu": False,
            "embed": False,
        }
        # trackio knows the run of a script by its context, and this thread has one of its own.
        self._run = import_module("trackio").init(**{**options, **self._options})
        return str(self._run.name)

    def rows(self, rows: Sequence[SinkRow]) -> None:
        """Log steps under their own numbers."""
        for row in rows:
            self._run.log(dict(row.values), step=row.step)

    def figure(self, figure: SinkFigure) -> None:
        """Log the picture, and each curve with its band as a table."""
        trackio = import_module("trackio")
        image = import_module("PIL.Image").open(io.BytesIO(figure.png))
        logged: dict[str, Any] = {schema.FIGURE_TAG: trackio.Image(image)}
        for name, curve in figure.curves.items():
            table = zip(curve.x, curve.y, curve.low, curve.high, strict=True)
            logged[schema.scalar_tag(f"curve/{name}")] = trackio.Table(
                columns=[curve.axis, "curve", "low", "high"], data=[list(point) for point in table]
            )
        self._run.log(logged, step=figure.step)

    def close(self, success: bool) -> None:
        """Finish the run."""
        self._run.finish()
