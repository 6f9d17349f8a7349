"""A file for each kind of log that can be imported."""
