"""TensorBoard's way into the dashboard: loads the plugin, and never fails.

TensorBoard imports this module at every start, whatever it is started for, and guards neither its
import nor its time. So nothing of rlviz is imported here before TensorBoard asks for the plugin.
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
        """Keep every batch of rows: of a plugin's tensors TensorBoard else keeps a sample of 100,
        or of 10. What a user asks for stands."""
        if isinstance(flags.samples_per_plugin, dict):
            flags.samples_per_plugin.setdefault(_NAME, 0)

    def load(self, context: base_plugin.TBContext) -> "Plugin | None":
        """The plugin; None where it can't be made, which TensorBoard takes for absent."""
        try:
            from rlviz.dashboard.plugin import Plugin

            return Plugin(context)
        except Exception:
            logging.getLogger("tensorboard").warning(
                "the page RL FLOPs of rlviz can't be loaded; TensorBoard goes on without it",
                exc_info=True,
            )
            return None
