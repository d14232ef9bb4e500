"""Networks for inference: fixed weights, and as few passes over memory as possible."""
