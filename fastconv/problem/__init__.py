"""What is asked: one checked convolution, its borders, its dtypes and the form of its kernel."""
