"""Around the workers of a live run: processes, server, proxy, accidents."""
