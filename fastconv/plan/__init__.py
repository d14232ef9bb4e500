"""How it is done: the algorithm, tiling and program of a problem, and what is remembered."""
