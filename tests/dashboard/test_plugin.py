"""The plugin in TensorBoard: its tab, its routes and no others, and words for whatever comes."""

import threading

import fsspec
import pytest
from tensorboard.plugins import base_plugin

from rlviz.dashboard import assets
from rlviz.dashboard.plugin import Plugin

from .conftest import DATA_ROUTES, PLAIN


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


@pytest.mark.slow
def test_a_run_that_is_copied_to_a_store_now_and_then_is_shown(open_board, tmp_path, write_steps):
    store = fsspec.filesystem("memory")

    def copy(*, cut_off=None):
        for file in (tmp_path / "run").iterdir():
            store.pipe_file(f"/bucket/run/{file.name}", file.read_bytes()[:cut_off])

    state = write_steps(range(1, 4))
    copy()
    board = open_board("memory://bucket", "false", reload_interval=1, reload_task="thread")
    board.wait_for(lambda: board.runs().get("run", {}).get("steps") == 3)
    write_steps(range(4, 6), state=state)
    copy(cut_off=-200)
    board.wait_for(lambda: "run" in board.runs())
    copy()
    board.wait_for(lambda: board.runs()["run"]["steps"] == 5)


def test_outside_the_path_prefix_nothing_is_answered(board):
    assert board.client.get("/data/plugin/rlviz/runs").status_code == 404


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


def test_tensorboards_page_opens_also_where_no_thread_is_left_to_read_ahead(no_threads):
    plugin = Plugin(base_plugin.TBContext(data_provider=Listed()))
    with no_threads():
        assert plugin.frontend_metadata().tab_name == "RL FLOPs"


def test_what_the_browser_has_already_is_not_sent_again(board):
    for route in ("index.js", "runs"):
        first = board.get(route)
        again = board.get(route, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        other = board.get(route, headers={"If-None-Match": '"other"'})
        assert (other.status_code, other.data) == (200, first.data)


def test_only_get_and_head_are_answered(board):
    for route in (*DATA_ROUTES, "index.js"):
        path = f"{board.prefix}/data/plugin/rlviz/{route}"
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            response = board.client.open(path, method=method, data=b"x")
            assert response.status_code == 405
            assert response.headers["Allow"] == "GET, HEAD"
            assert "only GET is answered" in response.get_json()["error"]
        head = board.client.head(path, query_string=PLAIN)
        assert (head.status_code, head.data) == (200, b"")


def test_each_server_has_an_id_of_its_own(open_board, tmp_path):
    first, second = open_board(tmp_path), open_board(tmp_path)
    assert first.listed()["server"] != second.listed()["server"]
    assert first.listed()["server"] == first.listed()["server"]


def test_without_its_data_server_tensorboard_answers_in_words(open_board, tmp_path, write_steps):
    write_steps([1, 2, 3], logdir=tmp_path / "run")
    board = open_board(tmp_path, "true")
    board.wait_for(lambda: board.runs())
    board.close()
    response = board.wait_for(lambda: (r := board.get("runs")).status_code == 503 and r)
    assert "can't be read now" in response.get_json()["error"]


# --- paths ---------------------------------------------------------------


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
        "static/index.js",
        "./index.js",
        "index.js/",
        "index.js%00",
        "INDEX.JS",
        "index.js.map",
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


@pytest.mark.quick(2)
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
