"""`rlviz doctor`: its exit codes and its formats."""

import json

import pytest


def test_doctor_says_that_a_sound_run_is(run_cli, parl_logdir):
    code, out, err = run_cli("doctor", parl_logdir)
    assert (code, err) == (0, "")
    assert out.startswith(f"{parl_logdir}: sound — 300 steps in 1 session, nothing lost.\n")
    assert len(out.splitlines()) == 5


def test_doctor_tells_by_its_exit_code_that_something_is_lost(run_cli, write_steps, tmp_path):
    state = write_steps([1, 2, 3])
    write_steps([6], state={**state, "step": 5})
    code, out, err = run_cli("doctor", tmp_path / "run")
    assert (code, err) == (1, "")
    assert "PROBLEM  Steps 4 to 5 have no rows" in out
    code, out, err = run_cli("doctor", tmp_path / "run", "--format", "json")
    assert (code, err) == (1, "")
    data = json.loads(out, parse_constant=pytest.fail)
    assert (data["state"], data["findings"][0]["kind"]) == ("losses", "missing")
    assert data["facts"]["missing"] == [[4, 5]]


def test_doctor_prints_json_of_a_sound_run(run_cli, parl_logdir):
    code, out, err = run_cli("doctor", parl_logdir, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out, parse_constant=pytest.fail)["facts"]["steps"] == 300
