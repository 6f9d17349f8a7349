"""Every kind of value: taken, and then read back right, or refused in words at the call."""

import contextlib
import enum
import functools
import io
import itertools
import math
import re
import time
import warnings
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz

# Values that NumPy or torch warn of are taken or refused like all others.
pytestmark = pytest.mark.filterwarnings("ignore")


class Level(enum.IntEnum):
    THREE = 3


class Angry:
    """Fails at whatever is asked of it."""

    def __getattr__(self, name):
        raise RuntimeError("ask me nothing")

    def __repr__(self):
        raise RuntimeError("ask me nothing")


class Liar:
    """Says that it is a number, an array, a sequence, and is none."""

    def __float__(self):
        raise RuntimeError("no")

    __int__ = __index__ = __len__ = __iter__ = __float__

    def __array__(self, *arguments, **options):
        raise RuntimeError("no")


def _endless():
    itself = []
    itself.append(itself)
    return itself


def _deep():
    inner = 1.0
    for _ in range(2000):
        inner = [inner]
    return inner


# Name -> (a value, the one number that it is). What is one must be taken as a metric.
NUMBERS = {
    "0": (0, 0),
    "1": (1, 1),
    "-1": (-1, -1),
    "3": (3, 3),
    "-0.0": (-0.0, 0),
    "0.5": (0.5, 0.5),
    "True": (True, 1),
    "2**53 + 1": (2**53 + 1, 2**53 + 1),
    "10**400": (10**400, math.inf),
    "-10**400": (-(10**400), -math.inf),
    "1e308": (1e308, 1e308),
    "5e-324": (5e-324, 5e-324),
    "nan": (math.nan, math.nan),
    "inf": (math.inf, math.inf),
    "-inf": (-math.inf, -math.inf),
    "IntEnum": (Level.THREE, 3),
    "bool_": (np.bool_(True), 1),
    "int8": (np.int8(-3), -3),
    "uint64": (np.uint64(2**64 - 1), 2**64 - 1),
    "float16": (np.float16(0.25), 0.25),
    "float16 inf": (np.float16(math.inf), math.inf),
    "float32": (np.float32(0.75), 0.75),
    "float64 nan": (np.float64(math.nan), math.nan),
    "longdouble": (np.longdouble(0.5), 0.5),
    "longdouble max": (np.finfo(np.longdouble).max, math.inf),
    "0-d array": (np.array(0.5), 0.5),
    "0-d int array": (np.array(3), 3),
    "array of one": (np.array([1.0]), 1),
    "big-endian array": (np.array(0.5, dtype=">f8"), 0.5),
    "read-only array": (np.broadcast_to(np.array(0.5), (1, 1)), 0.5),
    "tensor": (torch.tensor(0.5), 0.5),
    "tensor of one": (torch.tensor([0.5]), 0.5),
    "bool tensor": (torch.tensor(True), 1),
    "int64 tensor": (torch.tensor(3), 3),
    "uint8 tensor": (torch.tensor(3, dtype=torch.uint8), 3),
    "float16 tensor": (torch.tensor(0.5, dtype=torch.float16), 0.5),
    "bfloat16 tensor": (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
    "bfloat16 max": (torch.finfo(torch.bfloat16).max, torch.finfo(torch.bfloat16).max),
    "float8 tensor": (torch.tensor(0.5).to(torch.float8_e4m3fn), 0.5),
    "float64 nan tensor": (torch.tensor(math.nan, dtype=torch.float64), math.nan),
    "inf tensor": (torch.tensor(math.inf), math.inf),
    "tensor with grad": (torch.tensor(0.5, requires_grad=True), 0.5),
    "tensor of a graph": (torch.tensor(0.5, requires_grad=True) * 2, 1),
    "bfloat16 with grad": (torch.tensor(0.5, requires_grad=True, dtype=torch.bfloat16), 0.5),
    "parameter": (torch.nn.Parameter(torch.tensor(0.5)), 0.5),
    "expanded tensor": (torch.tensor(0.5).expand(1, 1, 1), 0.5),
    "inference tensor": (torch.inference_mode()(lambda: torch.tensor(0.5))(), 0.5),
    "negative view": (torch.tensor(1 + 0.5j).conj().imag.neg(), 0.5),
}

# These may be taken or refused.
OTHERS = {
    "Fraction": Fraction(1, 2),
    "Decimal": Decimal("0.5"),
    "Decimal nan": Decimal("nan"),
    "complex": 1 + 2j,
    "complex64": np.complex64(1),
    "complex tensor": torch.tensor(1j),
    "None": None,
    "str": "0.5",
    "empty str": "",
    "a surrogate": "\ud800",
    "NUL": "a\0b",
    "markup": "<script>alert(1)</script>",
    "long str": "x" * 100_000,
    "np.str_": np.str_("0.5"),
    "bytes": b"1",
    "bytearray": bytearray(b"1"),
    "np.bytes_": np.bytes_(b"1"),
    "datetime64": np.datetime64("2026-01-01"),
    "timedelta64": np.timedelta64(1, "s"),
    "empty list": [],
    "list": [0, 1],
    "tuple with nan": (0.0, 1.0, math.nan),
    "list of None": [None, 1],
    "list of str": ["0", "1"],
    "ragged list": [[1, 0], [1]],
    "endless list": _endless(),
    "deep list": _deep(),
    "list of tensors": [torch.tensor(1.0), torch.tensor(0.0)],
    "list of tensor and number": [torch.tensor(1.0), 0.0],
    "list of number and tensor": [0.0, torch.tensor(1.0)],
    "list of ragged tensors": [torch.zeros(2), torch.zeros(3)],
    "list of tensor and None": [torch.tensor(1.0), None],
    "set": {0, 1},
    "range": range(2),
    "dict": {"a": 1},
    "dict of None": {"a": None},
    "dict of surrogates": {"\ud800": 1},
    "dict with a number": {1: 1},
    "a function": len,
    "a class": int,
    "object": object(),
    "an object that fails at all": Angry(),
    "an object that lies": Liar(),
    "empty array": np.array([]),
    "array of objects": np.array([None, 1], dtype=object),
    "array of one object": np.array([None], dtype=object),
    "array of one str": np.array(["1"]),
    "structured array": np.array([(1, 2)], dtype=[("a", int), ("b", int)]),
    "masked array": np.ma.masked_array([1.0, 0.0], mask=[True, False]),
    "masked": np.ma.masked,
    "empty tensor": torch.tensor([]),
    "sparse tensor": torch.tensor([1.0, 0.0]).to_sparse(),
    "tensor of no columns": torch.ones(2, 3)[:, :0],
    "module": torch.nn.Linear(1, 1),
    "dtype": torch.float32,
}


def fake_tensor_mode():
    from torch._subclasses.fake_tensor import FakeTensorMode  # loads the compiler, for seconds

    return FakeTensorMode()


def without_values():
    """Tensors that have a shape, or are said to have one, and nothing that could be read."""
    with fake_tensor_mode():
        fake = {"fake": torch.ones(2), "fake number": torch.ones(())}
        fake |= {"fake on a device": torch.ones(2, device="cuda")}
    parts = [torch.ones(2), torch.ones(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of both layouts
        nested = {
            "nested": torch.nested.nested_tensor(parts),
            "jagged": torch.nested.nested_tensor(parts, layout=torch.jagged),
        }
    return {
        **fake,
        "meta": torch.ones(2, device="meta"),
        "meta number": torch.ones((), device="meta"),
        "sparse meta": torch.empty(2, 2, layout=torch.sparse_coo, device="meta"),
        "meta parameter": torch.nn.Linear(1, 1, device="meta").weight,
        **nested,
        "uninitialized": torch.nn.LazyLinear(1).weight,
        "uninitialized buffer": torch.nn.LazyBatchNorm1d().running_mean,
    }


@functools.cache
def others():
    """All values that may be taken or refused, by name."""
    found = dict(OTHERS)
    for kind, tensor in without_values().items():
        found |= {
            f"{kind} tensor": tensor,
            f"list of a {kind} tensor": [tensor],
            f"{kind} tensor behind a good one": [torch.tensor(1.0), tensor],
            f"{kind} tensor behind a number": (1.0, tensor),
            f"{kind} tensor in a list in a list": [[1.0], [tensor]],
            f"dict of a {kind} tensor": {"a": tensor},
        }
    return found


# These fail when they are looked at. That error may pass, at the call and never later.
HOSTILE = {"endless list", "deep list", "an object that fails at all", "an object that lies"}


def all_values():
    """All of them by name, generators fresh."""
    numbers = {name: value for name, (value, _) in NUMBERS.items()}
    return numbers | others() | {"generator": (n for n in (0, 1)), "map": map(float, "01")}


@dataclass(frozen=True)
class Place:
    """An argument that a value can come as, and how one number that it takes reads back."""

    call: object
    words: str
    """What its refusals speak of."""
    takes: object = None
    """Whether it has to take a number."""
    read: object = None
    """What of it every step has in the end."""
    is_key: bool = False
    takes_tensors: bool = True
    """Whether it has to; where it need not, it may."""


def _whole(x):
    return math.isfinite(x) and x == int(x) and 0 <= x < 2**106


def _cumulative(run):
    known = [0, *(n or 0 for n in run.exact_flops())]
    return [b - a for a, b in itertools.pairwise(known)]


PLACES = {
    "metric": Place(
        lambda v: {"metrics": {"loss": v}},
        "metric",
        lambda x: True,
        lambda run: run.columns["metrics/loss"],
    ),
    "accuracy": Place(
        lambda v: {"accuracy": v},
        "accuracy",
        lambda x: math.isnan(x) or 0 <= x <= 1,
        lambda run: run.accuracy,
    ),
    "graded": Place(
        lambda v: {"accuracy": 0.5, "graded": v},
        "graded",
        lambda x: 0 <= x < math.inf,
        lambda run: run.columns["graded"],
        takes_tensors=False,
    ),
    "correct": Place(
        lambda v: {"correct": v},
        "answer",
        lambda x: math.isnan(x) or x in (0, 1),
        lambda run: run.accuracy,
    ),
    "parallelism": Place(
        lambda v: {"parallelism": v},
        "parallelism|episode",
        lambda x: math.isnan(x) or 0 <= x < math.inf,
        lambda run: run.parallelism,
    ),
    "an episode's parallelism": Place(
        lambda v: {"parallelism": [v]},
        "parallelism|episode",
        lambda x: math.isnan(x) or 0 <= x < math.inf,
        lambda run: run.parallelism,
    ),
    "flops": Place(lambda v: {"flops": v}, "flops|FLOPs", _whole, _cumulative),
    "a phase's flops": Place(
        lambda v: {"flops": {"update": v}}, "flops|FLOPs", _whole, _cumulative
    ),
    "seconds": Place(
        lambda v: {"seconds": {"update": v}},
        "seconds",
        lambda x: 0 <= float(x) <= 2**53,
        lambda run: run.columns["seconds/update"],
        takes_tensors=False,
    ),
    "metrics": Place(lambda v: {"metrics": v}, "metric"),
    "a metric's name": Place(lambda v: {"metrics": {v: 1.0}}, "metric", is_key=True),
    "phases of flops": Place(lambda v: {"flops": {v: 1}}, "phase", is_key=True),
    "phases": Place(lambda v: {"seconds": v}, "seconds|phase"),
    "a phase of seconds": Place(lambda v: {"seconds": {v: 1.0}}, "phase", is_key=True),
    "group": Place(lambda v: {"correct": [1], "group": v}, "group"),
    "a member of answers": Place(lambda v: {"correct": [1, v]}, "answer"),
}


class Judge:
    """Makes calls that may be refused, and keeps what was not as it should be."""

    def __init__(self):
        self.error_log = {}  # what -> the values that it came with

    def call(self, name, about, function, *args, **kwargs):
        """Whether the call took its arguments, and the result.

        A refusal has to be in words, with `about` among them.
        """
        try:
            return True, function(*args, **kwargs)
        except (ValueError, TypeError) as error:
            said = str(error)
            in_words = len(said) >= 30 and re.search(about, said)
            self.expect(f"{name} ({said:.40})", in_words, f"refused without a word of {about}")
        except Exception as error:
            kind = type(error).__name__
            if name.partition(" (")[0].partition(" as ")[0] not in HOSTILE:
                self.expect(f"{name} ({error!s:.40})", False, f"{kind} instead of words")
        return False, None

    def expect(self, name, condition, what):
        if not condition:
            self.error_log.setdefault(what, []).append(name)

    def __str__(self):
        return "\n".join(f"{what}: {', '.join(n)}" for what, n in self.error_log.items())


@pytest.fixture
def judge():
    """A judge; what it found is said at the end, all at once."""
    judge = Judge()
    yield judge
    if judge.error_log:
        pytest.fail(str(judge), pytrace=False)


def hashable(value):
    try:
        return isinstance(hash(value), int)
    except (TypeError, RuntimeError):
        return False


def assert_sound(viz, logdir, steps):
    """Nothing went wrong later, and every reader can read it."""
    assert viz.close(30)
    health = viz.health
    assert (health.logged, health.written, health.errors) == (steps, steps, 0)
    run = rlviz.read(logdir)
    assert list(run.step) == list(range(1, steps + 1))
    assert run.damage == ()
    accumulator = EventAccumulator(str(logdir))
    accumulator.Reload()
    assert "rlviz/rows/s0" in accumulator.Tags()["tensors"]
    return run


@pytest.mark.parametrize("place", PLACES)
def test_a_value_is_taken_and_reads_back_or_is_refused_in_words(tmp_path, judge, place, ran):
    where = PLACES[place]
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.01)
    values = {n: v for n, v in all_values().items() if hashable(v) or not where.is_key}
    taken = {}
    for step, (name, value) in enumerate(values.items(), start=1):
        taken[name], _ = judge.call(name, where.words, viz.record, **where.call(value))
        viz.on_step_end(step)
    run = assert_sound(viz, tmp_path, len(values))
    ran(values=len(values))
    if where.read is None:
        return
    found = dict(zip(values, where.read(run), strict=True))
    for name, (value, number) in NUMBERS.items():
        if isinstance(value, (bool, np.bool_)) or getattr(value, "dtype", 0) == torch.bool:
            continue  # as a count or a mean it is rather a mistake; either answer is right
        if isinstance(value, torch.Tensor) and not where.takes_tensors and not taken[name]:
            continue
        judge.expect(name, taken[name] == where.takes(number), f"taken: {taken[name]}")
        if taken[name]:
            same = found[name] == pytest.approx(float(number), rel=1e-15, nan_ok=True)
            judge.expect(name, same, f"reads back as {found[name]!r}")
    for name in others():
        nothing = not found[name] or math.isnan(found[name])
        judge.expect(name, taken[name] or nothing, f"refused, but {found[name]!r} was recorded")


def test_a_step_is_a_whole_number_or_is_refused_in_words(tmp_path, judge):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    steps = []
    for name, value in all_values().items():
        if value is None:
            continue  # means the next one
        taken, _ = judge.call(name, "step", viz.on_step_end, value, correct=[1])
        if taken:
            steps.append(int(value))
    assert {0, 1, 3} <= set(steps)
    assert all(0 <= step < 2**53 for step in steps)
    assert viz.close(30)
    assert viz.health.errors == 0
    run = rlviz.read(tmp_path)
    assert list(run.step) == sorted(set(steps))
    assert (run.columns["graded"] == 1).all()


@pytest.mark.parametrize(
    "option", ["config", "ema", "flush_seconds", "figure_seconds", "device", "devices"]
)
def test_an_option_is_taken_and_harms_nothing_or_is_refused_in_words(tmp_path, judge, option):
    for n, (name, value) in enumerate(all_values().items()):
        logdir = tmp_path / str(n)
        options = {"figure_seconds": None, option: value}
        taken, viz = judge.call(name, option, rlviz.Callback, logdir, **options)
        if not taken:
            continue
        if option == "figure_seconds":  # a figure takes long, and a run without steps has none
            assert viz.close(60)
            continue
        viz.on_step_end(1, correct=[1], flops={"update": 5}, seconds={"update": 1.0})
        closed, health = viz.close(30), viz.health
        judge.expect(name, closed and health.errors == 0, f"taken, and then {closed}, {health}")
        if closed:
            judge.expect(name, list(rlviz.read(logdir).step) == [1], "the step is not there")


def test_a_config_of_anything_is_taken_and_read_by_tensorboard(tmp_path, judge):
    for n, (name, value) in enumerate(all_values().items()):
        configs = [{"value": value}, {"nested": {"value": value}}]
        if hashable(value):
            configs += [{value: 1}, {"nested": {value: 1}}]
        for m, config in enumerate(configs):
            logdir = tmp_path / f"{n}-{m}"
            taken, viz = judge.call(
                f"{name} ({m})",
                "config",
                rlviz.Callback,
                logdir,
                config=config,
                figure_seconds=None,
            )
            if taken:
                viz.on_step_end(1, correct=[1])
                assert_sound(viz, logdir, 1)


def test_a_state_is_what_state_dict_gave_or_is_refused_in_words(tmp_path, judge):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        good = viz.state_dict()
        for name, value in all_values().items():
            taken, _ = judge.call(name, "state", viz.load_state_dict, value)
            judge.expect(name, not taken, "taken as a state")
            for key in ("step", "flops", "ema"):
                judge.call(f"{name} as {key}", "state", viz.load_state_dict, {**good, key: value})
        viz.load_state_dict(good)
        assert viz.state_dict() == good
        viz.on_step_end(1, correct=[1])
    assert viz.health.errors == 0
    assert list(rlviz.read(tmp_path).step) == [1]


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", ["flush", "close"])
def test_a_timeout_of_any_kind_is_an_answer_or_is_refused_in_words(tmp_path, judge, name, waits):
    values = all_values() | {"-1": -1, "1e-9": 1e-9, "1e300": 1e300, "a minute": 60}
    for n, (kind, value) in enumerate(values.items()):
        viz = rlviz.Callback(tmp_path / str(n), figure_seconds=None, flush_seconds=0.02)
        viz.on_step_end(1, correct=[1])
        waits.clear()
        taken, answer = judge.call(kind, "timeout", getattr(viz, name), value)
        if taken and isinstance(value, (int, float)):
            judge.expect(kind, sum(waits) <= max(value, 0), "it waits for longer")
        judge.expect(kind, not taken or answer in (True, False), f"its answer is {answer!r}")
        closed = viz.close(30)
        judge.expect(kind, closed or (taken and name == "close"), "it can't be closed after that")
        until = time.monotonic() + 30
        while viz.health.queued and time.monotonic() < until:
            time.sleep(0.001)
        judge.expect(kind, viz.health.written == 1, "the step is lost")


# Each is fine alone; together they pass what a float can hold.
TOO_MUCH_TOGETHER = {
    "graded": {"accuracy": 0.5, "graded": 1.5e308},
    "answers of a group": {"accuracy": 0.5, "graded": 1.5e308, "group": "math"},
    "parallelism": {"parallelism": 1.5e308},
    "parallelism of stages": {
        "parallelism": [rlviz.parallelism.Parallelism(work=1.5e308, span=1.5e308)] * 2
    },
    "work that is 10**400": {
        "parallelism": [rlviz.parallelism.Parallelism(work=10**308, span=1)] * 20
    },
    "metrics": {"metrics": {"loss": 1.5e308}},
    "metrics of both signs": {"metrics": {"loss": math.inf, "loss2": -math.inf}},
    "flops": {"flops": 2**106 - 1},
    "seconds": {"seconds": {"update": 2.0**53}, "flops": {"update": 2**105}},
    "no seconds to speak of": {"seconds": {"update": 5e-324}, "flops": {"update": 2**105}},
}


@pytest.mark.parametrize("brings", TOO_MUCH_TOGETHER.values(), ids=TOO_MUCH_TOGETHER)
def test_values_that_pass_the_largest_float_together_cost_no_step(tmp_path, judge, brings):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.01, device=1e-300)
    for step in range(1, 101):
        if step % 10 == 0:
            for _ in range(3):
                judge.call("all", "", viz.record, **brings)
        viz.on_step_end(step, metrics={"fine": step})
    assert viz.flush(10)
    assert viz.close(10)
    assert viz.health.written == 100
    run = rlviz.read(tmp_path)
    assert run.damage == ()
    np.testing.assert_array_equal(run.step, np.arange(1, 101))
    np.testing.assert_array_equal(run.columns["metrics/fine"], np.arange(1, 101))


@pytest.mark.slow
def test_ten_thousand_metrics_in_a_step_read_back(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None)
    for step in (1, 2, 3):
        viz.on_step_end(step, metrics={f"layer.{n}/norm": n * step for n in range(10_000)})
    run = assert_sound(viz, tmp_path, 3)
    for n in range(10_000):
        assert list(run.columns[f"metrics/layer.{n}/norm"]) == [n, 2 * n, 3 * n]


def test_a_new_metric_every_step_reads_back(tmp_path):
    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.002)
    for step in range(1, 301):
        viz.on_step_end(step, metrics={f"of step {step}": step, "common": -step})
        if step % 3 == 0:
            assert viz.flush(10)
    run = assert_sound(viz, tmp_path, 300)
    np.testing.assert_array_equal(run.columns["metrics/common"], -run.step)
    for step in range(1, 301):
        column = run.columns[f"metrics/of step {step}"]
        assert column[step - 1] == step
        assert np.isnan(np.delete(column, step - 1)).all()


