"""Rollouts that NeMo Gym collects."""

import json


def trajectory(at, reward):
    return {
        "responses_create_params": {"input": [{"role": "user", "content": "What is 37 + 58?"}]},
        "response": {
            "created_at": 1786127167.0 + at,
            "output": [{"content": [{"text": "95"}], "generation_token_ids": [3, 4]}],
            "usage": {"input_tokens": 2, "output_tokens": 5 + at, "total_tokens": 7 + at},
        },
        "reward": reward,
        "turns_used": 1,
        "expected_answer": "95",
        "_ng_task_index": at,
        "agent_ref": {"name": "simple_agent"},
    }


def test_each_trajectory_is_a_row_and_said_to_be_no_step(take, metric):
    rows = [trajectory(at, float(at % 2)) for at in range(4)]
    log = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    imported, run = take(log, name="rollouts.jsonl", params=1e9)
    assert not run.has_compute_axis  # nothing was trained on
    assert imported.kind == "nemo_gym"
    assert run.step.tolist() == [1, 2, 3, 4]
    assert metric(run, "response/usage/output_tokens") == [5, 6, 7, 8]
    assert "_ng_task_index" not in run.metrics
    assert run.wall_time[-1] - run.wall_time[0] == 3
    assert any("one trajectory, which is no training step" in note for note in imported.notes)
