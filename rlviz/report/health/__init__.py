"""What `rlviz doctor` looks for in a run."""
