"""Loops, tables and transforms for compiled kernels, from shapes and strides."""
