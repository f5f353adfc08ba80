"""The supervision of a live run's workers: processes, server, proxy, accidents, queries."""
