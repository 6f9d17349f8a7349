"""The figure object: its files hold their fonts, and a notebook shows it."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_FILES: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType: text can be searched, and journals take it
    "ps.fonttype": 42,
    "svg.fonttype": "path",  # the same everywhere: an SVG can't carry a font
    "svg.hashsalt": "rlviz",  # the same figure, the same bytes
}


class Drawing(Figure):
    """A matplotlib figure that needs no pyplot to be saved or shown."""

    def savefig(self, *args: Any, **options: Any) -> None:
        """As `matplotlib.figure.Figure.savefig`, with fonts embedded in PDF, PS and SVG."""
        with matplotlib.rc_context(_FILES):
            super().savefig(*args, **options)

    def _repr_png_(self) -> bytes:
        return self.png()

    def png(self, *, dpi: int | None = None) -> bytes:
        """The picture as the bytes of a PNG file, at the figure's own resolution by default."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi="figure" if dpi is None else dpi)
        return stream.getvalue()
