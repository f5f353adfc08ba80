"""Make the workers of a live run load changed scripts."""

BREAK = """
import pkgutil
real = pkgutil.get_data
def broken(package, name):
    return real(package, name).replace({old!r}, {new!r})
pkgutil.get_data = broken
"""
"""What a worker's interpreter runs first: it has a library whose scripts are not what they were."""
