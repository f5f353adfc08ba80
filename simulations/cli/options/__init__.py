"""The options of the commands, each defined once: how it is read, what it sets, how it is written.

``option`` defines a row of the table and what follows from it; each other module is a part of the
table.
"""
