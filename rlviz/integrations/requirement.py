"""Says in a sentence that a framework is missing or too old, and which extra brings it."""

import re
from importlib import metadata


def need(distribution: str, at_least: str, extra: str) -> None:
    """Raise unless the framework is installed, in a version that the integration knows.

    Args:
        distribution: its name on PyPI, such as "stable-baselines3".
        at_least: the oldest version that is known to work, such as "2.3".
        extra: the extra of rlviz that brings it.

    Raises:
        ImportError: it is not installed, or older; the message names the command to run.
    """
    command = f"pip install -U 'rlviz[{extra}]'"
    try:
        found = metadata.version(distribution)
    except metadata.PackageNotFoundError as error:
        raise ImportError(
            f"this integration of rlviz needs {distribution} >= {at_least}, which is not "
            f"installed. Run: {command}",
            name=distribution,
        ) from error
    if _numbers(found) < _numbers(at_least):
        raise ImportError(
            f"this integration of rlviz needs {distribution} >= {at_least}, but {found} is "
            f"installed. Run: {command}",
            name=distribution,
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: that of a development version is that of its release.

    >>> _numbers("2.13.0+cpu"), _numbers("1.0rc1") < _numbers("1.0.1")
    ((2, 13, 0), True)
    """
    return tuple(map(int, re.match(r"\d+(?:\.\d+)*", version)[0].split(".")))  # type: ignore[index]
