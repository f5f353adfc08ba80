"""The options of the commands, each written once: how it is read, what it sets in a scenario, how it is written again.

``option`` is the table's row and what is derived from it; each of the other modules is a part of the table.
"""
