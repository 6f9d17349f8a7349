"""Reads the rollouts that NeMo Gym collects: a JSON object a line for each trajectory.

It has the request, the response with its tokens, and the reward of the verifier. Format:
nemo_gym/rollout_collection.py.
"""

from collections.abc import Sequence
from pathlib import Path

from rlviz.importers.log import Log, as_number, newest
from rlviz.importers.readers import Reader, Start
from rlviz.importers.readers.json_lines import objects

_BOOKS = "_ng_"
_TOKENS = ("input_tokens", "output_tokens", "total_tokens")


def read(files: Sequence[Path], name: str) -> Log:
    """Read trajectories in the order in which they were finished.

    Of each, the log has the reward and what other numbers the verifier gave, the tokens of its
    response and when that was made; not the texts.
    """
    log = Log(name, modified=newest(files))
    for file in files:
        log.begin(file.name)
        for row in objects(log, file):
            log.add(_values(row))
    log.notes.append("Each row is one trajectory, which is no training step.")
    return log


def _values(row: dict[str, object]) -> list[tuple[str, object]]:
    values: list[tuple[str, object]] = [
        (name, value)
        for name, value in row.items()
        if not name.startswith(_BOOKS) and isinstance(value, (int, float))
    ]
    response = row.get("response")
    if isinstance(response, dict):
        values.append(("timestamp", as_number(response.get("created_at"))))
        usage = response.get("usage")
        if isinstance(usage, dict):
            values += [(f"response/usage/{name}", as_number(usage.get(name))) for name in _TOKENS]
    return values


def _recognises(start: Start) -> bool:
    return all(f'"{name}":' in start.line for name in ("responses_create_params", "response"))


READER = Reader(
    file="rollouts of NeMo Gym",
    log="log of rollouts of NeMo Gym",
    missing="no object of a trajectory, with its response and its reward",
    read=read,
    begins=("{",),
    recognises=_recognises,
)
