/* Compiler extensions that all kernels use: vector types, and hints for loops and registers. */

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__) && !defined(__clang__)
#error "fastconv's kernels need the vector extensions of GCC or Clang; on Windows, build with clang-cl"
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
/* Unrolls a loop, so that its sums stay in registers.  Clang reads a number as the number of copies of
 * the body, even if the loop has fewer iterations, and gives up if these are large. */
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

/* Keeps a vector in a register; compilers would load it again for each use. */
#if defined(__x86_64__)
#define LOADED_ONCE(v) __asm__ volatile("" : "+v"(v))
#else
#define LOADED_ONCE(v)
#endif
/* Hides the origin of a pointer, so that compilers load values again instead of keeping them in
 * registers. */
#define ANEW(pointer) __asm__ volatile("" : "+r"(pointer))