@pytest.mark.parametrize(
    "name",
    ["../../../etc/passwd", "/", "a//b", ".", "<b>x</b>", "=1+1", "日本語", "a\nb", "\x1b[31m"],
)
def test_a_metric_of_any_name_reads_back_under_it(tmp_path, name):
    viz = rlviz.Callback(tmp_path / "run", figure_seconds=None)
    viz.on_step_end(1, metrics={name: 0.5})
    run = assert_sound(viz, tmp_path / "run", 1)
    assert list(run.columns[f"metrics/{name}"]) == [0.5]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("where", ["inside vmap", "inside grad", "inside a FakeTensorMode"])
def test_a_tensor_that_only_stands_for_others_is_refused_at_the_call(tmp_path, judge, where):
    taken = []

    def record(value):
        for place in ("metric", "correct", "flops", "parallelism"):
            known = PLACES[place]
            for each in (value, [value]):
                accepted, _ = judge.call(place, known.words, viz.record, **known.call(each))
                taken.append(accepted)
        return value.sum()

    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        if where == "inside vmap":
            torch.vmap(record)(torch.ones(2, 3))
        elif where == "inside grad":
            torch.func.grad(record)(torch.tensor(1.0))
        else:
            real = torch.ones(2)
            with fake_tensor_mode(), contextlib.suppress(AssertionError):
                record(real)
        viz.on_step_end(1)
    assert taken == [False] * 8
    assert viz.health.errors == 0


