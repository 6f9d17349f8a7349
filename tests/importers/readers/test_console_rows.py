"""Lines of one step each, as prime-rl, Megatron and loops written by hand print them."""

import numpy as np
import pytest

from rlviz.importers import import_run


def test_the_lines_of_prime_rl_are_read_with_their_times(take, metric):
    log = "22:41:22 \x1b[32mSUCCESS\x1b[0m Train environment(s) ready\n"
    for step in range(1, 4):
        log += f"22:43:19    DEBUG Micro Step {step}/8 | Loss: 99.0 | Entropy: 99.0\n"
        log += (
            f"22:43:19  SUCCESS Step {step} | Time: 1{step % 2}.50s | Reward: 0.{step}000 | "
            f"Throughput: 1234.5 tokens/s | Seq. Length: 98.2 tokens/sample | Async Level: 1\n"
        )
    imported, run = take(log)
    assert imported.kind == "console_rows"
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.1, 0.2, 0.3]
    assert metric(run, "Throughput") == [1234.5] * 3
    assert metric(run, "Seq. Length") == [98.2] * 3
    assert np.diff(run.wall_time).tolist() == pytest.approx([10.5, 11.5])


def test_values_between_bars_need_no_colon(take, metric):
    """As prime-rl prints them since 2026."""
    log = "".join(
        f"22:43:19 SUCCESS Step {step} | {took} | Reward 0.{step}000 | Trainable 2/4 (50.0%) | "
        f"LR 1.00e-06 | Peak Mem. 20.5/79.2 GiB (25.9%)\n"
        for step, took in ((1, "22.5s"), (2, "2m 35s"), (3, "  9.5s"))
    )
    _, run = take(log)
    assert run.accuracy.tolist() == [0.1, 0.2, 0.3]
    assert metric(run, "LR") == [1e-6] * 3
    assert metric(run, "Peak Mem.") == [20.5] * 3
    assert np.diff(run.wall_time).tolist() == pytest.approx([155, 9.5])


def test_the_lines_of_megatron_are_read_with_their_times(take, metric):
    log = "training ...\n"
    for step in range(1, 4):
        log += (
            f" [2025-08-01 10:00:0{step}] iteration {step:8d}/     100 | consumed samples: "
            f"{256 * step:12d} | elapsed time per iteration (ms): 2500.0 | learning rate: "
            f"1.000000E-06 | global batch size:   256 | lm loss: {8.5 - step:.6E} | loss scale: "
            "1.0 | grad norm: 0.350 | number of skipped iterations:   0 |\n"
        )
    _, run = take(log)
    assert run.step.tolist() == [1, 2, 3]
    assert metric(run, "lm loss") == [7.5, 6.5, 5.5]
    assert metric(run, "consumed samples") == [256, 512, 768]
    assert np.diff(run.wall_time).tolist() == pytest.approx([2.5, 2.5])


@pytest.mark.parametrize(
    "line",
    [
        "Episode {0}, reward: {1}, epsilon: 0.1",
        "[INFO] Episode: {0}/500\tReward: {1}\tEpsilon: 0.1",
        "episode={0} reward={1} epsilon=0.1",
        "Episode #{0} - reward = {1} - epsilon = 0.1",
        "Ep {0} | Reward {1} | Epsilon 0.1",
        "Episode {0} | Reward: {1} | Epsilon: 0.1 | Timesteps: 50000",
        "update: [{0}/200], mean_reward: {1}, epsilon: 0.1",
        "2025-08-01 10:00:00,123 - train - INFO - Episode {0}: Reward: {1}; Epsilon: 0.1 (eval)",
    ],
)
def test_loops_written_by_hand_are_read(take, metric, line):
    _, run = take("".join(line.format(n, f"{-10.5 * n}") + "\n" for n in range(1, 5)))
    assert run.step.tolist() == [1, 2, 3, 4]
    assert metric(run, "return") == [-10.5, -21.0, -31.5, -42.0]
    other = next(name for name in run.metrics if name.casefold() == "epsilon")
    assert metric(run, other) == [0.1] * 4


def test_the_lines_of_cleanrl_are_read(take, metric):
    _, run = take(
        "".join(f"global_step={128 * n}, episodic_return=[{9.5 * n}]\n" for n in (1, 2, 3))
    )
    assert run.step.tolist() == [128, 256, 384]
    assert metric(run, "return") == [9.5, 19.0, 28.5]


def test_lines_with_another_label_are_left_out_and_said_to_be(take):
    log = ""
    for step in range(1, 7):
        log += f"step {step} | reward: {step} | kl: 0.1\n"
        if step % 3 == 0:
            log += f"epoch {step // 3} | reward: 99 | time: 5s\n"
        if step == 4:
            log += "episode 9 | length: 7\n"
    imported, run = take(log)
    assert run.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert any("2 of 'epoch', 1 of 'episode'" in note for note in imported.notes)


