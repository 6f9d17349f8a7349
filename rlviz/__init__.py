"""rlviz draws what reinforcement learning buys with its compute.

``rlviz.Callback`` records a training run, ``rlviz.read`` reads one back, ``rlviz.figure`` draws
accuracy and average parallelism over cumulative RL FLOPs, ``rlviz.summarise`` says in words what
happened. Names are resolved when they are first used (PEP 562), so that ``import rlviz`` costs a
training script nothing: neither torch nor tensorboard nor matplotlib is loaded by it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from rlviz._version import __version__ as __version__

if TYPE_CHECKING:
    from rlviz import flops as flops
    from rlviz import parallelism as parallelism
    from rlviz import scaling as scaling
    from rlviz import schema as schema
    from rlviz import sinks as sinks
    from rlviz import smooth as smooth
    from rlviz.accuracy import Accuracy as Accuracy
    from rlviz.callback import Callback as Callback
    from rlviz.dashboard.file import page as page
    from rlviz.importers import import_run as import_run
    from rlviz.importers import import_runs as import_runs
    from rlviz.record.sender import Sender as Sender
    from rlviz.report.compare import Comparison as Comparison
    from rlviz.report.compare import compare as compare
    from rlviz.report.doctor import examine as examine
    from rlviz.report.export import export as export
    from rlviz.report.figure import figure as figure
    from rlviz.report.history import History as History
    from rlviz.report.history import read as read
    from rlviz.report.summary import Summary as Summary
    from rlviz.report.summary import summarise as summarise

# public name -> (module, name in it; None stands for the module itself)
_PUBLIC = {
    "Accuracy": ("rlviz.accuracy", "Accuracy"),
    "Callback": ("rlviz.callback", "Callback"),
    "Comparison": ("rlviz.report.compare", "Comparison"),
    "History": ("rlviz.report.history", "History"),
    "Sender": ("rlviz.record.sender", "Sender"),
    "Summary": ("rlviz.report.summary", "Summary"),
    "compare": ("rlviz.report.compare", "compare"),
    "examine": ("rlviz.report.doctor", "examine"),
    "export": ("rlviz.report.export", "export"),
    "figure": ("rlviz.report.figure", "figure"),
    "flops": ("rlviz.flops", None),
    "import_run": ("rlviz.importers", "import_run"),
    "import_runs": ("rlviz.importers", "import_runs"),
    "page": ("rlviz.dashboard.file", "page"),
    "parallelism": ("rlviz.parallelism", None),
    "read": ("rlviz.report.history", "read"),
    "scaling": ("rlviz.scaling", None),
    "schema": ("rlviz.schema", None),
    "sinks": ("rlviz.sinks", None),
    "smooth": ("rlviz.smooth", None),
    "summarise": ("rlviz.report.summary", "summarise"),
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'rlviz' has no attribute {name!r}")
    module_name, attribute = _PUBLIC[name]
    module = import_module(module_name)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
