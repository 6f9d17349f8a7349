"""Boxes on the console, as Stable-Baselines3, baselines and Spinning Up draw them."""

import pytest


def box(rows):
    """What `HumanOutputFormat` of baselines and SB3 writes."""
    wide = max(len(name) for name, _ in rows)
    lines = [f"| {name:<{wide}} | {value:<8} |" for name, value in rows]
    edge = "-" * (wide + 15)
    return "\n".join([edge, *lines, edge]) + "\n"


def test_the_boxes_of_stable_baselines_have_the_names_of_its_tables(take, metric):
    log = "Using cpu device\nWrapping the env in a DummyVecEnv.\n"
    for step in range(1, 4):
        rows = [
            *(("rollout/", ""), ("    ep_len_mean", "22.3"), ("    ep_rew_mean", 20 + step)),
            *(("time/", ""), ("    fps", "987"), ("    iterations", step)),
            *(("    time_elapsed", 2 * step), ("    total_timesteps", 2048 * step)),
            *(("train/", ""), ("    approx_kl", "0.0081"), ("    n_updates", 10 * step)),
        ]
        log += box(rows)
    imported, run = take(log)
    assert imported.kind == "console_tables"
    assert run.step.tolist() == [2048, 4096, 6144]
    assert imported.columns["return"] == "rollout/ep_rew_mean"
    assert metric(run, "return") == [21, 22, 23]
    assert metric(run, "train/approx_kl") == [0.0081] * 3
    assert (run.wall_time[1:] - run.wall_time[:-1]).tolist() == pytest.approx([2, 2])


def test_the_boxes_of_spinning_up_are_read(take, metric):
    log = ""
    for epoch in range(3):
        rows = [("Epoch", epoch), ("AverageEpRet", -200.5 + epoch), ("StdEpRet", 50)]
        rows += [("EpLen", 200), ("TotalEnvInteracts", 4000 * (epoch + 1)), ("Time", 5.5 * epoch)]
        log += "-" * 37 + "\n"
        log += "".join(f"| {name:>15} | {value:>15} |\n" for name, value in rows) + "-" * 37 + "\n"
    _, run = take(log)
    assert run.step.tolist() == [4000, 8000, 12000]
    assert metric(run, "return") == [-200.5, -199.5, -198.5]
    assert (run.wall_time[1:] - run.wall_time[:-1]).tolist() == pytest.approx([5.5, 5.5])


def test_the_boxes_of_baselines_are_read(take, metric):
    log = "".join(
        box([("eplenmean", 120), ("eprewmean", -5.5 * n), ("misc/nupdates", n),
             ("misc/total_timesteps", 128 * n), ("misc/time_elapsed", n)])
        for n in range(1, 4)
    )  # fmt: skip
    _, run = take(log)
    assert run.step.tolist() == [128, 256, 384]
    assert metric(run, "return") == [-5.5, -11.0, -16.5]
