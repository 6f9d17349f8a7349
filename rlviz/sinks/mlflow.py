"""To MLflow: each step as metrics, the config as parameters, figure and curves as artifacts."""

import csv
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from rlviz.record.sink import SinkCurve, SinkFigure, SinkRow, SinkRun
from rlviz.requirement import needed

_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 1000, 100
"""What MLflow takes in one call."""
_LONGEST_NAME, _LONGEST_PARAM = 250, 6000
_UNKNOWN = re.compile(r"[^A-Za-z0-9_./ -]")
_FOLDER = "rlviz"
_T = TypeVar("_T")


class MLflow:
    """Sends a run to MLflow: `Callback(…, also=[MLflow("http://…", experiment="swarm")])`.

    It is a run of its own there, and changes nothing of a script's active run. In a chart choose
    `rlviz/flops/total` as the x axis. Of names, characters that MLflow does not take become "_". A
    resumed run goes on in the same run there; steps after the checkpoint that are trained again are
    in it twice, for MLflow keeps what it has.

    Args:
        tracking_uri: of the server or the store; by default as `mlflow` itself chooses.
        experiment: its name, made if it is missing; by default MLFLOW_EXPERIMENT_NAME, else
            "Default".
        run_id: a run to add to, instead of a new one; who began it ends it.
        tags: further tags of the run.

    Raises:
        ImportError: mlflow or mlflow-skinny is missing or too old.
    """

    def __init__(
        self,
        tracking_uri: str | None = None,
        *,
        experiment: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        with needed("mlflow-skinny", "3.17", module=__name__, extra="mlflow"):
            import_module("mlflow")
        self._uri = tracking_uri
        self._experiment = experiment
        self._given = run_id
        self._tags = dict(tags or {})
        self._client: Any = None
        self._id: str | None = None

    def open(self, run: SinkRun) -> str | None:
        """Begin a run of MLflow, or go on with that of before."""
        self._client = client = import_module("mlflow").MlflowClient(self._uri)
        if self._id is None:
            self._id = self._given or run.resumed or self._create(run)
        if self._given is None:
            client.update_run(self._id, status="RUNNING")
        known = client.get_run(self._id).data.params  # which can't be changed
        settings = {_name(name): str(value) for name, value in run.config.items()}
        param = import_module("mlflow.entities").Param
        new = [
            param(name, text[:_LONGEST_PARAM])
            for name, text in settings.items()
            if name not in known
        ]
        for some in _cut(new, _PARAMS_AT_ONCE):
            client.log_batch(self._id, params=some)
        return self._id

    def _create(self, run: SinkRun) -> str:
        name = self._experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "Default"
        found = self._client.get_experiment_by_name(name)
        experiment = self._client.create_experiment(name) if found is None else found.experiment_id
        begun = self._client.create_run(experiment, run_name=run.name, tags=self._tags)
        return str(begun.info.run_id)

    def rows(self, rows: Sequence[SinkRow]) -> None:
        """Log steps under their own numbers."""
        metric = import_module("mlflow.entities").Metric
        metrics = [
            metric(_name(tag), value, round(1000 * row.wall_time), row.step)
            for row in rows
            for tag, value in row.values.items()
        ]
        for some in _cut(metrics, _METRICS_AT_ONCE):
            self._client.log_batch(self._id, metrics=some)

    def figure(self, figure: SinkFigure) -> None:
        """Put the picture, the summary and each curve's points, as CSV, in place of the last."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            (place / "figure.png").write_bytes(figure.png)
            (place / "summary.md").write_text(figure.summary, encoding="utf-8")
            (place / "curves").mkdir()
            for name, curve in figure.curves.items():
                _write(place / "curves" / f"{_name(name).replace('/', '_')}.csv", curve)
            self._client.log_artifacts(self._id, folder, _FOLDER)

    def close(self, success: bool) -> None:
        """End the run, unless the script began it."""
        if self._given is None:
            self._client.set_terminated(self._id, "FINISHED" if success else "FAILED")


def _name(name: str) -> str:
    """A name as every store of MLflow takes it.

    >>> _name("rlviz/val@8"), _name("./x//y/../z")
    ('rlviz/val_8', '_/x/_/y/__/z')
    """
    parts = [part or "_" for part in _UNKNOWN.sub("_", name).split("/")]
    whole = "/".join("_" * len(part) if set(part) == {"."} else part for part in parts)
    return whole[:_LONGEST_NAME]


def _cut(whole: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    for begin in range(0, len(whole), most):
        yield whole[begin : begin + most]


def _write(path: Path, curve: SinkCurve) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([curve.axis, "curve", "low", "high"])
        table.writerows(zip(curve.x, curve.y, curve.low, curve.high, strict=True))
