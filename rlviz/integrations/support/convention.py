"""The convention of an integration that counts RL FLOPs by itself."""

from collections.abc import Mapping
from typing import Any

from rlviz import conventions


def with_convention(options: Mapping[str, Any], counted: str | None) -> dict[str, Any]:
    """The options of an `rlviz.Callback`, with the convention by which the integration counts.

    Args:
        options: what the user passed.
        counted: that convention; None where it counts nothing and the user's word stands.

    Raises:
        ValueError: the user names no convention, or another one.

    Example:
        >>> with_convention({"ema": 0.5}, "exact")
        {'ema': 0.5, 'convention': 'exact'}
    """
    said = options.get("convention")
    if said is not None:
        conventions.check(said)
    if counted is None or said == counted:
        return dict(options)
    if said is None:
        return {**options, "convention": counted}
    raise ValueError(
        f"convention={said!r} was passed, but the FLOPs are counted here by {counted!r}. Leave it "
        f"out; or, where a model=… can be passed, pass rlviz.flops.from_config(config, "
        f"convention={said!r})."
    )