def test_steps_that_begin_again_in_each_epoch_are_numbered(take, metric):
    log = "".join(
        f"Epoch {epoch}/3 Step {step}/4 | reward: {4 * epoch + step}\n"
        for epoch in range(3)
        for step in range(4)
    )
    imported, run = take(log)
    assert run.step.tolist() == list(range(1, 13))
    assert metric(run, "return") == list(range(12))
    assert any("begin again" in note for note in imported.notes)


def test_prose_with_steps_and_numbers_is_no_log(tmp_path):
    (tmp_path / "notes.txt").write_text(
        "Step 1 is to install 3 packages\nStep 2: read the manual\nstep 3 of 7\nin epoch 4 we did\n"
    )
    with pytest.raises(ValueError, match="none of the logs that rlviz knows"):
        import_run(tmp_path / "notes.txt", tmp_path / "run")


def test_a_share_in_percent_is_a_share(take):
    _, run = take("".join(f"step {s}: loss=0.5, acc={10 * s}.5%\n" for s in (1, 2, 3)))
    assert run.accuracy.tolist() == pytest.approx([0.105, 0.205, 0.305])


@pytest.mark.parametrize("bar", [" | ", ", "])
def test_a_decimal_comma_is_not_taken_for_the_end_of_a_number(take, metric, bar):
    text = "".join(
        f"Step {s}{bar}KL: 0,{400 + s}{bar}Reward: 0,{40 + s}{bar}Loss: 1,20{s}\n"
        for s in (1, 2, 3)
    )
    _, run = take(text)
    assert metric(run, "KL") == pytest.approx([0.401, 0.402, 0.403])
    assert run.accuracy.tolist() == pytest.approx([0.41, 0.42, 0.43])
    assert metric(run, "Loss") == pytest.approx([1.201, 1.202, 1.203])


def test_what_cleanrl_prints_stands_at_steps_of_the_environment(take, metric):
    text = "".join(
        f"global_step={step}, episodic_return=[{step // 100}.]\nSPS: {2000 + step}\n"
        for step in range(134, 9000, 311)
    )
    imported, run = take(text)
    assert run.step.tolist() == list(range(134, 9000, 311))
    assert metric(run, "return") == [step // 100 for step in range(134, 9000, 311)]
    assert not imported.is_sampled
    assert "logged points" not in str(imported)


@pytest.mark.parametrize("form", ["acc=({}/64)", "acc: {}/64", "acc = [{} / 64]", "correct: {}/64"])
def test_right_answers_of_all_are_an_accuracy_with_its_number_of_answers(take, form):
    imported, run = take(
        "".join(f"Step {s}/100: loss=0.5, {form.format(10 + s)}, lr=1e-6\n" for s in (1, 2, 3))
    )
    assert run.accuracy.tolist() == pytest.approx([11 / 64, 12 / 64, 13 / 64])
    assert run.columns["graded"].tolist() == [64, 64, 64]
    assert run.metrics == ("loss", "lr")
    assert np.isfinite(run.accuracy_interval).all()
    assert "no interval" not in str(imported)


def test_how_far_a_loop_is_is_no_share(take, metric):
    _, run = take("".join(f"Step {s}: batch: {s}/64, reward: 0.{s}\n" for s in (1, 2, 3)))
    assert metric(run, "batch") == [1, 2, 3]


def test_an_evaluation_does_not_say_how_many_training_answers_there_were(take):
    lines = "".join(f"Step {s}: acc=0.{s}, val_acc=({s}/8)\n" for s in (1, 2, 3))
    _, run = take(lines)
    assert run.uncounted.all()


def test_where_commas_are_decimal_points_stand_before_thousands(take, metric):
    text = "".join(
        f"Step {f'{step:,}'.replace(',', '.')} | acc 0,5{step % 7} | tokens "
        f"{f'{step * 1000:,}'.replace(',', '.')}\n"
        for step in range(500, 3001, 500)
    )
    imported, run = take(text)
    assert run.step.tolist() == [500, 1000, 1500, 2000, 2500, 3000]
    assert run.accuracy.tolist() == pytest.approx(
        [0.5 + s % 7 / 100 for s in range(500, 3001, 500)]
    )
    assert metric(run, "tokens")[-1] == 3_000_000
    assert "Commas are decimal here, and points stand before thousands." in imported.notes


@pytest.mark.parametrize("other", ["0.53", "12.5"])
def test_a_log_that_has_decimal_points_too_keeps_its_points(take, metric, other):
    text = "".join(f"Step {s}: KL: 0,4{s}1, Loss: 1.00{s}, c: {other}\n" for s in (1, 2, 3))
    _, run = take(text)
    assert metric(run, "Loss") == pytest.approx([1.001, 1.002, 1.003])


def test_points_without_a_decimal_comma_are_decimal(take, metric):
    _, run = take("".join(f"Step {s}: reward: 0.{s}, Loss: 1.00{s}\n" for s in (1, 2, 3)))
    assert metric(run, "Loss") == pytest.approx([1.001, 1.002, 1.003])
