"""`rlviz doctor`: whether a run on disk is sound."""

import argparse
import json

from rlviz.cli.arguments import add_run, command


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command(
        commands,
        "doctor",
        "Say whether a run on disk is sound, and what to do if not.",
        "rlviz doctor runs/swarm-7b || echo 'something of it is lost'\n\n"
        "exit codes:\n"
        "  0  sound\n"
        "  1  something is lost, or will be: read it\n"
        "  2  not a run",
    )
    add_run(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from rlviz.report.doctor.examination import examine

    diagnosis = examine(options.logdir)
    as_json = options.format == "json"
    print(json.dumps(diagnosis.to_dict(), indent=2) + "\n" if as_json else diagnosis.text(), end="")
    return 0 if diagnosis.is_sound else 1
