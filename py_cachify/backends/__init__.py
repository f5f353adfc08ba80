"""How each kind of store carries out commands; ``init_cachify()`` picks one by the kind of client."""
