"""Doing it: programs, threads and workspace."""
