"""The Callback that an integration records with: a ready one, or one opened as training begins."""

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlviz import conventions
from rlviz.callback import Callback
from rlviz.record import options as checks
from rlviz.record.compute import utilization


class DeferredCallback:
    """Checks the arguments when the integration is made, and opens the Callback later.

    Only when training begins does a process know its rank and the hyperparameters. Whoever opened
    the Callback closes it: one that came ready stays open.

    Args:
        logdir: the run directory, or a ready `rlviz.Callback`.
        options: the other arguments of `rlviz.Callback`; none with a ready one.

    Raises:
        TypeError, ValueError: as `rlviz.Callback` does, or options came with a ready Callback.
    """

    def __init__(
        self, logdir: str | os.PathLike[str] | Callback, options: Mapping[str, Any]
    ) -> None:
        self._logdir: Path | Callback
        self._options = dict(options)
        self.viz: Callback | None = None
        """None until it is open; it stays here when it is closed, for its `health`."""
        self._over = False
        self.is_ours = not isinstance(logdir, Callback)
        if isinstance(logdir, Callback):
            if options:
                raise TypeError(
                    f"{', '.join(options)} came with a ready Callback, which has its options "
                    "already. Pass them to rlviz.Callback(…) instead."
                )
            self._logdir = self.viz = logdir
            return
        given = inspect.signature(Callback).bind(logdir, **options)
        given.apply_defaults()
        self._logdir = checks.run_directory(logdir)
        names = ("config", "ema", "flush_seconds", "figure_seconds")
        checks.check(*(given.arguments[name] for name in names))
        if given.arguments["convention"] is not None:
            conventions.check(given.arguments["convention"])
        if not isinstance(given.arguments["device"], str):  # a name may warn, and once is enough
            utilization(given.arguments["device"], given.arguments["devices"])

    def open(self, **defaults: Any) -> Callback:
        """Open the Callback if none is open; what the user passed goes before defaults.

        After `close` this opens another one, for trainers that start again.

        Args:
            defaults: what the framework knows: `config`, `process_group`, `convention`.
        """
        if not isinstance(self._logdir, Callback) and (self.viz is None or self._over):
            self.viz, self._over = Callback(self._logdir, **{**defaults, **self._options}), False
        assert self.viz is not None
        return self.viz

    def close(self) -> None:
        """Close the Callback if it was opened here: the run is over."""
        if self.viz is not None and self.is_ours:
            self.viz.close()
            self._over = True
