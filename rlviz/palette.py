"""The colors and dashes of runs: the same in the figure and on the page."""

BLUE, RED = "#1f77b4", "#d62728"
"""Dots and curve of a run that is drawn alone."""
OF_RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colors that people with any color vision can tell apart, without the yellow of the source, which
is lost on white. Source: M. Okabe and K. Ito, Color Universal Design, 2008."""
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 1.5), (1.5, 1), (6, 1.5, 1.5, 1.5))
"""Lengths of dashes and gaps, in widths of the line; () is a solid line. When the colors are used
up, runs take them again with the next dashes."""
