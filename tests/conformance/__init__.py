"""Suites that others wrote, run on fastconv: `python -m tests.conformance NAME`."""
