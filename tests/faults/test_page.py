"""One request can't take the page's server: what a GET may cost is limited, in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rlviz
from rlviz import schema, tfrecord
from rlviz.record import events

STEPS = 60_000

# TensorBoard's own WSGI application over a log directory, without a socket. Memory that is asked
# for beyond what a first, modest request took is not given: a request that needs more fails.
PAGE = """
import json, resource, sys, warnings
from urllib.parse import urlencode
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response
warnings.simplefilter("ignore")
import numpy as np
import tensorboard.plugin_util
from tensorboard import program
from rlviz.dashboard.launch import plugins
from rlviz.dashboard.plugin import Plugin
from tensorboard.plugins import base_plugin

class Captured(program.TensorBoardServer):
    application = None
    def __init__(self, wsgi_app, flags):
        type(self).application = wsgi_app
    def serve_forever(self):
        pass
    def get_url(self):
        return ""

board = program.TensorBoard(plugins=plugins(), server_class=Captured)
board.configure(logdir=sys.argv[1], load_fast="false", reload_interval=0, reload_task="blocking")
board.launch()
apps = Plugin(base_plugin.TBContext(data_provider=None)).get_plugin_apps()

def get(route, query):
    environ = EnvironBuilder(f"/data/plugin/rlviz/{route}").get_environ()
    if isinstance(query, list):  # [text, times]: too long to be sent to this process, and for
        app = apps[f"/{route}"]  # TensorBoard, which reads the parameters once itself
        environ["QUERY_STRING"] = query[0] * query[1]
    else:
        app = Captured.application
        environ["QUERY_STRING"] = query if isinstance(query, str) else urlencode(query)
    return Response(*run_wsgi_app(app, environ))

modest = {"run": "long", "metric": "loss", "x": "step"}
for route in ("runs", "series", "rows", "figure"):
    assert get(route, modest).status_code == 200, route
with open("/proc/self/statm") as stream:
    taken = int(stream.read().split()[0]) * resource.getpagesize()
spare = int(sys.argv[2]) << 20
resource.setrlimit(resource.RLIMIT_AS, (taken + spare, resource.RLIM_INFINITY))
print("ready", flush=True)
for line in sys.stdin:
    answers = []
    for route, query in json.loads(line):
        response = get(route, query)
        try:
            error = response.get_json()["error"] if response.status_code != 200 else ""
        except Exception as failure:
            error = repr(failure)
        answers.append([response.status_code, error])
    print(json.dumps(answers), flush=True)
