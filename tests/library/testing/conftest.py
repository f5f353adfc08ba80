"""The fixture that users have, for tests of what it does."""

from py_cachify.testing.plugin import cachify_pools


__all__ = ['cachify_pools']
