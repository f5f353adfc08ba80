"""Theory against simulation, case by case: ``python -m tests.against_theory``."""
