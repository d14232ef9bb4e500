"""``fastconv explore``: a page on which convolution can be watched, cell by cell.

`server` answers the page over loopback, `pictures` holds what it may look at, and `compute` turns
what was chosen there into numbers.  The page (HTML, CSS and JavaScript beside these modules) draws
them and computes nothing.
"""
