"""What builds the site needs packages that the tests don't."""

collect_ignore_glob = ["site/*.py"]
