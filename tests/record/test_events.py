"""The event files, read by TensorBoard's own readers: both loaders, every step, every value."""

import math
import time
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing import data_provider as python_provider
from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.context import RequestContext
from tensorboard.data import server_ingester
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import grpc_util
from werkzeug.test import Client

import rlviz
from rlviz import schema
from rlviz.record import events

STEPS = 1500  # more than the 1,000 points that TensorBoard keeps when it is not asked for all
CONTEXT = RequestContext()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of 1,500 steps with a metric that sets in late. -> (parent, directory)"""
    parent = tmp_path_factory.mktemp("runs")
    config = {"lr": 1e-4, "model": {"name": "a|b", "layers": 3}, "bf16": True}
    with rlviz.Callback(parent / "run", config=config, flush_seconds=0.05) as viz:
        for step in range(1, STEPS + 1):
            viz.record(correct=[1] * (step % 8) + [0] * (8 - step % 8))
            viz.record(parallelism=[step / 100, 1.0], flops={"rollout": 10**22 + step})
            late = {"kl": step / 7} if step > 700 else {}
            viz.on_step_end(step, metrics={"loss": 1 / step, **late})
            if step % 300 == 0:
                assert viz.flush()
        assert viz.close(timeout=300)  # the last figure takes its time on a busy machine
    assert viz.health == type(viz.health)(STEPS, STEPS, 0, 0, 0)
    return parent, parent / "run"


@pytest.fixture(scope="module", params=["python", "rust"])
def open_provider(request):
    """TensorBoard's data provider over a directory of runs, through either loader."""
    return {"python": python_loader, "rust": rust_loader}[request.param]


@pytest.fixture(scope="module")
def provider(open_provider, run):
    with open_provider(run[0]) as opened:
        yield opened


@contextmanager
def python_loader(parent):
    multiplexer = plugin_event_multiplexer.EventMultiplexer(
        size_guidance={"scalars": 0, "tensors": 0, "images": 0},
        tensor_size_guidance={"scalars": 0, "rlviz": 0, "text": 0, "images": 0, "hparams": 0},
    )
    multiplexer.AddRunsFromDirectory(str(parent))
    multiplexer.Reload()
    yield python_provider.MultiplexerDataProvider(multiplexer, str(parent))


@contextmanager
def rust_loader(parent):
    with warnings.catch_warnings():  # TensorBoard leaves its server to the end of the process
        warnings.simplefilter("ignore", ResourceWarning)
        ingester = server_ingester.SubprocessServerDataIngester(
            server_binary=server_ingester.get_server_binary(),
            logdir=str(parent),
            reload_interval=1,
            channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
            samples_per_plugin={"scalars": 0, "rlviz": 0, "text": 0, "images": 0},
        )
        ingester.start()
    wait_for_the_end_of(ingester.data_provider)
    yield ingester.data_provider
    ingester._stdin_handle.close()  # which ends the server


