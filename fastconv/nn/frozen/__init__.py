"""Networks for inference: weights that never change, and as few passes over memory as can be."""
