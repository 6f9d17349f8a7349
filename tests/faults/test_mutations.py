"""Whatever stands in the files of a run, every reader answers: with rows, or with damage in words.

Most mutations of `mutations.py` keep the checksums valid, so nothing but the border stops them.

What each of the mutations goes through, and what only some do, by what it costs:

- Each is taken apart and merged into a run, as `rlviz.read` does once it has a file's bytes.
- Each that shows anything not seen before (a kind of value in a column, a field of a header, a
  complaint, another count of rows, sessions or gaps) and every 20th of the others is told of: it is
  written to disk, read by `rlviz.read`, and goes to the doctor, the list of runs and `repr`, and in
  turns, by what they cost, to the table, the page's curves, the summary and the figure.
- Every 100th is read by TensorBoard, too, and asked for as the page does.
- Every 250th is one of a run of 60 rows, and the others of runs of three to five.

So the border has each, and what stands behind it has few of those that look alike to it.
"""

import contextlib
import io
import json
import os
import random
import re
import resource
import shutil
import time
import traceback
import warnings
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
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
from rlviz.report.history.batches import Batch, FileDamage, Piece, items_in
from rlviz.report.history.files import Contents
from rlviz.report.history.history import merged

from .mutations import mutated

_MOST_SECONDS, _MOST_BYTES = 1.0, 200 << 20
_SURELY_TOO_SLOW = 3.0
"""CPU seconds that no reader takes on a machine whose caches others use, too."""
_TELL, _BY_TENSORBOARD, _OF_THE_LONG = 20, 100, 250
"""Every so many mutations are told of, read by TensorBoard, and of the long run."""
CONTEXT = RequestContext()
_AXES = ("flops", "step", "wall_time", "tokens")


def _written(logdir):
    return {path.name: path.read_bytes() for path in sorted(logdir.iterdir())}


def _recorded(logdir, sessions, flush_every, **options):
    """The files of a run with groups, phases, agents and metrics, of one session or several."""
    stages = [(2, [3, 4]), (1, [2])]
    state = None
    for number, steps in enumerate(sessions):
        viz = rlviz.Callback(logdir, figure_seconds=None, **options)
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
            assert step % flush_every or viz.flush(30)
            if number + 1 < len(sessions) and step == sessions[number + 1][0] - 1:
                state = viz.state_dict()
        assert viz.close(30)
    return _written(logdir)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """The files of a run of two sessions and 60 rows."""
    logdir = tmp_path_factory.mktemp("mutations") / "run"
    return _recorded(logdir, [range(1, 31), range(21, 51)], 5)


@pytest.fixture(scope="module")
def short_runs(tmp_path_factory):
    """The files of short runs: resumed, of one session, with a configuration and MFU, imported."""
    base = tmp_path_factory.mktemp("mutations")
    log = base / "log.csv"
    log.write_text("step,reward,tokens,loss\n1,0.1,900,2\n2,0.2,950,1\n5,0.4,910,0.5\n")
    assert rlviz.import_run(log, base / "imported", params=1e9)
    with rlviz.Callback(base / "bare", figure_seconds=None) as viz:
        for step in (1, 2, 3):
            viz.on_step_end(step, accuracy=step / 4, flops=10**30)
    configured = {"config": {"lr": 1e-4, "a": {"b": "x"}}, "device": 1e15, "convention": "6N"}
    return [
        _recorded(base / "resumed", [range(1, 4), range(3, 5)], 2),
        _recorded(base / "one session", [range(1, 5)], 2),
        _recorded(base / "configured", [range(1, 4)], 3, **configured),
        _written(base / "imported"),
        _written(base / "bare"),
    ]


# --- every reader ------------------------------------------------------------------


def at_the_border(files):
    """The run in the bytes of some files, None without rows, and the damage."""
    names = sorted(name for name in files if "tfevents" in name)
    items = [item for name in names for item in items_in(Piece(name, files[name]))[0]]
    batches = tuple(item for item in items if isinstance(item, Batch))
    damage = tuple(item for item in items if isinstance(item, FileDamage))
    run = merged(Contents(Path("run"), batches, damage, ())) if batches else None
    return run, damage


