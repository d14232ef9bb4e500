"""Benchmarks of chosen commits: asv's pages, and a front page of our own.

    python -m benchmarks.dashboard

`history` reads asv's results, `offline` removes the need for a network from asv's pages, `drawing`
draws, and `page` writes the front page.
"""