"""
SPARE_MB = 400


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    runs = tmp_path_factory.mktemp("page")
    random = np.random.default_rng(0)
    step = np.arange(1.0, STEPS + 1)
    columns = {
        "step": step,
        "session": np.zeros(STEPS),
        "wall_time": 1.79e9 + step,
        "correct": random.binomial(512, 0.5, STEPS).astype(float),
        "graded": np.full(STEPS, 512.0),
        "flops/total": 1e20 * step,
        "metrics/loss": random.normal(size=STEPS),
    }
    header = schema.RowsHeader(0, tuple(columns), writer="ab")
    table = np.column_stack(list(columns.values()))
    (runs / "long").mkdir()
    records = [events.file_start(1.79e9)]
    for start in range(0, STEPS, 4096):
        part = np.ascontiguousarray(table[start : start + 4096])
        records.append(events.rows(1.79e9, header, 0, part, rows_before=start))
    framed = [tfrecord.frame(record.SerializeToString()) for record in records]
    file = runs / "long" / schema.file_name(1_790_000_000, 0, 0, "host.1.ab")
    file.write_bytes(b"".join(framed))
    return runs


@pytest.fixture(scope="module")
def answers_to(long_run, tmp_path_factory):
    """The status and the error of each of some requests, within 400 MB more than a modest one."""
    package_root = str(Path(rlviz.__file__).resolve().parent.parent)
    complaints = tmp_path_factory.mktemp("page") / "complaints"
    with complaints.open("w") as errors:
        page = subprocess.Popen(
            [sys.executable, "-c", PAGE, str(long_run), str(SPARE_MB)],
            env={**os.environ, "PYTHONPATH": package_root, "PYTHONSAFEPATH": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert page.stdout.readline() == "ready\n", complaints.read_text()

    def ask(*requests):
        page.stdin.write(json.dumps(list(requests)) + "\n")
        page.stdin.flush()
        said = page.stdout.readline()
        assert said, complaints.read_text()[-2000:]
        return json.loads(said)

    yield ask
    page.communicate()
    assert page.returncode == 0, complaints.read_text()[-2000:]


GOOD = {"run": "long", "metric": "loss", "x": "step"}


@pytest.mark.slow
def test_no_size_of_a_panel_takes_the_memory(answers_to):
    sizes = [(10_000, 10_000), (10_000, 4_000), (4_000, 10_000), (10_000, 1), (1, 10_000)]
    found = answers_to(
        *[("series", {**GOOD, "width": w, "height": h, "dots": 100}) for w, h in sizes]
    )
    assert found[0] == [
        400,
        "width times height must be at most 40,000,000 pixels, got 10000 × 10000.",
    ]
    assert [code for code, _ in found[1:]] == [200] * 4


@pytest.mark.parametrize("name", ["width", "height", "dots"])
def test_no_number_takes_the_memory(answers_to, name):
    values = ["-1", "0", "1e5", "1e9", "1e308", "-1e308", "inf", "nan", "0.5", "9" * 400, "名"]
    values.append("٣٠٠")  # Python reads Arabic digits too, and 300 of anything is little
    found = answers_to(*[("series", {**GOOD, name: value}) for value in values])
    for value, (code, error) in zip(values, found, strict=True):
        if value == "٣٠٠":
            assert code == 200
            continue
        assert (code, error.startswith(f"{name} must be a ")) == (400, True), (value, error)


def test_limits_at_the_ends_of_the_floats_are_drawn_or_named(answers_to):
    limits = [("-1e308", "1e308"), ("1e308", "1.7e308"), ("1e-320", "2e-320"), ("0", "0")]
    asked = [{**GOOD, "from": low, "to": high} for low, high in limits]
    asked += [{**GOOD, "low": low, "high": high} for low, high in limits]
    asked += [{**GOOD, "smooth": f"ema:{weight}"} for weight in ("1e308", "-1e308", "nan", "inf")]
    asked += [{**GOOD, "log": "1", "from": "-1e308", "to": "1e308"}]
    found = answers_to(*[("series", query) for query in asked])
    for query, (code, error) in zip(asked, found, strict=True):
        assert code in (200, 400), (query, code, error)


def test_a_query_of_a_million_parameters_is_refused_before_it_is_read(answers_to):
    good = "run=long&metric=loss&x=step&"
    for query, size in (
        ([good + "metric=loss&", 1_000_000], "40,000,000"),
        ([good + "metric=%F0%9F%9A%80&", 50_000], "2,400,000"),
    ):
        routes = ("runs", "series", "forecast", "figure", "rows")
        for code, error in answers_to(*[(route, query) for route in routes]):
            assert code == 400
            assert error.startswith(f"a query of {size} bytes is not read: at most 65,536 are.")
    ((code, error),) = answers_to(("series", good + "metric=loss&" * 10_000))
    assert (code, "at most 65,536 are" in error) == (400, True)  # through TensorBoard


def test_a_figure_has_a_number_of_panels_and_runs_that_can_be_drawn(answers_to):
    metrics = "&".join(f"metric=m{k}" for k in range(3_000))
    runs = "&".join(f"run=r{k}" for k in range(3_000))
    found = answers_to(
        ("figure", f"run=long&{metrics}"), ("figure", runs), ("series", f"run=long&{metrics}")
    )
    assert found[0] == [400, "at most 16 values of 'metric' are answered at once, got 3000."]
    assert found[1][0] == 400
    assert "values of 'run' are answered at once, got 3000." in found[1][1]
    assert found[2] == found[0]
