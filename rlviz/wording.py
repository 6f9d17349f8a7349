"""Numbers, ranges and times as a person reads them."""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "step"), counted(2048, "step")
    ('1 step', '2,048 steps')
    """
    return f"{number:,} {noun}{agree(number, '', 's')}"


def first_line(error: BaseException) -> str:
    """What an error says, up to 200 characters of its first line; its name if it says nothing.

    >>> first_line(OSError("refused, as\\nthe port is closed")), first_line(OSError())
    ('refused, as', 'OSError()')
    """
    return (str(error).strip() or repr(error)).splitlines()[0][:200]


def agree(number: int, one: str, several: str) -> str:
    """The form of a word that goes with a number.

    >>> agree(1, "is", "are"), agree(2, "is", "are")
    ('is', 'are')
    """
    return one if number == 1 else several


def how_many(ranges: Sequence[tuple[int, int]]) -> int:
    """How many numbers the stretches hold.

    >>> how_many([(4, 6), (9, 9)])
    4
    """
    return sum(last - first + 1 for first, last in ranges)


def flops(count: int) -> str:
    """FLOPs with three digits.

    >>> flops(7), flops(4 * 10**21)
    ('7', '4.00e21')
    """
    return f"{count:.3g}" if count < 1000 else f"{count:.2e}".replace("e+", "e")


def size(count: int) -> str:
    """Bytes in the unit that suits them.

    >>> size(1), size(215), size(1_234_567)
    ('1 byte', '215 bytes', '1.2 MB')
    """
    for unit, many in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= many:
            return f"{count / many:.1f} {unit}"
    return counted(count, "byte")


def duration(seconds: float) -> str:
    """A time span.

    >>> duration(2.5), duration(125), duration(7260)
    ('2.5 s', '2 min 5 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def ago(seconds: float) -> str:
    """How long ago something was; the longer ago, the coarser.

    >>> ago(0.2), ago(200), ago(200_000)
    ('just now', '3 min 20 s ago', '2 days ago')
    """
    if seconds < 1:
        return "just now"
    days = int(seconds // 86_400)
    return f"{counted(days, 'day') if days else duration(seconds)} ago"


def moment(seconds: float) -> str:
    """A point in time, in UTC.

    >>> moment(0)
    '1970-01-01 00:00:00 UTC'
    """
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):  # beyond the years of the calendar
        return f"{seconds:g} s after 1970"


def stretches(ranges: Sequence[tuple[int, int]], noun: str = "step", *, limit: int = 3) -> str:
    """First and last numbers of the first few stretches.

    >>> stretches([(4, 4)]), stretches([(4, 6), (9, 9)]), stretches([(1, 1), (3, 3)], "rank")
    ('step 4', 'steps 4 to 6 and 9', 'ranks 1 and 3')
    >>> stretches([(n, n) for n in range(0, 20, 2)])
    'steps 0, 2, 4 and 7 more such'
    """
    shown = [str(first) if first == last else f"{first} to {last}" for first, last in ranges]
    if len(shown) > limit:
        shown[limit:] = [f"{len(shown) - limit} more such"]
    return f"{noun}{agree(how_many(ranges), '', 's')} {joined(shown)}"


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers grouped into stretches without holes.

    >>> runs([1, 2, 3, 7])
    [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def joined(parts: Sequence[str], *, serial_comma: bool = False) -> str:
    """Names or clauses in a row. Clauses hold commas and "and" themselves, so they get a comma
    before the last one of three or more.

    >>> joined(["a"]), joined(["a", "b", "c"]), joined(["a", "b", "c"], serial_comma=True)
    ('a', 'a, b and c', 'a, b, and c')
    """
    if len(parts) < 2:
        return "".join(parts)
    comma = "," if serial_comma and len(parts) > 2 else ""
    return f"{', '.join(parts[:-1])}{comma} and {parts[-1]}"


def some(names: Sequence[str], most: int = 20, *, form: Callable[[str], str] = repr) -> str:
    """Names, by default in quotes; of very many the first ones, and how many more.

    >>> some(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(map(form, names[:most])) + more


def close_to(name: str, known: Iterable[str]) -> str:
    """A question after the known name that was probably meant; empty if none is close. A name
    without its folder is close to the whole.

    >>> close_to("los", ["actor/loss", "kl"]), close_to("xyz", ["loss"])
    (" Did you mean 'actor/loss'?", '')
    """
    called = {one.casefold(): one for one in known}
    called |= {one.rpartition("/")[2]: whole for one, whole in reversed(called.items())} | called
    close = get_close_matches(name.casefold(), called, n=1)
    return f" Did you mean {called[close[0]]!r}?" if close else ""


def shown(value: object, most: int = 80) -> str:
    """A value as an error names it, in at most so many characters.

    >>> shown("text"), shown([1, 2, 3], most=5)
    ("'text'", '[1, 2')
    """
    try:
        return repr(value)[:most]
    except Exception:  # some tensors can't even be printed
        return f"an object of {type(value).__name__}"[:most]


_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
"""Signs that command a terminal, end a line or turn the text around; a surrogate is no sign."""


def visible(text: str) -> str:
    r"""A text with names from anywhere in it: signs that would change how the rest of it is shown
    stand as escapes. Line feeds and tabs stay.

    >>> print(visible("re\u202edraw"), visible("\x1b[2J"))
    re\u202edraw \x1b[2J
    """
    return _COMMANDS.sub(lambda sign: ascii(sign[0])[1:-1], text)
