"""Code that makes the workers of a live run load changed scripts."""

BREAK = """
import pkgutil
real = pkgutil.get_data
def broken(package, name):
    return real(package, name).replace({old!r}, {new!r})
pkgutil.get_data = broken
"""
"""The ``sitecustomize`` of a worker: it replaces ``old`` by ``new`` in the library's scripts."""
