"""Problems: a checked convolution, its borders, its dtypes and the form of its kernel."""
