"""Runs: once (`replay`), twice (`determinism`), or many times (`replications`)."""
