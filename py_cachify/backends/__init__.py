"""How each kind of store carries out the commands; :func:`choose.backends` picks by the kind of client."""
