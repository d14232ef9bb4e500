"""Layers with the names and arguments of those in ``torch.nn``."""
