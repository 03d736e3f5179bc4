"""Training runs: a checked configuration, a folder named by its hash, and what happened in it."""
