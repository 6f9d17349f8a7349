"""The public runs that `benchmarks/forecasts.py` forecasts: which, from where, and how imported.

The halves were named before any rule was tried. A rule is fixed on WORK; HELD_OUT is opened once,
when it is final. None of the files is kept here. Each becomes a run of a folder, named as in the
table, by

    rlviz import FILE OPTIONS -o FOLDER/NAME

where FILE is the file itself or, by `made`, a table drawn from it:

- "": the file as it is.
- "outputs": the text of a notebook's cells.
- "dictionaries": the dictionaries that the log prints, one a line, numbered as `step`.
- "rows": the one column of the table, after a column `row` that counts from 1.
- "episodes": means of 100 episodes: `frames` so far, `success`, and `graded`, which is 100.
- "evaluations": one row for each evaluation of the npz file: `frames`, `success`, `graded`.

The compute is RL FLOPs where the log has tokens. The games have frames, and each frame costs the
same; rows and steps are taken for compute where there is nothing else.
"""

from dataclasses import dataclass

VERL = "eric-haibin-lin/verl-data", "f07af3291bd1c87fe8a7301cc3b883c0d2572720"
PROCGEN = "openai/train-procgen", "1a2ae2194a61f76a733a39339530401c024c3ad8"
PPG = "openai/phasic-policy-gradient", "7295473f0185c82f9eb9c1e17a373135edd8aacc"
SB3 = "DLR-RM/rl-trained-agents", "cd35bde610f4045bf2e0731c8f4c88d22df8fc85"
RHO = "Sunshine535/nips-grpo-dynamics", "2cd2efce1c0622bfd77899c555357107706a0c54"
COG = "thinking-machines-lab/tinker-cookbook", "0c01983fa4524588943c0fb6e4684782a5cde378"
OPEN = "allenai/open-instruct", "1723b9699750ec66d64d6e4093963906a65fc40a"
BOOK = "volcengine/verl", "28b3571511085b5cdd9752010fd29d8282cc3a2e"
PARSED = "volcengine/verl", "82ea1b1405972392536222bcf8d5e70440a66364"
UNSLOTH = "IMJONEZZ/UnslothGRPO", "d466910615313226683d1057c06ad35dedfd0b4f"
SQL = "HaoranLuo/text2sql-grpo", "08cf7f8f779d68f93f789b4035fe55a1443d4d48"

QWEN = "--params 0.494e9 --tokens response_length/mean --sequences 256"
GEMMA = "--params 2.6e9 --tokens response_length/mean --sequences 512"
COUNTED = "--params 1e9 --tokens num_tokens --accuracy "
LENGTHS = "--params 1e9 --tokens completion_length --tokens-are generated --sequences 8 "
LLAMA = "--params 8.03e9 --tokens completion_length --tokens-are generated --sequences 6 "
GAME = "--accuracy eprewmean --full-score 10 --flops misc/total_timesteps --cumulative"
ROWS = "--accuracy EpRewMean --full-score 10 --flops row --cumulative"
ARM = "--accuracy success --graded graded --flops frames --cumulative"
ROLLOUTS = "--accuracy reward/pass@1 --flops data/num_rollouts --no-cumulative"
SCORED = "val/test_score/openai/gsm8k"


@dataclass(frozen=True)
class Source:
    """A run: its name in the folder, where its file is from, and how it was imported."""

    name: str
    where: tuple[str, str]
    path: str
    options: str
    made: str = ""
    validation: str = ""

    @property
    def kind(self) -> str:
        return "game or robot" if self.where in (PROCGEN, PPG, SB3) else "language model"


def _qwen(prompt: int, response: int, score: str) -> Source:
    path = f"gsm8k/Qwen2.5-0.5B-bsz256_2-prompt{prompt}-resp{response}-{score}.log"
    return Source(f"verl-qwen-{prompt}-{response}", VERL, path, QWEN, validation=SCORED)


def _game(run: str, game: str) -> Source:
    path = f"train_procgen/results/{run}/progress-{game}.csv"
    return Source(f"procgen-{run}-{game}", PROCGEN, path, GAME)


