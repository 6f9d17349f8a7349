"""The colors and dashes of runs: the same in the figure and on the page."""

BLUE, RED = "#1f77b4", "#d62728"
"""Dots and curve of a run that is drawn alone."""
OF_RUNS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart with any color vision: M. Okabe and K. Ito, Color Universal Design, 2008; without
their yellow, which is lost on white."""
DASHES: tuple[tuple[float, ...], ...] = ((), (6, 1.5), (1.5, 1), (6, 1.5, 1.5, 1.5))
"""Lengths drawn and left out, in widths of the line; none is a solid line. Beyond the colors, runs
take them again with the next of these."""
