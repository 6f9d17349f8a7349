"""From disk to a person: the reader, the figure, the summary, the export."""
