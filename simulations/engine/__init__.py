"""Run a workload: once (`replay`), twice (`determinism`), or many times (`replications`)."""
