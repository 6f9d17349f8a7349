"""One module for each framework, which translates its hooks and computes nothing.

| module | name | framework |
|---|---|---|
| `rlviz.integrations.transformers` | `RLVizCallback` | Hugging Face Trainer, all trainers of TRL |
| `rlviz.integrations.accelerate` | `RLVizTracker` | Accelerate |
| `rlviz.integrations.verl` | `RLVizLogger` | verl |
| `rlviz.integrations.stable_baselines3` | `RLVizCallback` | Stable-Baselines3 |
| `rlviz.integrations.lightning` | `RLVizCallback` | Lightning |
| `rlviz.integrations.rllib` | `RLVizCallback` | RLlib, new API stack |
| `rlviz.integrations.torchrl` | `RLVizHook` | TorchRL |
| `rlviz.integrations.tianshou` | `RLVizLogger` | Tianshou |
| `rlviz.integrations.skyrl` | `RLVizCallback` | SkyRL |
| `rlviz.integrations.slime` | `RLVizLogger` | slime |
| `rlviz.integrations.nemo_rl` | `RLVizLogger` | NeMo-RL |
| `rlviz.integrations.openrlhf` | `RLVizLogger` | OpenRLHF |
| `rlviz.integrations.opentelemetry` | `RLVizSpanProcessor` | OpenTelemetry |

Import the one that you need: nothing is imported here, so that no framework is loaded by asking for
another. A framework that is missing or too old is an ImportError with the command to run. A plain
loop, DDP and Ray Train need none of them: there `rlviz.Callback` is used itself. For a loop or a
framework that has no module here there are two parts, loaded when they are first used (PEP 562):

| name | what it does |
|---|---|
| `rlviz.integrations.Phases` | counts the FLOPs of modules, told apart by phase |
| `rlviz.integrations.LoggedSteps` | records a run of which nothing is known but what it logs |
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlviz.integrations.support.logged import LoggedSteps as LoggedSteps
    from rlviz.integrations.support.phases import Phases as Phases

_MODULES = {"LoggedSteps": "support.logged", "Phases": "support.phases"}

__all__ = ["LoggedSteps", "Phases"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
