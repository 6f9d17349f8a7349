"""By what runs may be put into groups: the beginning of their names, or a setting that some share.

The page asks for the curve of a group by the names of its runs, so that it may group by anything.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Groups = dict[str, list[str]]
"""What a group is called -> its runs, at least two."""

_NUMBERED = re.compile(
    r"(?P<prefix>.+?)[-_./ =]*"
    r"(?:(?<![a-z])(?:seed|run|trial|rep|try|s|r)[-_./ =]*)?(?:\d+|\(\d+\))",
    re.IGNORECASE,
)


def prefix_of(name: str) -> str:
    """A run's name without the number that tells seeds apart; without such a number its folder.

    >>> [prefix_of(name) for name in ("ppo-seed3", "ppo/s_3", "grpo_7", "swarm (2)", "a/b", "one")]
    ['ppo', 'ppo', 'grpo', 'swarm', 'a', 'one']
    """
    found = _NUMBERED.fullmatch(name)
    if found:
        return found["prefix"]
    return name.rpartition("/")[0] or name


def partitions(
    prefixes: Mapping[str, str], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Groups]:
    """Every way to put the runs into groups that their names and settings offer: "name" and
    "config:<setting>" -> the groups, those of the names first. A way puts some runs together, and
    not all.

    >>> partitions({"a1": "a", "a2": "a", "b": "b"}, {"a1": {"lr": 1.0}, "b": {"lr": 1.0}})
    {'name': {'a': ['a1', 'a2']}, 'config:lr': {'lr = 1.0': ['a1', 'b']}}
    """
    ways: dict[str, dict[str, list[str]]] = {"name": defaultdict(list)}
    for name, prefix in prefixes.items():
        ways["name"][prefix].append(name)
    for key in sorted({key for given in settings.values() for key in given}):
        ways[f"config:{key}"] = defaultdict(list)
        for name, given in settings.items():
            if key in given:
                ways[f"config:{key}"][f"{key} = {given[key]}"].append(name)
    found = {
        way: {group: runs for group, runs in groups.items() if len(runs) > 1}
        for way, groups in ways.items()
    }
    return {
        way: groups
        for way, groups in found.items()
        if groups and (way == "name" or len(next(iter(groups.values()))) < len(prefixes))
    }
