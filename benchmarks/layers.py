"""Layers of convolutional networks."""

from fastconv.backends import ORDER

from .cases import CompiledCall, names


class Layers(CompiledCall):
    params = [names("layers"), list(ORDER)]

    def time_call(self, case: str, backend: str) -> None:
        self.call()
