"""The worker processes of a live run, from inside."""
