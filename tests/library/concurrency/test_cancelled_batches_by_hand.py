"""A sample of ``python -m tests.cancelled_batches``, so that it keeps working."""

import pytest

from tests.cancelled_batches import main


def test_a_sample_of_cancelled_batches_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It counts what it did, and would raise if anything was left."""
    assert main(['--cancelled', '600', '--cut', '6', '--seed', '1']) == 0
    shown = capsys.readouterr().out
    assert 'requests in shared batches cancelled and 6 connections cut' in shown
