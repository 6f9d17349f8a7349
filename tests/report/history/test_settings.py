"""The configuration of a run, from its files."""

import rlviz
from rlviz.report.history.settings import decoded, settings_of


def test_a_run_tells_the_configuration_of_its_first_session(tmp_path):
    config = {"lr": 1e-6, "model": {"name": "m", "layers": 2}, "on": True, "none": None}
    with rlviz.Callback(tmp_path / "run", config=config, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0])
        state = viz.state_dict()
    with rlviz.Callback(tmp_path / "run", config={"lr": 1.0}, figure_seconds=None) as viz:
        viz.load_state_dict(state)
        viz.on_step_end(2, correct=[1, 0])
    expected = {"lr": 1e-6, "model.name": "m", "model.layers": 2.0, "on": True, "none": "None"}
    assert settings_of(rlviz.read(tmp_path / "run")) == expected


def test_a_run_without_one_or_without_files_tells_nothing(tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0])
    run = rlviz.read(tmp_path / "run")
    assert settings_of(run) == {}
    for file in (tmp_path / "run").glob("*tfevents*"):
        file.unlink()
    assert settings_of(run) == {}
    assert settings_of(rlviz.History({"step": run.step.astype(float)})) == {}


def test_what_another_program_wrote_there_is_no_configuration():
    assert decoded(b"") == {}
    assert decoded(b"\xff\xff\xff") == {}
