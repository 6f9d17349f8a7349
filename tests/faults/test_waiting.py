"""One run's work does not wait for another's, and downloads that pile up are sent away."""

import threading
import time
import warnings
from urllib.parse import urlencode

import numpy as np
import pytest
from tensorboard.plugins import base_plugin
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

import rlviz
from rlviz import schema
from rlviz.dashboard.plugin import Plugin

with warnings.catch_warnings():  # of TensorBoard's own copy of html5lib
    warnings.simplefilter("ignore", DeprecationWarning)
    import tensorboard.plugin_util  # noqa: F401
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer

LONG = 300.0
"""Seconds that a test would hang for where it should not wait at all."""


class Slow:
    """TensorBoard's own provider, which does not answer for the rows of some runs for now."""

    def __init__(self, provider):
        self._provider = provider
        self.held = set()
        self.asked = threading.Semaphore(0)
        self.go_on = threading.Event()

    def list_tensors(self, *args, **options):
        return self._provider.list_tensors(*args, **options)

    def read_tensors(self, *args, run_tag_filter, **options):
        if self.held & set(run_tag_filter.runs):
            self.asked.release()
            assert self.go_on.wait(LONG)
        return self._provider.read_tensors(*args, run_tag_filter=run_tag_filter, **options)


class Page:
    """The plugin's WSGI application over a directory of runs."""

    def __init__(self, logdir):
        self.files = plugin_event_multiplexer.EventMultiplexer(
            tensor_size_guidance={schema.PLUGIN: 0}
        )
        self.logdir = str(logdir)
        self.reload()
        provider = data_provider.MultiplexerDataProvider(self.files, self.logdir)
        self.provider = Slow(provider)
        self.plugin = Plugin(base_plugin.TBContext(data_provider=self.provider))
        self.apps = self.plugin.get_plugin_apps()

    def reload(self):
        self.files.AddRunsFromDirectory(self.logdir)
        self.files.Reload()

    def get(self, route, **parameters):
        environ = EnvironBuilder(f"/{route}?{urlencode(parameters)}").get_environ()
        return Response(*run_wsgi_app(self.apps[f"/{route}"], environ))

    def start(self, route, **parameters):
        """Ask in a thread of its own; what is answered, later, is in the list."""
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(self.get(route, **parameters)), daemon=True
        )
        thread.start()
        return thread, answers


def train(logdir, first, last):
    with rlviz.Callback(logdir, figure_seconds=None) as viz:
        for step in range(first, last + 1):
            viz.on_step_end(step, correct=[1, 0, step % 2], flops=10**20)


@pytest.fixture
def page(tmp_path):
    for name in ("a", "b"):
        train(tmp_path / name, 1, 30)
    return Page(tmp_path)


def series(run):
    return {"run": run, "metric": "accuracy", "x": "step"}


@pytest.mark.slow
def test_a_run_that_is_known_is_answered_while_another_is_read(page, tmp_path):
    assert page.get("runs").status_code == 200
    train(tmp_path / "a", 31, 60)
    page.reload()
    time.sleep(2.1)  # what is known counts as fresh for 2 s
    page.provider.held = {"a"}
    reading, first = page.start("series", **series("a"))
    assert page.provider.asked.acquire(timeout=LONG)
    other, answers = page.start("series", **series("b"))
    other.join(LONG / 2)
    assert [answer.status_code for answer in answers] == [200]
    assert not first
    page.provider.go_on.set()
    reading.join(LONG)
    assert [answer.status_code for answer in first] == [200]


def test_rows_that_were_not_kept_are_read_again_without_holding_up_other_runs(page):
    assert page.get("runs").status_code == 200
    store = page.plugin._answers()._catalog
    store._loaded.remove("a")
    page.provider.held = {"a"}
    reading, first = page.start("series", **series("a"))
    assert page.provider.asked.acquire(timeout=LONG)
    store._loaded.remove("b")
    other, answers = page.start("series", **series("b"))
    other.join(LONG / 2)
    assert [answer.status_code for answer in answers] == [200]
    page.provider.go_on.set()
    reading.join(LONG)
    assert [answer.status_code for answer in first] == [200]
    assert store._loaded.get("a") is not None  # kept again


def test_a_series_that_is_being_computed_holds_up_its_own_run_alone(page):
    """The values of the metric come from a column that takes its time."""
    assert page.get("runs").status_code == 200
    go_on, asked = threading.Event(), threading.Event()

    class Late(dict):
        def get(self, name, default=None):
            asked.set()
            assert go_on.wait(LONG)
            return super().get(name, default)

    loaded = page.plugin._answers()._catalog._loaded.get("a")
    object.__setattr__(loaded.history, "columns", Late(loaded.history.columns))
    computing, first = page.start("series", run="a", metric="session", x="step")
    assert asked.wait(LONG)
    other, answers = page.start("series", **series("b"))
    other.join(LONG / 2)
    assert [answer.status_code for answer in answers] == [200]
    go_on.set()
    computing.join(LONG)
    assert [answer.status_code for answer in first] == [200]


@pytest.mark.slow
@pytest.mark.parametrize("route", ["figure", "rows"])
def test_of_downloads_that_pile_up_the_fifth_is_sent_away_and_told_when_to_ask_again(page, route):
    assert page.get("runs").status_code == 200
    page.plugin._answers()._catalog._loaded.remove("a")
    page.provider.held = {"a"}
    waiting = [page.start(route, run="a", x="step") for _ in range(4)]
    assert page.provider.asked.acquire(timeout=LONG)
    line = page.plugin._answers()._downloads._line
    deadline = time.monotonic() + LONG
    while line._value and time.monotonic() < deadline:  # until all four stand in line
        time.sleep(0.01)
    response = page.get(route, run="b", x="step")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.get_json()["error"] == (
        "downloads are made one at a time, and 4 are waiting already. Ask again in 5 seconds."
    )
    assert page.get("series", **series("b")).status_code == 200  # the page goes on
    page.provider.go_on.set()
    for thread, answers in waiting:
        thread.join(LONG)
        assert [answer.status_code for answer in answers] == [200]
    assert page.get(route, run="b", x="step").status_code == 200


def test_the_work_of_a_download_is_limited_before_it_is_done():
    from rlviz.dashboard import downloads

    run = rlviz.History({"step": np.arange(1.0, 5_000_001), "correct": np.zeros(5_000_000)})
    with pytest.raises(downloads.QueryError, match=r"at most 20,000,000 points .* has 25,000,000"):
        downloads.figure(
            {"a": run},
            x="step",
            metrics=[f"m{k}" for k in range(5)],
            log_x=False,
            forecast=False,
            format="svg",
        )
    wide = rlviz.History({f"metrics/m{k}": run.columns["step"] for k in range(3)} | run.columns)
    with pytest.raises(downloads.QueryError, match=r"at most 10,000,000 cells .* has 25,000,000"):
        downloads.table(wide, "step", (-np.inf, np.inf))
    small = downloads.table(wide, "step", (1.0, 10.0))
    assert small.count(b"\n") == 11
