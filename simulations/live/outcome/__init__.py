"""The outcome of a live run: attempts, promises, measurements, comparison, pictures."""
