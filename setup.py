"""Build the compiled part of fastconv; everything else is in pyproject.toml.

Promises: every extension is optional, so that a machine without a compiler installs a working
package (NumPy and Numba backends); one wheel a platform serves every CPython from 3.11 on (abi3)
and every instruction set of its architecture, chosen when the backend is first used.
Refuses: flags that tie the build to this machine (-march=native) or change the meaning of numbers
in the whole process (-ffast-math).
"""

import sys
import sysconfig
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

FOLDER = "fastconv/backends"
X86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
# The limited API does not cover free-threaded builds.
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")

if sys.platform == "win32":
    COMMON = ["/O2", "/fp:contract"]
    LEVELS = {"v2": [], "v3": ["/arch:AVX2"], "v4": ["/arch:AVX512"]}
else:
    COMMON = ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
    # The vectors are written out; those that a compiler finds by itself would change the last bit.
    COMMON += ["-fno-tree-vectorize", "-fno-tree-slp-vectorize"]
    LEVELS = {
        "v2": ["-march=x86-64-v2"],
        "v3": ["-march=x86-64-v3"],
        "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
    }
INSTRUCTION_SETS = LEVELS if X86_64 else {"baseline": []}


def extension(name: str, flags: list[str], depends: list[str]) -> Extension:
    """One module of fastconv.backends, compiled from the .pyx of its name."""
    return Extension(
        f"fastconv.backends.{name}",
        [f"{FOLDER}/{name}.pyx"],
        depends=depends,
        extra_compile_args=COMMON + flags,
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if ABI3 else [],
        py_limited_api=ABI3,
    )


body = glob(f"{FOLDER}/*.pxi") + glob(f"{FOLDER}/*.h")
modules = cythonize(
    [
        extension("_probe", [], []),
        *(extension(f"_kernels_{isa}", flags, body) for isa, flags in INSTRUCTION_SETS.items()),
    ]
)
for module in modules:
    module.optional = True  # cythonize() forgets it

setup(
    ext_modules=modules,
    options={
        "build_ext": {"parallel": True},
        "bdist_wheel": {"py_limited_api": "cp311"} if ABI3 else {},
    },
)
