"""Makes any text drawable: it fits the font and the available room."""

from functools import lru_cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from rlviz.wording import visible

FONT = "DejaVu Sans"
_UNKNOWN = "\N{WHITE SQUARE}"
_DOTS = "…"


def fitted(text: str, size: float, points: float) -> str:
    """The text, shortened in the middle if it is wider than `points` at that font size.

    Characters that the font lacks become white squares; line breaks and tabs become spaces.

    >>> fitted("accuracy", 10, 100), fitted("a rather long name of a run", 10, 100)
    ('accuracy', 'a rather l… of a run')
    >>> fitted("a", 10, 100), fitted("a", 10, 1)
    ('a', '…')
    """
    text = _drawable(text)
    if width(text, size) <= points:
        return text
    for kept in range(len(text) - 1, 1, -1):
        tail = kept // 2
        shorter = text[: kept - tail] + _DOTS + text[-tail:]
        if width(shorter, size) <= points:
            return shorter
    return _DOTS


def wrapped(text: str, size: float, points: float) -> str:
    """The text, with line breaks between words so that no line is wider than `points`."""
    lines: list[str] = []
    for word in _drawable(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, size) <= points:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


@lru_cache(maxsize=4096)
def width(text: str, size: float) -> float:
    """Width of a line of text, in points."""
    font = FontProperties(family=FONT, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def _drawable(text: str) -> str:
    font = font_manager.get_font(font_manager.findfont(FONT))
    spaced = visible(" ".join(text.split()))
    return "".join(c if font.get_char_index(ord(c)) else _UNKNOWN for c in spaced)
