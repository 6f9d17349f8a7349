"""Whatever stands in the files of a run, every reader answers: with rows, or with damage in words.

The mutations of `mutations.py` keep the checksums valid, so nothing but the border stops them. A
failure names its seed: `mutated(files, random.Random(seed))` makes the files again.
"""

import contextlib
import io
import json
import os
import random
import resource
import shutil
import time
import warnings

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from werkzeug.datastructures import MultiDict

import rlviz
from rlviz import schema
from rlviz.dashboard import lines, series
from rlviz.dashboard.answers import Answers
from rlviz.dashboard.listing import listing_of
from rlviz.dashboard.query import QueryError
from rlviz.dashboard.rows import RowSource
from rlviz.dashboard.store import Store
from rlviz.report.doctor import examine
from rlviz.report.export.table_file import write

from .mutations import mutated

_MOST_SECONDS, _MOST_BYTES = 1.0, 200 << 20
CONTEXT = RequestContext()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a run of two sessions with groups, phases, agents and metrics."""
    logdir = tmp_path_factory.mktemp("mutations") / "run"
    stages = [(2, [3, 4]), (1, [2])]
    state = None
    for steps in (range(1, 31), range(21, 51)):
        viz = rlviz.Callback(logdir, figure_seconds=None)
        if state is not None:
            viz.load_state_dict(state)
        for step in steps:
            viz.record(correct=[1, 0, step % 2], group="math")
            viz.record(correct=[1], group="code")
            viz.record(parallelism=[rlviz.parallelism.critical_steps(stages)])
            viz.on_step_end(
                step,
                parallelism=[1 + step % 5],
                flops={"rollout": 10**16 + step, "update": 3 * step},
                seconds={"rollout": 0.5},
                metrics={"loss": 1 / step, "kl": 0.1 if step % 7 else float("nan"), "tokens": 9},
            )
            assert step % 5 or viz.flush(30)
            if step == 20:
                state = viz.state_dict()
        assert viz.close(30)
    return {path.name: path.read_bytes() for path in logdir.iterdir()}


def read_in_every_way(logdir, turn):
    """Ask every reader; the slow ones take turns."""
    try:
        run = rlviz.read(logdir)
    except FileNotFoundError:  # not one row
        run = None
    try:
        diagnosis = examine(logdir)
        json.dumps(diagnosis.to_dict(), allow_nan=False)
        assert diagnosis.text()
    except FileNotFoundError:
        assert run is None or not len(run)
        return
    if run is None or not len(run):
        return
    assert repr(run)
    if turn % 3 == 0:
        write(run, io.BytesIO(), ("csv", "jsonl")[turn % 2])
    json.dumps(listing_of(run, ()), allow_nan=False)
    if turn % 40 == 0:
        json.dumps(rlviz.summarise(run).to_dict())
    if turn % 40 == 1:
        for metric in ("accuracy", "average_parallelism", *run.metrics[:1]):
            try:
                x = ("flops", "step", "wall_time", "tokens")[turn % 4]
                points = series.points(run, metric, x, log=bool(turn % 2))
            except QueryError:  # it has no such metric or axis
                continue
            if len(points.y):
                lines.whole(run, points, lines.AUTO)
    if turn % 200 == 2:
        rlviz.figure(run).png(dpi=40)


def read_by_the_page(logdir, turn):
    """Ask as the page does, by what TensorBoard makes of the files."""
    multiplexer = EventMultiplexer(tensor_size_guidance={schema.PLUGIN: 0})
    multiplexer.AddRunsFromDirectory(os.fspath(logdir.parent))
    with contextlib.suppress(Exception):  # TensorBoard's own, of records of any claimed length
        multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, os.fspath(logdir.parent))
    answers = Answers(Store(RowSource(provider)), server="a server")
    known = json.loads(answers.runs(CONTEXT, "", {}).content)["runs"]
    for run in known:
        asked = MultiDict({"run": run["name"], "metric": "accuracy"})
        asked["x"] = ("flops", "step", "wall_time", "tokens")[turn % 4]
        if run["metrics"]:
            asked["metric"] = run["metrics"][turn % len(run["metrics"])]
        with contextlib.suppress(QueryError):  # it has no such axis, or no steps
            if turn % 40 == 5:
                answers.series(CONTEXT, "", asked)
            if turn % 40 == 10:
                answers.rows(CONTEXT, "", asked)


@pytest.mark.parametrize(
    ("cases", "every"),  # TensorBoard takes four times as long as all readers, so it takes turns
    [
        (100, 5),
        pytest.param(2000, 5, marks=pytest.mark.slow),
        pytest.param(1_000_000, 1, marks=[pytest.mark.soak, pytest.mark.timeout(200_000)]),
    ],
)
def test_no_mutation_makes_a_reader_raise_or_wait_or_take_all_memory(
    files, tmp_path, rng, ran, noted, cases, every
):
    first = rng.randrange(2**32)
    logdir = tmp_path / "run"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    slowest = 0.0
    for seed in range(first, first + cases):
        shutil.rmtree(logdir, ignore_errors=True)
        logdir.mkdir()
        for name, content in mutated(files, random.Random(seed)).items():
            (logdir / name).write_bytes(content)
        began = time.process_time()
        try:
            with warnings.catch_warnings():  # NumPy's, of overflows
                warnings.simplefilter("ignore", RuntimeWarning)
                read_in_every_way(logdir, seed)
                if seed % every == 0:
                    read_by_the_page(logdir, seed)
        except Exception as error:
            raise AssertionError(f"mutation {seed} of {os.fspath(logdir)}") from error
        slowest = max(slowest, time.process_time() - began)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert taken <= _MOST_BYTES
    ran(mutations_read=cases)
    noted(
        f"the slowest of {cases:,} mutations took {slowest:.2f} s of CPU (target "
        f"{_MOST_SECONDS:.0f}), and all of them {taken / 2**20:.0f} MiB more than before"
    )
