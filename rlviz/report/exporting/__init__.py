"""The formats of an export, and the stream of a run that is still written."""
