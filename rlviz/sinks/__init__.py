"""Where a run can go beside its directory: wandb, trackio, MLflow, or a tracker of your own.

| name | tracker | extra |
|---|---|---|
| `WandB` | Weights & Biases | `rlviz[wandb]` |
| `Trackio` | trackio | `rlviz[trackio]` |
| `MLflow` | MLflow | `rlviz[mlflow]` |

`rlviz.Callback(…, also=[rlviz.sinks.WandB(project="swarm")])` sends the written steps, the figure
and the points of its curves there. Making one imports its package. An object with the four methods
of `Sink` is a sink, too.
"""

from rlviz.record.sink import Sink, SinkCurve, SinkFigure, SinkRow, SinkRun
from rlviz.sinks.mlflow import MLflow
from rlviz.sinks.trackio import Trackio
from rlviz.sinks.wandb import WandB

__all__ = [
    "MLflow",
    "Sink",
    "SinkCurve",
    "SinkFigure",
    "SinkRow",
    "SinkRun",
    "Trackio",
    "WandB",
]
