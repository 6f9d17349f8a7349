"""Checks the options of a callback and says what is wrong with them."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlviz import paths
from rlviz.record.values import number
from rlviz.wording import shown


def run_directory(logdir: str | os.PathLike[str]) -> Path:
    """The run directory as an absolute path, whatever the script does to its working directory.

    It need not exist yet.

    Raises:
        TypeError: it is no path.
        ValueError: it is a URL, a file, or can't be a path.
    """
    text = paths.local(logdir, "logdir") if isinstance(logdir, (str, os.PathLike)) else None
    if not text or not isinstance(text, str):
        raise TypeError(f"logdir must be the path of a run directory, got {shown(logdir)}.")
    if "\0" in text:
        raise ValueError(f"logdir holds a NUL, which no path can: {shown(logdir)}.")
    path = Path(text)
    try:
        path = path.absolute()
    except FileNotFoundError:
        raise ValueError(
            f"logdir {path} is relative, and the working directory was deleted. Give an absolute "
            "path."
        ) from None
    if os.path.isfile(path):  # pathlib raises where access is denied
        raise ValueError(f"logdir must be a directory, but {path} is a file. Name another one.")
    return path


def check(
    config: Mapping[str, Any] | None,
    ema: float,
    flush_seconds: float,
    figure_seconds: float | None,
) -> tuple[float, float, float | None]:
    """The numeric options as floats; ValueError or TypeError for a value that can't be meant."""
    ema = number(ema, "ema")
    if not 0 <= ema < 1:
        raise ValueError(
            f"ema must be in [0, 1), got {ema!r}. For a memory of about n steps use 1 - 1/n."
        )
    if config is not None and not isinstance(config, Mapping):
        raise TypeError(
            f"config must be a mapping of names to values, got {type(config).__name__}. "
            "For an argparse namespace pass vars(args)."
        )
    return (
        ema,
        seconds("flush_seconds", flush_seconds),
        None if figure_seconds is None else seconds("figure_seconds", figure_seconds),
    )


def seconds(name: str, seconds: float) -> float:
    """A number of seconds > 0 that the system can wait."""
    given = number(seconds, name)
    if not 0 < given <= threading.TIMEOUT_MAX:
        raise ValueError(
            f"{name} must be > 0 and at most {threading.TIMEOUT_MAX:.0f} seconds, got {given!r}."
        )
    return given


def listening(host: str | None, port: int) -> tuple[str | None, int]:
    """Where a run listens for its senders."""
    if host is not None and (not isinstance(host, str) or not host.strip()):
        raise TypeError(f"host must be a name or an address of this machine, got {shown(host)}.")
    if host is not None:
        host = host.strip()
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host  # as in a URL
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port must be a whole number, got {shown(port)}. 0 takes a free one.")
    if not 0 <= port < 1 << 16:
        raise ValueError(f"port must be in [0, 65535], got {port}. 0 takes one that is free.")
    return host, port


def waiting_time(timeout: float | None) -> float:
    """A timeout that the system can wait for: None and infinity become the longest possible.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN.
    """
    if timeout is None:
        return threading.TIMEOUT_MAX
    seconds = number(timeout, "timeout")
    if seconds != seconds:
        raise ValueError("timeout must be a number of seconds, got NaN.")
    return min(max(seconds, 0.0), threading.TIMEOUT_MAX)
