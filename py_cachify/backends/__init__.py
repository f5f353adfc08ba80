"""Backends carry out commands on a store; ``init_cachify()`` chooses one by the kind of client."""