def shows(run, damage):
    """What the readers behind the border can tell apart in a run, coarsely."""
    reasons = {(part.kind, why) for part in damage for why in part.reason.split("; ")}
    found = {(kind, _NUMBERS.sub("#", why.partition(":")[0])[:40]) for kind, why in reasons}
    if run is None:
        return found | {"no rows"}
    found |= {
        ("gaps", len(run.missing), len(run.missing_ranks)),
        ("superseded", min(run.superseded, 3)),
        ("lost", *(count > 0 for count in run.lost_flops.values())),
    }
    for session in run.sessions:
        found.add((session.backwards > 0, session.clock_back_seconds > 0, len(session.gone)))
        found.add(("rows", min(session.rows, 9), min(session.superseded, 3)))
    for stretch in run.columns.stretches:
        header, table = stretch.batch.header, stretch.block(0, len(stretch))
        found.update((name, getattr(header, name)) for name in _HEADER_FIELDS)
        found.add(("stretch", min(len(table), 9)))
        size = np.abs(table)
        with np.errstate(invalid="ignore"):
            here = [
                np.isnan(table),
                table < 0,
                size > 2.0**53,
                (size > 0) & (size < 1e-9),
                table != np.floor(table),
            ]
            falls = (table[1:] < table[:-1]).any(axis=0)
        looks = [*np.any(here, axis=1), here[0].all(axis=0), falls]
        found.update(zip(header.columns, (_WEIGHTS @ looks).tolist(), strict=True))
    return found


def border_shows(files):
    return shows(*at_the_border(files))


_NUMBERS = re.compile(r"\d+ values?|\d+")
_WEIGHTS = 1 << np.arange(7)
_HEADER_FIELDS = [
    field.name
    for field in fields(schema.RowsHeader)
    if field.name not in ("columns", "writer", "version")
]


def tell(logdir):
    """The run in a directory, once it was asked all that is quick; None without rows."""
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
        return None
    if run is None or not len(run):
        return None
    assert repr(run)
    json.dumps(listing_of(run, ()), allow_nan=False)
    return run


def export(run, turn):
    write(run, io.BytesIO(), ("csv", "jsonl")[turn % 2])


def summarise(run, turn):
    said = rlviz.summarise(run)
    json.dumps(said.to_dict())
    assert str(said)


def draw_curves(run, turn):
    for metric in ("accuracy", "average_parallelism", *run.metrics[:1]):
        try:
            points = series.points(run, metric, _AXES[turn % 4], log=bool(turn % 2))
        except QueryError:  # it has no such metric or axis
            continue
        if len(points.y):
            lines.whole(run, points, lines.AUTO)


def draw_figure(run, turn):
    rlviz.figure(run).png(dpi=40)


_TURNS = {export: 3, draw_curves: 20, summarise: 100, draw_figure: 1000}
"""Of so many runs that are told of one goes to each of these."""


def read_by_the_page(logdir, turn):
    """Ask as the page does, by what TensorBoard makes of the files."""
    multiplexer = EventMultiplexer(tensor_size_guidance={schema.PLUGIN: 0})
    multiplexer.AddRunsFromDirectory(os.fspath(logdir.parent))
    with contextlib.suppress(Exception):  # TensorBoard's own, of records of any claimed length
        multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, os.fspath(logdir.parent))
    answers = Answers(Store(RowSource(provider)), server="a server")
    answers.told(CONTEXT, "", {})
    known = json.loads(answers.runs(CONTEXT, "", {}).content)["runs"]
    for run in known:
        # What the page says where a reader raised: the border has let something through.
        assert not any("contradict themselves" in note for note in run["notes"]), run["notes"]
        asked = MultiDict({"run": run["name"], "metric": "accuracy"})
        asked["x"] = _AXES[turn % 4]
        if run["metrics"]:
            asked["metric"] = run["metrics"][turn % len(run["metrics"])]
        with contextlib.suppress(QueryError):  # it has no such axis, or no steps
            answers.series(CONTEXT, "", asked)
        with contextlib.suppress(QueryError):
            answers.rows(CONTEXT, "", asked)


# --- one mutation after another ------------------------------------------------------


def put(files, logdir):
    """Make these the files of a directory."""
    shutil.rmtree(logdir, ignore_errors=True)
    logdir.mkdir(parents=True)
    for name, content in files.items():
        (logdir / name).write_bytes(content)


