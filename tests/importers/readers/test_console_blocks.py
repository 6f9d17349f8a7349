"""Blocks below a line with the step, as NeMo-RL, rsl_rl and AReaL print them."""

import numpy as np
import pytest

from rlviz.importers import import_run


def nemo_rl(step):
    return f"""
========================= Step {step}/4 =========================
▶ Preparing batch...
▶ Generating responses for batch of size 64...
Collecting rollouts: 100%|##########| 40/40 [00:10<00:00, 4.00it/s]

🔍 Analyzing valid lengths:

📊 Validation Results:
    • Accuracy: 0.7{step}00
    • Average response length: 99.5 tokens

📊 Training Results:
  • Loss: -0.0123
  • Avg Reward: 0.{step}000
  • Mean Generation Length: 200.5000

⏱️  Timing:
  • Total step time: 1{step}.00s
  • generation: 4.00s (40.0%)

🔍 Performance Metrics:
  • Throughputs (per GPU):
    - E2E (Tokens/sec/gpu): 20.00
"""


def test_the_blocks_of_nemo_rl_are_read(take, metric):
    imported, run = take("".join(map(nemo_rl, (1, 2, 3))))
    assert imported.kind == "console_blocks"
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.1, 0.2, 0.3]
    assert metric(run, "Loss") == [-0.0123] * 3
    assert metric(run, "generation") == [4.0] * 3
    assert metric(run, "validation/Accuracy") == [0.71, 0.72, 0.73]
    assert np.diff(run.wall_time).tolist() == pytest.approx([12, 13])


def test_the_blocks_of_rsl_rl_are_read(take, metric):
    log = ""
    for iteration in range(3):
        log += (
            f"{'#' * 80}\n\x1b[1m{f' Learning iteration {iteration}/1500 ':^80}\x1b[0m\n\n"
            "                       Computation: 51234 steps/s (collection: 1.5s, learning 0.4s)\n"
            "               Value function loss: 0.0212\n"
            f"                       Mean reward: {-3.5 + iteration:.2f}\n"
            "               Mean episode length: 21.50\n"
            "Episode_Reward/track_lin_vel_xy_exp: 0.0123\n"
            f"{'-' * 80}\n"
            f"                   Total timesteps: {98304 * (iteration + 1)}\n"
            f"                    Iteration time: 1.92s\n"
            f"                        Total time: {1.92 * (iteration + 1):.2f}s\n"
            "                               ETA: 2875.1s\n\n"
        )
    _, run = take(log)
    assert run.step.tolist() == [0, 1, 2]
    assert metric(run, "return") == [-3.5, -2.5, -1.5]
    assert metric(run, "Episode_Reward/track_lin_vel_xy_exp") == [0.0123] * 3
    assert np.diff(run.wall_time).tolist() == pytest.approx([1.92, 1.92])


def test_the_grids_of_areal_are_read(take, metric):
    log = ""
    for step in (1, 2, 3):
        log += (
            f"20250801-10:00:0{step}.123 StatsLogger INFO: Epoch 1/10 Step {step}/7 Train step "
            f"{step}/70 done.\n20250801-10:00:01.123 StatsLogger INFO: Stats (1/1):\n"
            "20250801-10:00:01.124 StatsLogger INFO: \n"
            "╒═══════════════╤════════════╤═════════════╤════════════╕\n"
            f"│ rollout/reward│ {step / 10:.4e} │ grpo_actor/kl │ 1.0000e-03 │\n"
            "├───────────────┼────────────┼─────────────┼────────────┤\n"
            "│ timeperf/step │ 2.0000e+01 │               │            │\n"
            "╘═══════════════╧════════════╧═════════════╧════════════╛\n"
        )
    _, run = take(log)
    assert run.step.tolist() == [1, 2, 3]
    assert run.columns["metrics/grpo_actor/kl"].tolist() == [0.001] * 3
    assert "metrics/timeperf/step" in run.columns


def test_a_list_without_a_step_above_it_is_no_log(tmp_path):
    (tmp_path / "notes.txt").write_text("Results\n  • Loss: 0.1\n  • Reward: 0.5\n" * 3)
    with pytest.raises(ValueError, match="none of the logs that rlviz knows"):
        import_run(tmp_path / "notes.txt", tmp_path / "run")
