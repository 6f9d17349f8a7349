"""TensorBoard's way into the dashboard: loads the plugin and never fails.

TensorBoard imports this module at every start, whatever it is started for, and guards against
neither a failing nor a slow import. So this module imports nothing of rlviz before TensorBoard asks
for the plugin.
"""

import logging
from argparse import Namespace
from typing import TYPE_CHECKING

from tensorboard.plugins import base_plugin

if TYPE_CHECKING:
    from rlviz.dashboard.plugin import Plugin

_NAME = "rlviz"


class Loader(base_plugin.TBLoader):  # type: ignore[misc]  # TensorBoard has no types
    """The target of the entry point `tensorboard_plugins`."""

    def fix_flags(self, flags: Namespace) -> None:
        """Keep every batch of rows, unless the user chose otherwise: by default, TensorBoard keeps
        only a sample of 100, or of 10, of a plugin's tensors."""
        if isinstance(flags.samples_per_plugin, dict):
            flags.samples_per_plugin.setdefault(_NAME, 0)

    def load(self, context: base_plugin.TBContext) -> "Plugin | None":
        """The plugin; None if it can't be made, which TensorBoard takes as absent."""
        try:
            from rlviz.dashboard.plugin import Plugin

            return Plugin(context)
        except Exception:
            logging.getLogger("tensorboard").warning(
                "the page RL FLOPs of rlviz can't be loaded; TensorBoard goes on without it",
                exc_info=True,
            )
            return None
