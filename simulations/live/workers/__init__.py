"""Inside a worker process of a live run."""
