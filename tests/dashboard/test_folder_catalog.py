"""Runs straight from their directories: as they are, as they grow, as they come and go."""

import shutil

import numpy as np

import rlviz
from rlviz.dashboard.folder_catalog import FolderCatalog


def names(catalog):
    return [run.name for run in catalog.refresh(None, "")]


def test_a_run_is_what_read_gives(corpus):
    catalog = FolderCatalog({"runs": [corpus]})
    while len(names(catalog)) < len(list(corpus.iterdir())):
        pass
    assert catalog.unread == 0
    for run in catalog.refresh(None, ""):
        _, found = catalog.get(None, "", run.name)
        expected = rlviz.read(corpus / run.name)
        np.testing.assert_array_equal(found.step, expected.step)
        np.testing.assert_array_equal(found.flops, expected.flops)
        assert run.listing["steps"] == len(expected)
        assert found.logdir == run.name


def test_what_is_written_later_is_found_and_the_rest_keeps_its_version(tmp_path, write_steps):
    write_steps(range(1, 4), logdir=tmp_path / "still")
    state = write_steps(range(1, 4), logdir=tmp_path / "grows")
    catalog = FolderCatalog({"runs": [tmp_path]})
    catalog.refresh(None, "")
    before = {run.name: run.version for run in catalog.refresh(None, "")}
    write_steps(range(4, 8), logdir=tmp_path / "grows", state=state)
    write_steps(range(1, 4), logdir=tmp_path / "new")
    after: dict[str, int] = {}
    while after.get("grows", 0) <= before["grows"] or "new" not in after:
        after = {run.name: run.version for run in catalog.refresh(None, "")}
    assert after["still"] == before["still"]
    assert len(catalog.get(None, "", "grows")[1]) == 7


def test_a_directory_that_goes_away_takes_its_run_along(tmp_path, write_steps):
    for name in ("a", "b"):
        write_steps([1, 2], logdir=tmp_path / name)
    catalog = FolderCatalog({"runs": [tmp_path]})
    assert names(catalog) == ["a", "b"]
    shutil.rmtree(tmp_path / "b")
    while names(catalog) != ["a"]:
        pass
    assert catalog.get(None, "", "b") is None


def test_event_files_of_others_are_no_run(tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "events.out.tfevents.1").write_bytes(b"")
    assert names(FolderCatalog({"runs": [tmp_path]})) == []
