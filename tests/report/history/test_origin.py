"""Where a run came from."""

import rlviz
from rlviz.report.history.origin import origin_of


def test_an_imported_run_tells_its_log_and_its_account(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,accuracy,tokens\n1,0.25,10\n5,0.5,10\n9,0.5,10\n13,0.5,10\n")
    imported = rlviz.import_run(log, tmp_path / "run", params=1e9, cumulative=False)
    origin = origin_of(rlviz.read(tmp_path / "run"))
    assert (origin.source, origin.kind, origin.is_sampled) == ("log.csv", "csv", True)
    assert origin.account == tuple(str(imported).splitlines())
    assert any("are of the 4 logged rows" in says for says in origin.unknown)


def test_a_recorded_run_has_no_origin_even_if_its_configuration_says_much(tmp_path):
    config = {"account": "imported", "kind": "imported from", "lr": 1e-6}
    with rlviz.Callback(tmp_path / "run", config=config, figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0])
    assert origin_of(rlviz.read(tmp_path / "run")) is None


def test_a_history_without_files_has_no_origin(tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0])
    run = rlviz.read(tmp_path / "run")
    assert origin_of(run) is None
    next((tmp_path / "run").glob("*tfevents*")).unlink()
    assert origin_of(run) is None
