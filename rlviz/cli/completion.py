"""`rlviz completion`: what a shell needs to complete these commands."""

import argparse
from functools import partial

from rlviz.cli.arguments import command


def add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    parser: argparse.ArgumentParser,
) -> None:
    mine = command(
        commands,
        "completion",
        "Print a script that makes a shell complete rlviz's commands, options and runs.",
        'eval "$(rlviz completion bash)"      # in ~/.bashrc\n'
        'eval "$(rlviz completion zsh)"       # in ~/.zshrc, after compinit',
    )
    mine.add_argument("shell", choices=("bash", "zsh"))
    mine.set_defaults(run=partial(_completion, parser))


def _completion(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(parser, options.shell))
    return 0