def wait_for_the_end_of(provider):
    """The Rust server loads in the background; the last record of the run is its end."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        tags = provider.list_tensors(CONTEXT, experiment_id="", plugin_name="hparams")
        if "_hparams_/session_end_info" in tags.get("run", {}):
            return
        time.sleep(0.1)
    pytest.fail("the data server did not load the run within 30 s")


def expected_scalars():
    """tag -> {step: value}, worked out from what `run` logged."""
    steps = range(1, STEPS + 1)
    return {
        "rlviz/accuracy": {s: (s % 8) / 8 for s in steps},
        "rlviz/average_parallelism": {s: (s / 100 + 1) / 2 for s in steps},
        "rlviz/flops/total": {s: s * 10**22 + s * (s + 1) // 2 for s in steps},
        "rlviz/loss": {s: 1 / s for s in steps},
        "rlviz/kl": {s: s / 7 for s in steps if s > 700},
    }


@pytest.mark.slow
def test_the_event_accumulator_gives_every_scalar_of_every_step(run):
    accumulator = EventAccumulator(str(run[1]), size_guidance={"scalars": 0})
    accumulator.Reload()
    for tag, expected in expected_scalars().items():
        got = {event.step: event.value for event in accumulator.Scalars(tag)}
        assert got.keys() == expected.keys()
        for step, value in expected.items():
            assert got[step] == float(np.float32(value))


@pytest.mark.quick(1)
def test_both_loaders_give_every_scalar_of_every_step(provider):
    series = provider.read_scalars(
        CONTEXT, experiment_id="", plugin_name="scalars", downsample=10_000
    )["run"]
    for tag, expected in expected_scalars().items():
        got = {point.step: point.value for point in series[tag]}
        assert got.keys() == expected.keys()
        assert got == {step: float(np.float32(value)) for step, value in expected.items()}


def test_both_loaders_give_the_rows_bit_for_bit(provider, run):
    history = rlviz.read(run[1])
    metadata = provider.list_tensors(CONTEXT, experiment_id="", plugin_name=schema.PLUGIN)["run"]
    tensors = provider.read_tensors(
        CONTEXT, experiment_id="", plugin_name=schema.PLUGIN, downsample=10_000
    )["run"]
    assert set(tensors) == {"rlviz/rows/s0", "rlviz/rows/s0.1"}  # the metric that set in late
    got = {}
    for tag, points in tensors.items():
        columns = schema.RowsHeader.from_bytes(metadata[tag].plugin_content).columns
        for point in points:
            for row in np.asarray(point.numpy):
                record = dict(zip(columns, row, strict=True))
                got[int(record["step"])] = record
    assert sorted(got) == list(history.step)
    for name, column in history.columns.items():
        series = [got[step].get(name, math.nan) for step in history.step]
        np.testing.assert_array_equal(series, column, err_msg=name)


def test_the_rows_give_the_cumulative_flops_exactly(run):
    assert rlviz.read(run[1]).exact_flops() == [
        s * 10**22 + s * (s + 1) // 2 for s in range(1, STEPS + 1)
    ]


def test_figure_and_texts_stand_in_their_tabs(provider):
    images = provider.read_blob_sequences(
        CONTEXT, experiment_id="", plugin_name="images", downsample=10
    )["run"]
    (point,) = images[schema.FIGURE_TAG]
    png = provider.read_blob(CONTEXT, blob_key=point.values[-1].blob_key)
    assert png.startswith(b"\x89PNG")
    assert point.step == STEPS
    texts = provider.read_tensors(CONTEXT, experiment_id="", plugin_name="text", downsample=10)
    summary = np.asarray(texts["run"][schema.SUMMARY_TAG][-1].numpy).ravel()[0].decode()
    assert f"{STEPS:,} training steps" in summary
    table = np.asarray(texts["run"][schema.CONFIG_TAG][-1].numpy).ravel()[0].decode()
    assert "| model.name | a\\|b |" in table


def test_the_configuration_reaches_the_hparams_tab(provider):
    tags = provider.list_tensors(CONTEXT, experiment_id="", plugin_name="hparams")["run"]
    start = plugin_data_pb2.HParamsPluginData.FromString(
        tags["_hparams_/session_start_info"].plugin_content
    ).session_start_info
    assert start.hparams["lr"].number_value == 1e-4
    assert start.hparams["model.name"].string_value == "a|b"
    assert start.hparams["bf16"].bool_value is True
    assert "_hparams_/session_end_info" in tags


def test_the_hparams_tab_has_the_settings_of_every_run_and_their_values(tmp_path, open_provider):
    configs = {"a": {"lr": 1e-3, "seed": 1}, "run": {"lr": 1e-4, "algorithm": "grpo", "clip": 0.2}}
    for name, config in configs.items():
        with rlviz.Callback(tmp_path / name, config=config, figure_seconds=None) as viz:
            viz.on_step_end(1, accuracy=0.5, metrics={f"of {name}": 1.0})

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the sanitizer that it loads
        from tensorboard.plugins.hparams.hparams_plugin import HParamsPlugin

    with open_provider(tmp_path) as provider:
        context = base_plugin.TBContext(data_provider=provider, logdir=str(tmp_path))
        apps = HParamsPlugin(context).get_plugin_apps()

        def ask(route, **request):
            answer = Client(apps[route]).post(route, json=request)
            assert answer.status_code == 200, answer.data
            return answer.get_json()

        for _ in range(200):  # the data server loads in the background
            told = ask("/experiment", hparamsLimit=100, includeMetrics=True)
            names = {setting["name"] for setting in told["hparamInfos"]}
            if names == {"lr", "seed", "algorithm", "clip"}:
                break
            time.sleep(0.1)
        assert names == {"lr", "seed", "algorithm", "clip"}
        tags = {metric["name"]["tag"] for metric in told["metricInfos"]}
        assert {"rlviz/accuracy", "rlviz/of a", "rlviz/of run"} <= tags
        every = [f"STATUS_{status}" for status in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")]
        groups = ask("/session_groups", allowedStatuses=every, startIndex=0, sliceSize=10)
        found = {group["name"]: group["hparams"] for group in groups["sessionGroups"]}
        assert found == configs


def test_a_value_beyond_float32_is_infinite_in_the_scalars_and_exact_in_the_rows(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, metrics={"big": 1e300, "minus": -1e39, "nan": math.nan})
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    assert accumulator.Scalars("rlviz/big")[0].value == math.inf
    assert accumulator.Scalars("rlviz/minus")[0].value == -math.inf
    assert math.isnan(accumulator.Scalars("rlviz/nan")[0].value)
    assert rlviz.read(tmp_path).columns["metrics/big"][0] == 1e300


def test_after_a_resume_both_loaders_keep_every_row_that_stands(tmp_path, open_provider):
    with rlviz.Callback(tmp_path / "run", config={"lr": 1}, figure_seconds=None) as viz:
        for step in range(1, 101):
            viz.on_step_end(step, correct=[1, 0], flops=100)
            if step in (40, 80):
                assert viz.flush()
            if step == 50:
                state = viz.state_dict()
    with rlviz.Callback(tmp_path / "run", config={"lr": 2}, figure_seconds=None) as viz:
        viz.load_state_dict(state)
        for step in range(51, 61):
            viz.on_step_end(step, correct=[1, 1], flops=100)
    with open_provider(tmp_path) as provider:
        tensors = provider.read_tensors(
            CONTEXT, experiment_id="", plugin_name=schema.PLUGIN, downsample=10_000
        )["run"]
        rows = {tag: sum(len(np.asarray(p.numpy)) for p in ps) for tag, ps in tensors.items()}
        assert rows == {"rlviz/rows/s0": 100, "rlviz/rows/s1": 10}
        scalars = provider.read_scalars(
            CONTEXT, experiment_id="", plugin_name="scalars", downsample=10_000
        )["run"]["rlviz/accuracy"]
        assert [point.step for point in scalars] == list(range(1, 61))
        assert [point.value for point in scalars] == [0.5] * 50 + [1.0] * 10


def test_a_run_that_starts_over_at_step_0_keeps_its_configuration(tmp_path, open_provider):
    for lr in (1.0, 2.0):
        with rlviz.Callback(tmp_path / "run", config={"lr": lr}, figure_seconds=None) as viz:
            for step in range(3):
                viz.on_step_end(step, correct=[1])
    with open_provider(tmp_path) as provider:
        texts = provider.read_tensors(CONTEXT, experiment_id="", plugin_name="text", downsample=9)
        table = np.asarray(texts["run"][schema.CONFIG_TAG][-1].numpy).ravel()[0].decode()
        assert "| lr | 2.0 |" in table
        assert (
            "_hparams_/session_start_info"
            in provider.list_tensors(CONTEXT, experiment_id="", plugin_name="hparams")["run"]
        )


def test_any_value_may_stand_in_the_configuration(tmp_path):
    config = {
        "huge": 10**400,
        "numpy": np.int64(3),
        "flag": np.bool_(True),
        "nan": math.nan,
        "surrogate \ud800": "\ud800",
        "object": object,
        "nested": {"a": {"b": None}},
    }
    with rlviz.Callback(tmp_path, config=config, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1])
    accumulator = EventAccumulator(str(tmp_path))
    accumulator.Reload()
    content = accumulator.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["numpy"].number_value == 3.0
    assert hparams["flag"].bool_value is True
    assert hparams["huge"].string_value.startswith("1000")
    assert hparams["nested.a.b"].string_value == "None"


# --- scalars ---------------------------------------------------------------

TAGS = ("rlviz/accuracy", "rlviz/é" * 30, "x")
FLOAT32_MAX = 3.4028234663852886e38


def event_of(step, wall_time, values):
    """One event, made by itself."""
    event = Event(wall_time=wall_time, step=step)
    event.summary.SetInParent()
    for tag, value in values.items():
        with np.errstate(over="ignore"):
            event.summary.value.append(Summary.Value(tag=tag, simple_value=np.float32(value)))
    return event.SerializeToString()


steps_with_values = st.lists(
    st.tuples(
        st.integers(0, 2**53 - 1) | st.sampled_from([0, 1, 127, 128, 16383, 16384, 2**35, 2**49]),
        st.floats(0.5, 2e9),
        st.dictionaries(st.sampled_from(TAGS), st.floats()),
    ),
    max_size=8,
)


@given(steps_with_values)
def test_every_step_has_the_event_that_it_would_have_alone(steps):
    scalars = {
        tag: (
            np.array([values.get(tag, np.nan) for _, _, values in steps]),
            np.array([tag in values for _, _, values in steps], bool),
        )
        for tag in TAGS
    }
    numbers = np.array([step for step, _, _ in steps], np.int64)
    made = events.scalars(numbers, np.array([wall for _, wall, _ in steps]), scalars)
    assert list(made) == [
        event_of(s, w, {tag: values[tag] for tag in TAGS if tag in values})
        for s, w, values in steps
    ]


@given(
    first=st.integers(0, 2**53 - 1000) | st.sampled_from([0, 1, 100, 128, 16383, 2**35, 2**49]),
    brought=st.sets(st.sampled_from(TAGS)),
    gaps=st.sets(st.integers(0, 99), max_size=1),
    seed=st.integers(0, 2**32 - 1),
)
def test_many_steps_at_once_have_the_events_that_they_would_have_alone(first, brought, gaps, seed):
    chance = np.random.default_rng(seed)
    steps, walls = np.arange(first, first + 100), chance.uniform(0.5, 2e9, 100)
    there = np.isin(np.arange(100), list(gaps), invert=True)
    odd = [np.nan, np.inf, -np.inf, -0.0, 1e-45, 1e300]
    scalars = {
        tag: (chance.permutation([*odd, *chance.normal(size=100 - len(odd))]), there)
        for tag in TAGS
        if tag in brought
    }
    assert list(events.scalars(steps, walls, scalars)) == [
        event_of(s, w, {tag: values[at] for tag, (values, there) in scalars.items() if there[at]})
        for at, (s, w) in enumerate(zip(steps.tolist(), walls.tolist(), strict=True))
    ]


def test_a_value_beyond_float32_becomes_an_infinity_and_nan_stays_nan():
    values = np.array([1e300, -1e300, np.nan, FLOAT32_MAX])
    made = events.scalars(np.arange(1, 5), np.ones(4), {"loss": (values, np.ones(4, bool))})
    read = [Event.FromString(event).summary.value[0].simple_value for event in made]
    assert read == pytest.approx([np.inf, -np.inf, np.nan, FLOAT32_MAX], nan_ok=True)


def test_a_step_without_scalars_is_an_event_of_its_own():
    (made,) = events.scalars(np.array([3]), np.array([1.5]), {})
    event = Event.FromString(made)
    assert (event.step, event.wall_time, len(event.summary.value)) == (3, 1.5, 0)
