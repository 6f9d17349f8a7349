"""From spans that others recorded to episodes: a module for each family of formats."""
