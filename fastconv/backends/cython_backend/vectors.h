/* What all kernels need of the compiler: vector types, and a say in what it makes of loops. */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__) && !defined(__clang__)
#error "fastconv's kernels need the vector extensions of GCC or Clang; on Windows, build with clang-cl"
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
/* Unroll a loop, whose sums stay in registers only then.  Clang takes a number for that of copies of the
 * body, however few turns there are, and gives up where they are large. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#define PREFETCH(at) __builtin_prefetch(at)
#define PREFETCH_TO(at) __builtin_prefetch(at, 1) /* what is to be written */

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* A vector that is used several times, which compilers would rather load several times. */
#if defined(__x86_64__)
#define LOADED_ONCE(v) __asm__ volatile("" : "+v"(v))
#else
#define LOADED_ONCE(v)
#endif
/* A pointer that compilers take for another one: what they loaded from it before, they load again
 * instead of keeping it in registers. */
#define ANEW(pointer) __asm__ volatile("" : "+r"(pointer))
