"""Planning: the algorithm, tiling and program of a problem, and the caches of plans."""
