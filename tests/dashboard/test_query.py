"""What a request may ask for: anything, and what is wrong is said in a sentence."""

import pytest

from .conftest import DATA_ROUTES

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
    "curve": ["run", "metric", "x", "log"],
    "comparison": ["group", "count", "run", "reference", "metric"],
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
        assert sentence.endswith((".", "?")), (asked, sentence)
        assert len(sentence) < 1000
        for leak in ("Traceback", 'File "', "rlviz/dashboard", "site-packages", "Error("):
            assert leak not in sentence


@pytest.mark.quick(2)
@pytest.mark.parametrize("route", PARAMETERS)
def test_whatever_a_parameter_is_the_answer_is_a_sentence(board, caplog, route, ran):
    asked = 0
    good = {"run": "plain", "metric": "accuracy", "group": "a", "count": "1"}
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


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("route", "parameters", "words"),
    [
        (
            "series",
            {"run": "plain", "metric": "loss", "width": 10_000, "height": 4_001},
            "width times height must be at most 40,000,000 pixels, got 10000 × 4001.",
        ),
        (
            "figure",
            [("run", "plain"), *(("metric", f"m{k}") for k in range(17))],
            "at most 16 values of 'metric' are answered at once, got 17.",
        ),
        (
            "figure",
            [("run", f"r{k}") for k in range(500)],
            "values of 'run' are answered at once, got 500.",
        ),
        ("runs", {"x": "a" * 70_000}, "a query of 70,002 bytes is not read: at most 65,536 are."),
    ],
)
def test_a_request_for_too_much_is_refused_with_its_limit(board, route, parameters, words):
    response = board.get(route, parameters)
    assert response.status_code == 400
    assert words in response.get_json()["error"]


def test_a_request_at_the_limit_is_answered(board):
    largest = {"run": "plain", "metric": "loss", "width": 10_000, "height": 4_000}
    assert board.get("series", largest).status_code == 200
    many = [("run", "bare"), *(("metric", "accuracy") for _ in range(40))]  # one, over and over
    assert board.get("figure", many).status_code == 200
