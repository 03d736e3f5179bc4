"""pytest plugin (placeholder until the runner lands in this commit series)."""
