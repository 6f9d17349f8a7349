"""The plugin as TensorBoard sees it: the tab, and who answers the page's requests."""

import logging
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from werkzeug import wrappers
from werkzeug.datastructures import MultiDict

from rlviz import schema
from rlviz.dashboard import assets
from rlviz.dashboard.routes import Application, Routes

if TYPE_CHECKING:
    from rlviz.dashboard.answers import Answers

_LOGGER = logging.getLogger("tensorboard")
_ENTRY = "/index.js"


class Plugin(base_plugin.TBPlugin):  # type: ignore[misc]  # TensorBoard has no types
    """The RL FLOPs page.

    Args:
        context: TensorBoard's; the plugin uses its data provider, how many rows it was told to
            keep, and where the runs are.
    """

    plugin_name = schema.PLUGIN

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._provider = context.data_provider
        self._sampling_hint = (context.sampling_hints or {}).get(schema.PLUGIN)
        self._root = _local(getattr(context.flags, "logdir", None))
        self._assets = assets.load()
        self._starting = threading.Lock()
        self._reading_ahead = threading.Lock()
        self._started: Answers | None = None
        self.server = secrets.token_hex(8)
        """Distinguishes this process from one that is started later on the same port."""

    def get_plugin_apps(self) -> dict[str, Application]:
        """Route -> WSGI application, for every route that the plugin answers."""
        return Routes(self._assets, self._answers, _asked, self._on_asset).apps()

    def is_active(self) -> bool:
        """False: TensorBoard itself checks whether any run has data of `data_plugin_names`."""
        return False

    def data_plugin_names(self) -> tuple[str, ...]:
        return (schema.PLUGIN,)

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The metadata of the tab. TensorBoard asks for it when its page opens or reloads, on any
        tab, so this is the time to read ahead."""
        self._read_ahead(RequestContext(), "")
        return base_plugin.FrontendMetadata(es_module_path=_ENTRY, tab_name="RL FLOPs")

    def _on_asset(self, name: str, request: wrappers.Request) -> None:
        if f"/{name}" == _ENTRY:  # the page opens and will soon ask for the runs
            self._read_ahead(*_asked(request))

    def _answers(self) -> "Answers":
        """The answers; made when first needed, because their imports take time."""
        with self._starting:
            if self._started is None:
                from rlviz.dashboard.answers import Answers
                from rlviz.dashboard.own_files import OwnFiles
                from rlviz.dashboard.rows import RowSource
                from rlviz.dashboard.store import Store

                source = RowSource(self._provider)
                own_files = OwnFiles(self._root)
                store = Store(source, sampling_hint=self._sampling_hint, own_files=own_files)
                self._started = Answers(store, server=self.server)
            return self._started

    def _read_ahead(self, context: Any, experiment: str) -> None:
        """Import and read what the page will ask for, while the page itself is loading.

        TensorBoard has one experiment, with an empty name; any other is read on request.
        """
        thread = threading.Thread(target=self._prepare, args=(context, experiment), daemon=True)
        with suppress(RuntimeError):  # no thread is left: the request that follows reads
            thread.start()

    def _prepare(self, context: Any, experiment: str) -> None:
        if not self._reading_ahead.acquire(blocking=False):
            return  # another thread is at it
        try:
            with np.errstate(all="ignore"):
                self._answers().runs(context, experiment, MultiDict())
        except Exception:
            _LOGGER.debug("rlviz could not read ahead", exc_info=True)  # a request says why
        finally:
            self._reading_ahead.release()


def _local(logdir: str | None) -> Path | None:
    """The directory of TensorBoard's runs if it is on this machine."""
    path = Path(logdir).expanduser() if logdir else None
    return path if path is not None and path.is_dir() else None


def _asked(request: wrappers.Request) -> tuple[Any, str]:
    """What the data provider needs to know about a request."""
    from tensorboard import plugin_util  # loads an HTML parser, as TensorBoard has done already

    environment = request.environ
    return plugin_util.context(environment), plugin_util.experiment_id(environment)
