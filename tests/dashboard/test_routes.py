"""The routes: what they answer, to whatever comes."""

import gzip
import io
import json
import re
import threading
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from tensorboard.plugins import base_plugin

from rlviz.dashboard import assets
from rlviz.dashboard.plugin import Plugin

DATA_ROUTES = ("runs", "series", "forecast", "figure", "rows")


PLAIN = {"run": "plain", "metric": "accuracy"}
"""The parameters of a request that is answered."""


def test_the_tab_is_listed_where_a_run_has_rows(every_board, open_board, tmp_path):
    listing = every_board.client.get("/some/where/data/plugins_listing").get_json()
    assert listing["rlviz"]["enabled"] is True
    assert listing["rlviz"]["tab_name"] == "RL FLOPs"
    mechanism = listing["rlviz"]["loading_mechanism"]
    assert mechanism == {
        "type": "IFRAME",
        "module_path": "/some/where/data/plugin/rlviz/index.js",
    }
    entry = every_board.client.get("/some/where/data/plugin_entry.html?name=rlviz").get_data(
        as_text=True
    )
    assert '<base href="plugin/rlviz/" />' in entry
    empty = open_board(tmp_path)
    assert empty.client.get("/data/plugins_listing").get_json()["rlviz"]["enabled"] is False
    assert empty.listed()["runs"] == []


def test_outside_the_path_prefix_nothing_is_answered(board):
    assert board.client.get("/data/plugin/rlviz/runs").status_code == 404


# --- the page's files ------------------------------------------------------


def test_every_file_of_the_page_is_served_as_it_is(board):
    known = assets.load()
    assert {"index.js", "plot.js"} <= set(known)
    for name, asset in known.items():
        response = board.get(name)
        assert response.status_code == 200
        assert response.data == asset.content
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        expected = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        assert response.mimetype == expected[name.rpartition(".")[2]]


