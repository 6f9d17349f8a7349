"""What is drawn, compared and told of: runs in groups, measures over an axis, their curves."""
