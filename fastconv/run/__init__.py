"""Execution: programs, threads and workspace."""
