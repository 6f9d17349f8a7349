"""From the training thread to disk: the recorder, its rows, the writer thread, the event file."""
