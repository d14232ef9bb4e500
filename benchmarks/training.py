"""One step of training: a layer, and the gradients of its input and of its weights."""

import fastconv
from fastconv.backends import ORDER

from .gradients import LAYERS, STEPS, ours


class Training:
    """What is compiled is compiled in the setup."""

    param_names = ("layer", "step", "backend")
    params = [[str(layer) for layer in LAYERS], list(STEPS), list(ORDER)]
    warmup_time = 0.0
    processes = 1
    repeat = (3, 20, 2.0)  # at least, at most, and seconds after which it is enough

    def setup(self, layer: str, step: str, backend: str) -> None:
        if backend not in fastconv.available_backends():
            raise NotImplementedError(backend)  # asv's word for "skip"
        which = next(each for each in LAYERS if str(each) == layer)
        self.call = ours(which, 1, backend)[step]
        self.call()

    def time_call(self, layer: str, step: str, backend: str) -> None:
        self.call()
