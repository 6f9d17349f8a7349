"""What the integrations share: opening a run, phases, metrics, lengths."""
