"""The suite over chosen commits, asv's pages of it, and a front page.

    python -m benchmarks.dashboard

`history` reads what asv measured, `offline` makes asv's pages independent of the web, `drawing`
draws and `page` writes.
"""
