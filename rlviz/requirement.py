"""Says in a sentence that a framework is missing or too old, and which extra brings it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata


@contextmanager
def needed(distribution: str, at_least: str, *, module: str, extra: str) -> Iterator[None]:
    """Wrap the import of a framework: if it fails, the error is one sentence.

    Args:
        distribution: its name on PyPI, such as "transformers".
        at_least: the oldest version that is known to work, such as "5.10".
        module: the integration that asks, its `__name__`.
        extra: the extra of rlviz that brings it.

    Raises:
        ImportError: it is not installed, is older, or can't be imported; the message names the
            command to run.
    """

    def complaint(found: str) -> str:
        return (
            f"{module} needs {distribution} {at_least} or newer, but {found}. "
            f"Install it: pip install -U 'rlviz[{extra}]'"
        )

    try:
        found = metadata.version(distribution)
    except metadata.PackageNotFoundError as error:
        raise ImportError(complaint("none is installed"), name=distribution) from error
    if _numbers(found) < _numbers(at_least):
        raise ImportError(complaint(f"{found} is installed"), name=distribution)
    try:
        yield
    except ImportError as error:
        told = complaint(f"{found} can't be imported here ({error})")
        raise ImportError(told, name=distribution) from error


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, without what marks a build or a pre-release.

    >>> _numbers("2.13.0+cpu"), _numbers("1.0rc1") < _numbers("1.0.1")
    ((2, 13, 0), True)
    """
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()
