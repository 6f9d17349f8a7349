"""result.json of Ray Tune, and the tags that it writes for TensorBoard."""

import json


def test_the_case_of_rllib_has_its_right_values(cases, take, metric):
    imported, run = take(cases / "17-rllib.result.json")
    assert imported.kind == "tune"
    assert run.step.tolist() == list(range(1, 31))
    returns = [value for value in metric(run, "return") if value == value]
    assert (len(returns), returns[0], returns[-1]) == (27, -18, -5)
    assert not any("config" in name or "done" in name for name in run.metrics)


def test_the_trial_of_newer_versions_is_read_from_its_folder(tmp_path, take, metric):
    rows = [
        {
            "env_runners": {"episode_return_mean": 10.5 * n, "episode_len_mean": 20},
            "num_env_steps_sampled_lifetime": 4000 * n,
            "training_iteration": n,
            "time_total_s": 9.5 * n,
            "config": {"lr": 5e-05, "model": {"dim": 84}},
            "trial_id": "a1b2",
            "pid": 77,
        }
        for n in (1, 2, 3)
    ]
    folder = tmp_path / "PPO_Toy_a1b2"
    folder.mkdir()
    (folder / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "params.pkl").write_bytes(b"\x80\x04rest")
    imported, run = take(folder)
    assert run.step.tolist() == [1, 2, 3]
    assert metric(run, "return") == [10.5, 21.0, 31.5]
    assert any("left out" in note and "params.pkl" in note for note in imported.notes)
