# cython: language_level=3
# cython: freethreading_compatible = True
"""Finds the instruction sets that this processor supports, before compiled kernels are imported.

A module built for an instruction set that the machine lacks ends the process with SIGILL instead of
raising ImportError, so the choice must come first. A level counts only if the operating system
saves its registers as well. On architectures other than x86-64 there is nothing to choose.
"""

cdef extern from *:
    """
    #if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))

    /* Single features, for names of whole levels ("x86-64-v3") and of f16c, lzcnt and movbe are
       too new for many compilers; no processor has bmi2 and fma without those three. The
       compiler's table asks the operating system about the registers itself. */
    static int x86_level(void) {
        __builtin_cpu_init();
        if (!(__builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3")
              && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2")
              && __builtin_cpu_supports("popcnt")))
            return 1;
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
              && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")))
            return 2;
        if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
              && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
              && __builtin_cpu_supports("avx512vl")))
            return 3;
        return 4;
    }

    #elif defined(_M_X64)

    #include <intrin.h>

    static int has(int word, int bits) { return (word & bits) == bits; }

    static int x86_level(void) {
        int highest[4], leaf1[4], leaf7[4];  /* eax, ebx, ecx, edx */
        unsigned long long registers;
        __cpuid(highest, 0);
        __cpuid(leaf1, 1);
        /* sse3, ssse3, sse4.1, sse4.2, popcnt */
        if (!has(leaf1[2], 1 | 1 << 9 | 1 << 19 | 1 << 20 | 1 << 23))
            return 1;
        /* fma, movbe, osxsave, avx, f16c */
        if (highest[0] < 7 || !has(leaf1[2], 1 << 12 | 1 << 22 | 1 << 27 | 1 << 28 | 1 << 29))
            return 2;
        __cpuidex(leaf7, 7, 0);
        registers = _xgetbv(0);
        /* bmi, avx2, bmi2; xmm and ymm saved */
        if (!has(leaf7[1], 1 << 3 | 1 << 5 | 1 << 8) || (registers & 0x06) != 0x06)
            return 2;
        /* avx512 f, dq, cd, bw, vl; mask and zmm registers saved */
        if (!has(leaf7[1], 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | (int)(1u << 31))
            || (registers & 0xe6) != 0xe6)
            return 3;
        return 4;
    }

    #else

    static int x86_level(void) { return 0; }

    #endif
    """
    int x86_level() noexcept nogil


def supported() -> tuple[str, ...]:
    """Return the x86-64 levels above the first that this machine supports, the highest first."""
    return tuple([f"v{level}" for level in range(x86_level(), 1, -1)])
