"""What compiled kernels run over: loops, tables and transforms, from shapes and strides."""
