"""Tests of waiting for a slot."""
