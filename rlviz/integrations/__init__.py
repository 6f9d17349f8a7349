"""One module for each framework, which translates its hooks and computes nothing.

| module | name | framework |
|---|---|---|
| `rlviz.integrations.transformers` | `RLVizCallback` | Hugging Face Trainer, all trainers of TRL |
| `rlviz.integrations.accelerate` | `RLVizTracker` | Accelerate |
| `rlviz.integrations.verl` | `RLVizLogger` | verl |
| `rlviz.integrations.stable_baselines3` | `RLVizCallback` | Stable-Baselines3 |
| `rlviz.integrations.lightning` | `RLVizCallback` | Lightning |
| `rlviz.integrations.rllib` | `RLVizCallback` | RLlib, new API stack |
| `rlviz.integrations.torchrl` | `RLVizHook` | TorchRL |
| `rlviz.integrations.tianshou` | `RLVizLogger` | Tianshou |
| `rlviz.integrations.skyrl` | `RLVizCallback` | SkyRL |
| `rlviz.integrations.slime` | `RLVizLogger` | slime |
| `rlviz.integrations.nemo_rl` | `RLVizLogger` | NeMo-RL |
| `rlviz.integrations.openrlhf` | `RLVizLogger` | OpenRLHF |

Import the one that you need: this package imports none, so that asking for one framework loads no
other. A framework that is missing or too old raises an ImportError with the command to run. A plain
loop, DDP and Ray Train need none of them: use `rlviz.Callback` itself.
"""
