"""Describe what the users of a pool do: arrivals, keys, refusals and retries, crashes."""