def _ppg(run: str, game: str) -> Source:
    path = f"phasic_policy_gradient/results/{run}/progress-{game}.csv"
    return Source(f"ppg-{run}-{game}", PPG, path, ROWS, "rows")


def _arm(algorithm: str, task: str, made: str = "episodes") -> Source:
    file, name = ("0.monitor.csv", "sb3") if made == "episodes" else ("evaluations.npz", "sb3-eval")
    return Source(f"{name}-{algorithm}-{task}", SB3, f"{algorithm}/{task}/{file}", ARM, made)


def _cog(number: int) -> Source:
    folder = "tinker_cookbook/recipes/cog_rl/results/experiment_"
    return Source(f"tinker-cog-{number}", COG, f"{folder}{number}/training_metrics.jsonl", ROLLOUTS)


def _rho(name: str, path: str, options: str) -> Source:
    return Source(name, RHO, f"results/{path}.log", options, "dictionaries")


WORK = (
    _qwen(1024, 512, "0.567"),
    Source(
        "verl-parsed-ppo-116",
        PARSED,
        "the log of a PPO run as CSV",
        "--accuracy critic/rewards/mean",
    ),
    Source(
        "trl-llama-gsm8k",
        UNSLOTH,
        "outputs/checkpoint-250/trainer_state.json",
        LLAMA + "--accuracy rewards/correctness_reward_func --full-score 2",
    ),
    Source(
        "openinstruct-7b",
        OPEN,
        "rl0_7b_verifiable_metrics.csv",
        "--accuracy objective/verifiable_correct_rate",
    ),
    _rho(
        "ts-gate1-adq-42",
        "gates_1_2/logs/gate1_adq_seed42",
        LENGTHS + "--accuracy rewards/reward_fn",
    ),
    _rho(
        "ts-gate2-rho1-43",
        "gates_1_2/logs/gate2_rho1.00_seed43",
        LENGTHS + "--accuracy rewards/reward_fn",
    ),
    _cog(7),
    _game("easy-200-run0", "coinrun-train"),
    _game("easy-200-run0", "maze-train"),
    _game("easy-200-run0", "heist-test"),
    _game("easy-200-run0", "leaper-train"),
    _game("hard-500-run0", "ninja-train"),
    _game("easy-all-run0", "maze"),
    _ppg("ppo-run0", "heist"),
    _ppg("ppg-run0", "maze"),
    _arm("her", "FetchPush-v1_1"),
    _arm("tqc", "FetchSlide-v1_1"),
    _arm("her", "FetchSlide-v1_1", "evaluations"),
)

HELD_OUT = (
    _qwen(512, 256, "0.538"),
    Source(
        "verl-gemma-2b",
        VERL,
        "gsm8k/gemma-2-2b-it-ppo-bsz512_4-prompt1024-resp-512-0.640.log",
        GEMMA,
    ),
    Source(
        "verl-notebook",
        BOOK,
        "examples/ppo_trainer/verl_getting_started.ipynb",
        "--kind verl " + QWEN,
        "outputs",
    ),
    Source(
        "text2sql",
        SQL,
        "visualization_1000/trainer_state_1000steps.json",
        COUNTED + "rewards/reward_func/mean",
    ),
    _rho("ts-exp1a-rho1-43", "logs/exp1a/rho1.00_seed43", COUNTED + "rewards/reward_fn/mean"),
    _rho(
        "ts-exp2-vanilla-42", "logs/exp2/vanilla_rho1.0_seed42", COUNTED + "rewards/reward_fn/mean"
    ),
    _cog(8),
    _game("easy-200-run1", "jumper-train"),
    _game("easy-200-run1", "ninja-train"),
    _game("easy-200-run1", "heist-train"),
    _game("hard-500-run1", "coinrun-train"),
    _game("hard-500-run1", "leaper-test"),
    _game("easy-all-run1", "heist"),
    _ppg("ppg-run1", "ninja"),
    _ppg("ppo-run1", "jumper"),
    _arm("her", "FetchPickAndPlace-v1_1"),
    _arm("tqc", "FetchPush-v1_1"),
    _arm("tqc", "PandaSlide-v1_2", "evaluations"),
)
