"""By what runs may be put into groups: the beginning of their names, or a setting that some share.

The page asks for the curve of a group by the names of its runs, so that it may group by anything.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

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


def telling(configs: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Of the settings of all runs those by which they fall into groups: not all runs have the same
    value, and some value is that of several.

    >>> found = telling({"a": {"lr": "1", "gpu": "4", "seed": "0"},
    ...                  "b": {"lr": "1", "gpu": "4", "seed": "1"},
    ...                  "c": {"lr": "2", "gpu": "4", "seed": "2"}})
    >>> found["a"], found["c"]
    ({'lr': '1'}, {'lr': '2'})
    """
    values: dict[str, list[str]] = defaultdict(list)
    for config in configs.values():
        for key, text in config.items():
            values[key].append(text)
    tells = {
        key
        for key, texts in values.items()
        if len(set(texts)) < len(texts) and (len(set(texts)) > 1 or len(texts) < len(configs))
    }
    return {
        name: {key: text for key, text in config.items() if key in tells}
        for name, config in configs.items()
    }


def partitions(
    prefixes: Mapping[str, str], configs: Mapping[str, Mapping[str, str]]
) -> dict[str, Groups]:
    """Every way to put the runs into groups that their names and settings offer: "name" and
    "config:<key>" -> the groups, those of the names first; without ways that make no group.

    >>> partitions({"a1": "a", "a2": "a", "b": "b"}, {"a1": {"lr": "1"}, "b": {"lr": "1"}})
    {'name': {'a': ['a1', 'a2']}, 'config:lr': {'lr = 1': ['a1', 'b']}}
    """
    ways: dict[str, dict[str, list[str]]] = {"name": defaultdict(list)}
    for name, prefix in prefixes.items():
        ways["name"][prefix].append(name)
    for key in sorted({key for config in configs.values() for key in config}):
        ways[f"config:{key}"] = defaultdict(list)
        for name, config in configs.items():
            if key in config:
                ways[f"config:{key}"][f"{key} = {config[key]}"].append(name)
    found = {
        way: {group: runs for group, runs in groups.items() if len(runs) > 1}
        for way, groups in ways.items()
    }
    return {way: groups for way, groups in found.items() if groups}
