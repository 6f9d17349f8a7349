"""What reports draw, compare and describe: groups of runs, measures over an axis, their curves."""
