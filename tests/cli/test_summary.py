"""`rlviz summary`: the same words, in each of the formats."""

import json

import pytest

import rlviz


def test_summary_prints_markdown_as_it_is_where_no_terminal_is(run_cli, parl_logdir, parl):
    expected = rlviz.summarise(parl).markdown()
    assert run_cli("summary", parl_logdir) == (0, expected, "")


def test_summary_prints_json(run_cli, parl_logdir, parl):
    code, out, err = run_cli("summary", parl_logdir, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out, parse_constant=pytest.fail) == rlviz.summarise(parl).to_dict()


@pytest.mark.parametrize(
    ("name", "options", "start"),
    [
        ("s.md", [], "# Run"),
        ("s.json", [], "{"),
        ("s.HTML", [], "<!doctype html>"),
        ("s.txt", [], "# Run"),
        ("s.html", ["--format", "markdown"], "# Run"),
        ("s.md", ["--format", "json"], "{"),
    ],
)
def test_summary_goes_by_the_suffix_unless_a_format_is_given(
    run_cli, write_steps, tmp_path, name, options, start
):
    write_steps([1, 2])
    output = tmp_path / name
    code, out, err = run_cli("summary", tmp_path / "run", "-o", output, *options)
    assert (code, out, err) == (0, f"{output}\n", "")
    assert output.read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_summary_writes_the_same_to_a_file(run_cli, parl_logdir, tmp_path, form):
    output = tmp_path / "summary"
    _, printed, _ = run_cli("summary", parl_logdir, "--format", form)
    assert run_cli("summary", parl_logdir, "--format", form, "-o", output) == (0, f"{output}\n", "")
    assert output.read_text(encoding="utf-8") == printed


def test_the_report_is_a_page_with_the_figure(run_cli, parl_logdir, tmp_path):
    page = tmp_path / "report.html"
    code, out, err = run_cli("summary", parl_logdir, "--format", "html", "-o", page)
    assert (code, out, err) == (0, f"{page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert text.index("<svg") < text.index("<h1>Run parl-shape</h1>")
    assert "<table>" in text
    assert "http://" not in text.split("<h1>")[1]


def test_summary_and_its_figure_are_of_the_metrics_that_are_named(run_cli, write_steps, tmp_path):
    write_steps([1, 2], correct=[1, 0], metrics={"loss": 2.0})
    run, page = tmp_path / "run", tmp_path / "page.html"
    code, out, _ = run_cli("summary", run, "--metrics", "loss", "--format", "json")
    assert (code, list(json.loads(out)["segments"])) == (0, ["loss"])
    assert run_cli("summary", run, "--metrics", "loss", "-o", page)[0] == 0
    svg, _, text = page.read_text(encoding="utf-8").partition("<h1>")
    assert "Loss has only 2 values" in text
    assert "accuracy vs" not in svg.lower()


def test_an_unknown_metric_is_named_with_the_known_ones(
    run_cli, assert_one_sentence, write_steps, tmp_path
):
    write_steps([1, 2], correct=[1, 0], metrics={"loss": 2.0})
    result = run_cli("summary", tmp_path / "run", "--metrics", "lost")
    assert_one_sentence(result, "no run has a metric 'lost'; there are")