def test_a_file_of_the_page_is_compressed_for_who_takes_that(board):
    plain = board.get("plot.js")
    packed = board.get("plot.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < 0.6 * len(plain.data)


def test_what_the_browser_has_already_is_not_sent_again(board):
    for route in ("plot.js", "runs"):
        first = board.get(route)
        again = board.get(route, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        other = board.get(route, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.data) == (200, first.data)


class Listed:
    """A provider without runs that remembers whether it was asked for them."""

    def __init__(self):
        self.asked = threading.Event()

    def list_tensors(self, context, *, experiment_id, plugin_name):
        self.asked.set()
        return {}


def test_the_runs_are_read_when_tensorboards_page_opens_on_whatever_tab():
    provider = Listed()
    plugin = Plugin(base_plugin.TBContext(data_provider=provider))
    assert not provider.asked.is_set()
    assert plugin.frontend_metadata().tab_name == "RL FLOPs"
    assert provider.asked.wait(30)


# --- answers ---------------------------------------------------------------


def test_an_answer_is_compressed_and_never_guessed_at(board):
    for route in DATA_ROUTES:
        response = board.get(route, PLAIN, headers={"Accept-Encoding": "gzip"})
        assert response.status_code == 200
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "text/html" not in response.content_type
    assert gzip.decompress(board.get("runs", headers={"Accept-Encoding": "gzip"}).data) == (
        board.get("runs").data
    )


def test_the_figure_is_rlviz_s_own_and_to_be_saved(board):
    response = board.get("figure", {"run": "plain", "format": "png", "x": "step"})
    assert response.data.startswith(b"\x89PNG\r\n")
    assert response.headers["Content-Disposition"] == 'attachment; filename="plain.png"'
    pairs = [("run", "plain"), ("run", "without flops"), ("metric", "loss"), ("forecast", "1")]
    response = board.get("figure", pairs)
    assert response.mimetype == "image/svg+xml"
    assert ElementTree.fromstring(response.data).tag == "{http://www.w3.org/2000/svg}svg"
    text = response.get_data(as_text=True)
    assert "<!-- without flops -->" in text  # its name, which is drawn as a path
    assert response.headers["Content-Disposition"] == 'attachment; filename="rlviz.svg"'


def test_a_table_can_be_cut_to_what_is_visible(board):
    response = board.get("rows", {"run": "plain", "x": "step", "from": 30, "to": 40.5})
    lines = response.get_data(as_text=True).splitlines()
    assert [line.partition(",")[0] for line in lines] == ["step", *map(str, range(30, 41))]
    assert response.mimetype == "text/csv"
    assert response.headers["Content-Disposition"] == 'attachment; filename="plain.csv"'


def test_no_cell_of_a_table_can_run_as_a_formula(open_board, tmp_path, write_rows):
    names = ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(1)", "a;=1"]
    columns = ["step", "session", *(f"metrics/{name}" for name in names), *names]
    write_rows(tmp_path / "=HYPERLINK()", columns, [(np.ones((3, len(columns))), {})])
    response = open_board(tmp_path).get("rows", {"run": "=HYPERLINK()"})
    text = response.get_data(as_text=True)
    assert not re.search(r'(^|[,;|\t"])\s*[=+@-]', text)
    assert response.headers["Content-Disposition"] == 'attachment; filename="HYPERLINK.csv"'


def test_names_are_data_whatever_they_are(open_board, tmp_path, write_rows, learning):
    columns, table = learning(5)
    names = [
        "<script>alert(1)<%2fscript>",
        '"><img src=x onerror=alert(1)>',
        "..%2f..%2fetc",
        "new\nline\r\nX-Injected: 1",
        "ünïcödé 名前 \U0001f680",
        "a&b=c?d#e;f",
        "\\\\server\\share",
        "sub/…/run",
    ]
    for name in names:
        write_rows(tmp_path / name, [*columns[:-1], f"metrics/{name}"], [(table, {})])
    board = open_board(tmp_path)
    assert set(board.runs()) == set(names)
    for name in names:
        assert name in board.runs()[name]["metrics"]
        header, _ = board.series(name, name, x="step")
        assert header["label"] == name
        response = board.get("rows", {"run": name})
        assert response.status_code == 200
        shown = response.headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+\.csv"', shown)
        assert "X-Injected" not in response.headers
    pairs = [("x", "step"), *(("run", name) for name in names), ("metric", names[0])]
    tree = ElementTree.fromstring(board.get("figure", pairs).data)
    tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
    assert not tags & {"script", "foreignObject", "img", "a", "iframe"}


def test_only_get_and_head_are_answered(board):
    for route in (*DATA_ROUTES, "plot.js"):
        path = f"{board.prefix}/data/plugin/rlviz/{route}"
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            response = board.client.open(path, method=method, data=b"x")
            assert response.status_code == 405
            assert response.headers["Allow"] == "GET, HEAD"
            assert "only GET is answered" in response.get_json()["error"]
        head = board.client.head(path, query_string=PLAIN)
        assert (head.status_code, head.data) == (200, b"")


# --- bad queries -----------------------------------------------------------

GARBAGE = [
    "", " ", "-", "nan", "NaN", "inf", "-inf", "1e999", "-1e999", "1e308", "-1e308", "1e-320",
    "0", "-0", "-1", "2", "0.5", "1" * 400, "0x10", "1_0", "１２", "٣", "true", "None", "null",
    "undefined", "[]", "{}", "[1]", "a" * 10_000, "\0", "a\0b", "\ud7ff", "\U0001f680", "%", "%00",
    "%zz", "%%", "'",
    '"', "`", "\\", "\n", "\r\n", "\t", "{{7*7}}", "${7*7}", "%s%n", "{0.__class__}", "1 OR 1=1",
    "1;DROP", "$(id)", "|id", "../", "<script>", "accuracy/", "/accuracy", "accuracy//", "metrics/",
    "metrics/metrics/loss", "flops", "flops/total", "step", "session", "correct", "plain", "ema:",
    "ema:1", "ema:-1", "ema:nan", "ema:inf", "ema:1e999", "ema:0.9:0.9", "EMA:0.9", "auto ", "None",
]  # fmt: skip
PARAMETERS = {
    "runs": ["run", "unknown"],
    "series": [
        "run",
        "metric",
        "x",
        "log",
        "from",
        "to",
        "low",
        "high",
        "width",
        "height",
        "smooth",
        "dots",
    ],
    "forecast": ["run", "unknown"],
    "rows": ["run", "x", "from", "to", "format"],
}


def assert_answered(response, asked):
    """In words, and with a code that says whose mistake it was."""
    assert response.status_code in (200, 400, 404), (
        asked,
        response.status_code,
        response.data[:300],
    )
    if response.status_code != 200:
        sentence = response.get_json()["error"]
        assert sentence.endswith("."), (asked, sentence)
        assert len(sentence) < 1000
        for leak in ("Traceback", 'File "', "rlviz/dashboard", "site-packages", "Error("):
            assert leak not in sentence


@pytest.mark.parametrize("route", PARAMETERS)
def test_whatever_a_parameter_is_the_answer_is_a_sentence(board, caplog, route, ran):
    asked = 0
    good = {"run": "plain", "metric": "accuracy"}
    for name in PARAMETERS[route]:
        for value in GARBAGE:
            assert_answered(board.get(route, {**good, name: value}), (name, value))
            asked += 1
        without = {key: kept for key, kept in good.items() if key != name}
        assert_answered(board.get(route, without), name)
        assert_answered(board.get(route, [*good.items(), *[(name, v) for v in GARBAGE[:9]]]), name)
    assert_answered(board.get(route), "nothing")
    assert "could not answer" not in caplog.text
    ran(bad_queries=asked)


def test_whatever_a_parameter_is_a_figure_is_drawn_or_the_answer_is_a_sentence(board, caplog):
    drawn = {"flops/total", "step", "session", "correct", "plain"}  # each takes its time
    for name in ("run", "metric", "x", "log", "format", "forecast"):
        for value in (value for value in GARBAGE if value not in drawn):
            response = board.get("figure", [("run", "bare")] * (name != "run") + [(name, value)])
            assert_answered(response, (name, value))
    assert "could not answer" not in caplog.text


def test_raw_bytes_in_a_query_break_nothing(board, caplog):
    raw = ["%ff%fe", "run=%ff", "run=%c0%ae", "&&&===", "run", "=", "run=plain&run=bare", "%00=%00"]
    raw += ["run=plain&metric=accuracy&from=%ff", "run[]=plain", "run=plain;metric=x", "+" * 9999]
    for route in DATA_ROUTES:
        for query in raw:
            path = f"{board.prefix}/data/plugin/rlviz/{route}?{query}"
            assert_answered(board.client.get(path), (route, query))
    assert "could not answer" not in caplog.text


@pytest.mark.parametrize(
    ("parameters", "code", "words"),
    [
        ({}, 400, "the parameter 'metric' is missing."),
        ({"metric": "accuracy"}, 400, "the parameter 'run' is missing."),
        ({"metric": "accuracy", "run": "x"}, 404, "there is no run 'x'."),
        (
            {"metric": "nope", "run": "plain"},
            404,
            "no run has a metric 'nope'; there are 'accuracy'",
        ),
        (
            {"metric": "accuracy", "run": "plain", "x": "epoch"},
            400,
            "x must be one of flops, step, wall_time, tokens, got 'epoch'.",
        ),
        ({"log": "yes"}, 400, "log must be one of 0, 1, got 'yes'."),
        ({"from": "a"}, 400, "from must be a finite number, got 'a'."),
        ({"from": "2", "to": "1"}, 400, "from must not be above to, got 2 and 1."),
        ({"width": "0"}, 400, "width must be a whole number from 1 to 10000, got '0'."),
        ({"smooth": "ema:1"}, 400, "ema:<weight in [0, 1)> such as ema:0.9, got 'ema:1'."),
        ({"metric": "loss", "run": "bare"}, 404, "no run has a metric 'loss'"),
        ({"metric": "parallelism", "run": "bare"}, 404, "the run has no Average Parallelism."),
    ],
)
def test_a_mistake_is_named_with_what_was_expected(board, parameters, code, words):
    response = board.get("series", parameters)
    assert response.status_code == code
    assert words in response.get_json()["error"]


# --- paths -----------------------------------------------------------------

DOTS = [
    "..", "%2e%2e", "%252e%252e", ".%2e", "%2e.", "..%00", "..%01", "..;", "....", "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae", "..%ef%bc%8f", "\u2025", "\uff0e\uff0e", "..%0d%0a", "..%20", "..\\..",
    "%uff0e%uff0e", "..%5c..", ".%00.", "..%09", "~", ".", "..././..",
]  # fmt: skip
SLASHES = ["/", "%2f", "%252f", "\\", "%5c", "%255c", "//", "%c0%af", "/./", "\u2215", "%2f%2f"]
TARGETS = ["loader.py", "secret.txt", "etc/passwd", "index.js/../../loader.py"]
SECRETS = (b"TBLoader", b"root:", b"hidden in the log directory", b"[metadata]")


def payloads():
    """Paths out of the place that is served, in many spellings."""
    found = []
    for number, (dots, slash) in enumerate((d, s) for d in DOTS for s in SLASHES):
        depth = (1, 2, 3, 8)[number % 4]
        found.append((dots + slash) * depth + TARGETS[number % len(TARGETS)])
    found += [
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/passwd",
        "%2fetc%2fpasswd",
        "C:\\boot.ini",
    ]
    found += [
        "static/plot.js",
        "./plot.js",
        "plot.js/",
        "plot.js%00",
        "PLOT.JS",
        "plot.js.map",
    ]
    found += [
        "__init__.py",
        "loader.py",
        "plugin.py",
        "../loader.py",
        "style.css.map",
        "*",
        "static/*",
    ]
    found += ["runs/", "runs/x", "static", "static/", "proc/self/environ", "/proc/self/cmdline", ""]
    return found


@pytest.fixture(scope="module")
def guarded(open_board, tmp_path_factory, write_rows, learning):
    """A board whose log directory has something to hide."""
    logdir = tmp_path_factory.mktemp("guarded")
    columns, table = learning(5)
    write_rows(logdir / "run", columns, [(table, {})])
    (logdir / "secret.txt").write_bytes(SECRETS[2])
    (logdir / "run" / "secret.txt").write_bytes(SECRETS[2])
    board = open_board(logdir)
    board.hidden = [f"{logdir}/secret.txt", str(logdir / "run" / "secret.txt"), "run/secret.txt"]
    return board


def test_no_path_leads_out_of_the_page_s_files(guarded, ran):
    paths = [*payloads(), *guarded.hidden]
    assert len(set(paths)) >= 200
    asked = 0
    served = {asset.content for asset in assets.load().values()} | {guarded.get("runs").data}
    for path in paths:
        for start in ("", "static/", "plot.js/", "series/"):
            url = f"/data/plugin/rlviz/{start}{path}"
            raw = url.encode().decode("latin1")  # not decoded at all
            answers = [
                guarded.client.get(url),  # decoded once, as a server does
                guarded.client.get("/", environ_overrides={"PATH_INFO": raw}),
            ]
            for response in answers:
                assert response.status_code in (200, 400, 404), url
                if response.status_code == 200:  # a slash at the end makes no other file of it
                    assert response.data in served, url
                assert not any(secret in response.data for secret in SECRETS)
                asked += 1
    ran(traversals=asked)


@pytest.mark.parametrize(
    ("route", "names"),
    [
        ("runs", []),
        ("series", ["run", "metric", "x", "smooth"]),
        ("forecast", ["run"]),
        ("figure", ["run", "metric", "x", "format"]),
        ("rows", ["run", "x", "format"]),
    ],
)
def test_no_parameter_is_a_path(guarded, route, names, ran):
    """What a run or a metric may be called is looked up among names, and nowhere else."""
    asked = 0
    for path in [*payloads(), *guarded.hidden]:
        for name in names or ["run"]:
            response = guarded.get(route, {"run": "run", "metric": "accuracy", name: path})
            assert response.status_code in ((400, 404) if names else (200,)), (name, path)
            assert not any(secret in response.data for secret in SECRETS), (name, path)
            asked += 1
    ran(traversals=asked)


def test_the_only_routes_are_those_of_the_page():
    plugin = Plugin(base_plugin.TBContext())
    assert set(plugin.get_plugin_apps()) == {f"/{name}" for name in (*assets.load(), *DATA_ROUTES)}
    assert not any("*" in route for route in plugin.get_plugin_apps())


# --- many runs -------------------------------------------------------------


@pytest.mark.parametrize("loader", ["true", "false"], ids=["data server", "python loader"])
def test_300_runs_are_listed_quickly(
    open_board, tmp_path_factory, write_rows, learning, loader, noted
):
    logdir = tmp_path_factory.mktemp("many")
    columns, table = learning(200)
    for number in range(300):
        write_rows(logdir / f"g{number % 7}" / f"run{number:03}", columns, [(table, {})])
    board = open_board(logdir, loader)
    board.wait_for(
        lambda: (found := board.listed()) and len(found["runs"]) == 300 and not found["unread"]
    )
    assert board.get("runs").data == board.get("runs").data
    taken = []
    while len(taken) < 50 and not (len(taken) >= 5 and min(taken) < 0.2):
        began = time.perf_counter()
        found = board.listed()
        taken.append(time.perf_counter() - began)
    assert len(found["runs"]) == 300
    assert all(run["steps"] == 200 for run in found["runs"])
    assert [run["name"] for run in found["runs"]] == sorted(run["name"] for run in found["runs"])
    assert min(taken) < 0.2
    packed = len(board.get("runs", headers={"Accept-Encoding": "gzip"}).data)
    noted(f"300 runs, nothing new: {1e3 * min(taken):.0f} ms, {packed / 1e3:.0f} kB gzipped")


def test_each_server_has_an_id_of_its_own(open_board, tmp_path):
    first, second = open_board(tmp_path), open_board(tmp_path)
    assert first.listed()["server"] != second.listed()["server"]
    assert first.listed()["server"] == first.listed()["server"]


def test_json_holds_no_number_that_a_browser_does_not_know(board):
    def refuse(word):
        raise AssertionError(word)

    for route in ("runs", "forecast"):
        for name in board.runs():
            json.load(io.BytesIO(board.get(route, {"run": name}).data), parse_constant=refuse)
