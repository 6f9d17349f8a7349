"""The unit of work and span, from what is recorded to every place that names it."""

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.dashboard import listing, series
from rlviz.parallelism import Parallelism
from rlviz.report.doctor import notes
from rlviz.report.history import history
from rlviz.report.series.measures import measure

STEPS = 30


def run_of(tmp_path, name, *units):
    """A run whose steps take these units by turns."""
    rng = np.random.default_rng(0)
    with rlviz.Callback(tmp_path / name, figure_seconds=None, strict=True) as viz:
        for step in range(1, STEPS + 1):
            unit = units[step % len(units)] if units else None
            work = float(8 + step / 5 + rng.normal())
            viz.on_step_end(step, parallelism=[Parallelism(work, 2.0, unit=unit)], flops=10**12)
    return rlviz.read(tmp_path / name)


def axes_of(run, **more):
    figure = rlviz.figure(run, metrics=["average_parallelism"], **more)
    (axes,) = figure.axes
    return axes.get_ylabel(), axes.get_title(), "\n".join(text.get_text() for text in figure.texts)


def test_a_unit_that_only_late_rows_say_is_known(monkeypatch):
    monkeypatch.setattr(history, "BLOCK_ROWS", 2)
    columns = {"step": np.arange(1.0, 8.0), "in_tokens": np.zeros(7), "in_steps": np.zeros(7)}
    assert rlviz.History(columns).parallelism_units == ()
    columns["in_tokens"][6] = 1
    assert rlviz.History(columns).parallelism_units == ("tokens",)


@pytest.mark.parametrize("units", [(), ("steps",)])
def test_the_published_panel_stays_as_it_is_for_steps_and_where_nothing_is_said(tmp_path, units):
    run = run_of(tmp_path, "run", *units)
    label, title, caption = axes_of(run)
    assert (label, title) == ("Average Parallelism", "Average parallelism vs Steps")
    assert ("work and span in agent steps" in caption) == bool(units)
    assert run.parallelism_units == units
    said = rlviz.summarise(run).markdown()
    assert ("episodes of work / span, in agent steps." in said) == bool(units)
    assert "(agent steps)" not in said


@pytest.mark.parametrize("unit", ["tokens", "seconds"])
def test_another_unit_stands_at_the_axis_in_the_title_and_in_the_summary(tmp_path, unit):
    run = run_of(tmp_path, "run", unit)
    label, title, caption = axes_of(run)
    assert label == f"Average Parallelism ({unit})"
    assert title == f"Average parallelism ({unit}) vs Steps"
    assert f"work and span in {unit}" in caption
    assert axes_of(run, x="step")[1] == f"Average Parallelism ({unit}) vs Steps"
    summary = rlviz.summarise(run)
    (claim,) = (claim for claim in summary.claims if claim.name == schema.PARALLELISM)
    assert claim.sentence.startswith(f"Average parallelism ({unit}) ")
    assert summary.facts["parallelism_units"] == [unit]
    assert f"mean over a step's episodes of work / span, in {unit}." in summary.markdown()


def test_the_page_gets_it_with_the_list_of_runs_and_with_the_curve(tmp_path):
    run = run_of(tmp_path, "run", "tokens")
    told = listing.listing_of(run, ())
    assert told["parallelism_units"] == ["tokens"]
    assert "in_tokens" not in told["metrics"]
    points = series.points(run, "average_parallelism", "step", log=False)
    assert points.measure.label == "Average Parallelism (tokens)"


def test_the_axis_of_a_figure_of_several_runs_names_all_their_units(tmp_path):
    runs = [run_of(tmp_path, unit, unit) for unit in ("seconds", "steps")]
    assert measure("parallelism", runs).label == "Average Parallelism (agent steps and seconds)"


def test_a_run_that_mixes_units_is_told_so(tmp_path):
    run = run_of(tmp_path, "run", "tokens", "seconds")
    assert run.parallelism_units == ("tokens", "seconds")
    (finding,) = notes.units(run)
    assert "are in tokens and seconds: their average parallelism is not one" in finding.what
    assert any("in tokens and seconds" in note for note in listing.listing_of(run, ())["notes"])
    assert list(notes.units(run_of(tmp_path, "other", "tokens"))) == []


def test_runs_of_different_units_are_not_compared(tmp_path):
    tokens, seconds, unsaid = (
        run_of(tmp_path, "a", "tokens"),
        run_of(tmp_path, "b", "seconds"),
        run_of(tmp_path, "c"),
    )
    with pytest.raises(ValueError, match=r"are in tokens in 'a' and in seconds in 'b': these are"):
        rlviz.compare([tokens, seconds], metric="average_parallelism")
    same = rlviz.compare({"a": tokens, "b": tokens}, metric="average_parallelism")
    assert "Work and span are in tokens, in all runs." in same.notes
    one = rlviz.compare({"a": tokens, "c": unsaid}, metric="average_parallelism")
    assert any("taken on trust" in note for note in one.notes)


def test_the_unit_of_a_sender_goes_with_its_episodes(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None, parallelism_unit="steps") as viz:
        sender = viz.sender(host="localhost")
        sender.record(parallelism=[Parallelism(6, 2, unit="tokens"), Parallelism(6, 3)])
        assert sender.flush(20)
        viz.on_step_end(1)
    run = rlviz.read(tmp_path)
    assert (run.columns["in_tokens"][0], run.columns["in_steps"][0]) == (1, 1)


def test_exports_have_it(tmp_path):
    run = run_of(tmp_path, "run", "tokens")
    rlviz.export(run, tmp_path / "run.csv")
    header, first = (tmp_path / "run.csv").read_text(encoding="utf-8").splitlines()[:2]
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert float(row["in_tokens"]) == 1
    assert "parallelism/parallel_episodes" not in row  # a step of one episode tells no share
