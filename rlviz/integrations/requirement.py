"""Says in a sentence that a framework is missing or too old, and which extra brings it."""

import re
from importlib import metadata


def need(distribution: str, at_least: str, *, module: str, extra: str) -> None:
    """Raise unless the framework is installed, in a version that the integration knows.

    Args:
        distribution: its name on PyPI, such as "transformers".
        at_least: the oldest version that is known to work, such as "5.10".
        module: the integration that asks, its `__name__`.
        extra: the extra of rlviz that brings it.

    Raises:
        ImportError: it is not installed, or older; the message names the command to run.
    """
    try:
        found = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        found = None
    if found is None or _numbers(found) < _numbers(at_least):
        raise ImportError(
            f"{module} needs {distribution} {at_least} or newer, but "
            f"{found or 'none'} is installed. Install it: pip install -U rlviz[{extra}]",
            name=distribution,
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: that of a development version is that of its release.

    >>> _numbers("2.13.0+cpu"), _numbers("1.0rc1") < _numbers("1.0.1")
    ((2, 13, 0), True)
    """
    return tuple(map(int, re.match(r"\d+(?:\.\d+)*", version)[0].split(".")))  # type: ignore[index]
