"""What compiled kernels run over: loops, tables and transforms, worked out from shapes and strides."""
