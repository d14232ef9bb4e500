"""Layers, named and with the arguments of those in ``torch.nn``."""
