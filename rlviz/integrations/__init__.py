"""One module for each framework: it translates the framework's hooks, and computes nothing.

| module | name | framework |
|---|---|---|
| `rlviz.integrations.transformers` | `RlvizCallback` | Hugging Face Trainer, all trainers of TRL |
| `rlviz.integrations.accelerate` | `RlvizTracker` | Accelerate |
| `rlviz.integrations.verl` | `RlvizLogger` | verl |
| `rlviz.integrations.sb3` | `RlvizCallback` | Stable-Baselines3 |
| `rlviz.integrations.lightning` | `RlvizCallback` | Lightning |
| `rlviz.integrations.rllib` | `RlvizCallback` | RLlib, new API stack |
| `rlviz.integrations.torchrl` | `RlvizHook` | TorchRL |
| `rlviz.integrations.tianshou` | `RlvizLogger` | Tianshou |
| `rlviz.integrations.skyrl` | `RlvizCallback` | SkyRL |
| `rlviz.integrations.slime` | `log_rollout` | slime |
| `rlviz.integrations.nemo_rl` | `RlvizLogger` | NeMo-RL |
| `rlviz.integrations.openrlhf` | `attach` | OpenRLHF |

Import the one that you need: nothing is imported here, so that no framework is loaded by asking for
another. A framework that is missing or too old is an ImportError with the command to run. A plain
loop, DDP and Ray Train need none of them: there `rlviz.Callback` is used itself.
"""