class Readings:
    """Reads mutations in a directory, and keeps what they showed, what failed and what was slow."""

    def __init__(self, logdir: Path) -> None:
        self.logdir = logdir
        self.counts: Counter[str] = Counter()
        self.failed: dict[str, str] = {}
        """Where something failed -> how, and where the files are; once for each place."""
        self.slowest = (0.0, "")
        """CPU seconds of the slowest reader, and its name."""
        self._files: dict[str, bytes] = {}
        self._seen: set[object] = set()
        logdir.mkdir(parents=True)

    def read(self, files: dict[str, bytes], seed: int) -> None:
        """Read these files by all readers whose turn it is."""
        turn = self.counts["mutations_read"]
        self.counts["mutations_read"] += 1
        self._files = files
        shown = self._asked(border_shows, seed, files)
        is_new = shown is None or not shown <= self._seen
        self._seen |= shown or set()
        by_page = turn % _BY_TENSORBOARD == _BY_TENSORBOARD - 1
        if is_new or by_page or turn % _TELL == 0:
            self._tell(seed)
        if by_page:
            self.counts["by_tensorboard"] += 1
            self._asked(read_by_the_page, seed, self.logdir, turn // _BY_TENSORBOARD)

    def _tell(self, seed):
        told = self.counts["told_of"]
        self.counts["told_of"] += 1
        put(self._files, self.logdir)
        run = self._asked(tell, seed, self.logdir)
        if run is None:
            return
        for reader, every in _TURNS.items():
            if told % every == every - 1:
                self.counts[reader.__name__] += 1
                self._asked(reader, seed, run, told // every)

    def _asked(self, reader, seed, *arguments):
        """What a reader says; one that is slow may try twice more."""
        try:
            took = []
            while not took or (took[-1] > _MOST_SECONDS and len(took) < 3):
                began = time.process_time()
                said = reader(*arguments)
                took.append(time.process_time() - began)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self._note(f"{type(error).__name__} in {where.filename}:{where.lineno}", error, seed)
            return None
        self.slowest = max(self.slowest, (min(took), reader.__name__))
        if min(took) > _SURELY_TOO_SLOW:
            self._note(f"{reader.__name__} is slow", f"{min(took):.2f} s of CPU", seed)
        return said

    def _note(self, where, what, seed):
        self.counts["failed"] += 1
        if where not in self.failed:
            kept = self.logdir.parents[1] / f"failed-{seed}"
            put(self._files, kept)
            self.failed[where] = f"{what!r}: mutation {seed}, kept in {kept}"


def mutation(seed, long_run, short_runs):
    """The files of one mutation."""
    chance = random.Random(seed)
    files = long_run if seed % _OF_THE_LONG == 0 else chance.choice(short_runs)
    return mutated(files, chance)


@pytest.mark.parametrize(
    "cases",
    [
        100,
        pytest.param(5000, marks=pytest.mark.slow),
        pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(20_000)]),
    ],
)
def test_no_mutation_makes_a_reader_raise_or_wait_or_take_all_memory(
    long_run, short_runs, tmp_path, rng, ran, noted, cases
):
    readings = Readings(tmp_path / "runs" / "run")
    with warnings.catch_warnings():  # NumPy's, of overflows
        warnings.simplefilter("ignore", RuntimeWarning)
        put(short_runs[0], readings.logdir)
        run = tell(readings.logdir)
        for reader in _TURNS:  # what they load and keep for the next one is not counted
            reader(run, 0)
        readings.read(long_run, 0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        first = rng.randrange(2**32)
        for seed in range(first, first + cases):
            readings.read(mutation(seed, long_run, short_runs), seed)
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    ran(**readings.counts)
    noted(
        f"the slowest reading of {cases:,} mutations, {readings.slowest[1]}, took "
        f"{readings.slowest[0]:.2f} s of CPU (target {_MOST_SECONDS:.0f}), and all of them "
        f"{taken / 2**20:.0f} MiB more than before"
    )
    assert not readings.failed, "\n".join(f"{at}: {how}" for at, how in readings.failed.items())
    assert taken <= _MOST_BYTES
