"""The parts of the figure: panels, scales, labels, and how they look."""