def holds_itself():
    endless = [1.0]
    endless.append(endless)
    return endless


def deep(levels):
    value = [1.0]
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("argument", ["correct", "accuracy", "flops", "parallelism", "metrics"])
@pytest.mark.parametrize("value", [holds_itself(), deep(100_000)], ids=["itself", "deep"])
def test_a_list_without_end_is_refused_in_words(tmp_path, argument, value):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        with pytest.raises((ValueError, TypeError), match=r"got "):
            viz.record(**{argument: {"x": value} if argument == "metrics" else value})
        viz.on_step_end(1)
    assert len(rlviz.read(tmp_path).step) == 1


@pytest.mark.parametrize(
    "recorded",
    [
        {"metrics": {"m" * 10**6: 1.0}},
        {"flops": {"m" * 10**6: 1}},
        {"seconds": {"m" * 10**6: 1.0}},
        {"correct": [1], "group": "m" * 10**6},
        {"flops": 10**5000},
        {"flops": -(10**4000)},
        {"flops": Fraction(10**4000, 3 * 10**3990)},
        {"flops": Fraction(10**400, 3)},
        {"flops": "m" * 10**6},
    ],
)
def test_what_is_long_is_not_said_in_full(tmp_path, recorded):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        with pytest.raises((ValueError, TypeError), match=r"must be .*, got ") as refused:
            viz.record(**recorded)
        assert len(str(refused.value)) < 400


def test_a_stream_is_no_tensor(tmp_path):
    with (
        rlviz.Callback(tmp_path, figure_seconds=None) as viz,
        pytest.raises(TypeError, match="graded must be one number, got"),
    ):
        viz.record(accuracy=0.5, graded=io.StringIO("5"))
