"""Build the compiled part of fastconv; everything else is in pyproject.toml.

- Every extension is optional: without a compiler, the package is installed with the NumPy and Numba
  backends.
- One wheel per platform serves every CPython from 3.11 on (abi3) and every instruction set of its
  architecture; the set is chosen when the backend is first used.
- No flag ties the build to this machine (-march=native) or changes floating-point arithmetic in the
  whole process (-ffast-math).

The register tiles need the vector extensions of GCC and Clang.  On Windows, CC=clang-cl provides
them; without them, as with Visual C++, all kernels are the slower, generic ones.

FASTCONV_COMPILED=0 leaves the compiled part out, for a pure Python wheel; with 1, a build fails if
an extension does.  FASTCONV_BUILD_ISA names the instruction sets to build, by default all of them
("v2 v3 v4" on x86-64); the generic kernels are always built.  Under SOURCE_DATE_EPOCH, wheels and
sdist are reproducible to the last bit.
"""

import gzip
import os
import sys
import sysconfig
import tarfile
import time
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

FOLDER = "fastconv/backends/cython_backend"
COMPILED = os.environ.get("FASTCONV_COMPILED", "")
if COMPILED not in ("", "0", "1"):
    sys.exit(f"FASTCONV_COMPILED: got {COMPILED!r}, allowed is 0 or 1")
X86_64 = sysconfig.get_platform().endswith(("x86_64", "amd64"))
# The limited API does not cover free-threaded builds.
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")

CLANG_CL = sys.platform == "win32" and "clang-cl" in os.environ.get("CC", "")

COMMON = ["-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
if "-O1" in os.environ.get("CFLAGS", ""):  # for sanitizers, which take long to compile
    COMMON += ["-fexpensive-optimizations"]  # products and sums are one instruction, as with -O3
else:
    COMMON += ["-O3"]
# The vectors are written out; those that a compiler finds by itself would change the last bit.
COMMON += ["-fno-tree-vectorize", "-fno-tree-slp-vectorize"]
LEVELS = {
    "v2": ["-march=x86-64-v2"],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
if CLANG_CL:
    COMMON = [f"/clang:{flag}" for flag in COMMON]
    LEVELS = {isa: [f"/clang:{flag}" for flag in flags] for isa, flags in LEVELS.items()}
elif sys.platform == "win32":
    COMMON = ["/O2", "/fp:contract"]
    LEVELS = {"v2": [], "v3": ["/arch:AVX2"], "v4": ["/arch:AVX512"]}
INSTRUCTION_SETS = LEVELS if X86_64 else {"baseline": []}
WANTED = os.environ.get("FASTCONV_BUILD_ISA", "").split() or list(INSTRUCTION_SETS)
if not set(WANTED) <= set(INSTRUCTION_SETS):
    sys.exit(f"FASTCONV_BUILD_ISA: got {WANTED}, allowed are {list(INSTRUCTION_SETS)}")


def extension(name: str, flags: list[str], depends: list[str]) -> Extension:
    """One module of the compiled backend, compiled from the .pyx of its name."""
    return Extension(
        f"fastconv.backends.cython_backend.{name}",
        [f"{FOLDER}/{name}.pyx"],
        depends=depends,
        extra_compile_args=COMMON + flags,
        define_macros=[("Py_LIMITED_API", "0x030B0000")] if ABI3 else [],
        py_limited_api=ABI3,
    )


class BuildExt(build_ext):
    """Compiles all extensions at once, and with clang-cl if ``CC`` says so: on Windows, setuptools
    looks for cl.exe alone.
    """

    def finalize_options(self) -> None:
        """Use all processors: of an editable install, setuptools loses the option."""
        super().finalize_options()
        self.parallel = self.parallel or True

    def build_extensions(self) -> None:
        """Build all extensions."""
        if CLANG_CL:
            if not self.compiler.initialized:
                self.compiler.initialize()
            self.compiler.cc = os.environ["CC"]
        super().build_extensions()


class Reproducible(sdist):
    """An sdist that keeps neither the time nor the user of its making."""

    def make_archive(self, base_name: str, *args: object, **options: object) -> str:
        """Write BASE_NAME.tar.gz from the folder that is called as the archive is."""
        moment = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = moment, 0, 0, "", ""
            entry.mode = 0o755 if entry.mode & 0o100 else 0o644
            return entry

        path = f"{base_name}.tar.gz"
        with (
            open(path, "wb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=moment) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(os.path.basename(base_name), filter=anonymous)
        return path


body = glob(f"{FOLDER}/*.pxi") + glob(f"{FOLDER}/*.h")
wanted = [
    # What takes longest to compile comes first.
    *(extension(f"_kernels_{isa}", INSTRUCTION_SETS[isa], body) for isa in reversed(WANTED)),
    extension("_kernels_generic", [], body),
    extension("_probe", [], []),
]
modules = cythonize(wanted) if COMPILED != "0" else []
for module in modules:
    module.optional = COMPILED != "1"  # cythonize() forgets it

setup(
    ext_modules=modules,
    cmdclass={"build_ext": BuildExt, "sdist": Reproducible},
    options={"bdist_wheel": {"py_limited_api": "cp311"} if ABI3 and modules else {}},
)
