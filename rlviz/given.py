"""What public calls are given: a yes or no, or names, and nothing else is taken for them."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from rlviz.wording import shown


def flag(name: str, value: Any) -> bool:
    """Whether something is to be done: True or False, NumPy's, or 1 or 0.

    >>> flag("dots", True), flag("dots", 0)
    (True, False)

    Raises:
        TypeError: it is anything else: "no", which Python holds for true, or None.
    """
    if value is True or value is False:
        return value
    is_numpys = str(getattr(value, "dtype", "")) == "bool" and getattr(value, "shape", None) == ()
    if (is_numpys or isinstance(value, Integral)) and value in (0, 1):
        return bool(value)
    raise TypeError(f"{name} must be True or False, got {shown(value)} ({type(value).__name__}).")


def names(argument: str, given: Any) -> list[str]:
    """One name or several, in a list, an array or the like, as a list.

    >>> names("metrics", "loss"), names("metrics", ("loss", "kl"))
    (['loss'], ['loss', 'kl'])

    Raises:
        TypeError: it is neither.
        ValueError: there is none.
    """
    if isinstance(given, str):
        return [given]
    is_list = isinstance(given, Iterable) and not isinstance(given, (bytes, Mapping))
    found: list[Any] = list(given) if is_list else [None]
    if wrong := [one for one in found if not isinstance(one, str)]:
        odd = wrong[0] if is_list else given
        raise TypeError(f"{argument} must be a list of names, got {shown(odd)}.")
    if not found:
        raise ValueError(f"{argument} is empty, expected at least one name, such as 'accuracy'.")
    return found
