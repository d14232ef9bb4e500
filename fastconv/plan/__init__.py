"""How it is done: the algorithm, the tiling and the program of a problem, and what is remembered."""
