"""The parts of a comparison: its runs, what they need to reach a level, its texts."""
