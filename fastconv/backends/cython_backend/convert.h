/* Converts rows of items: samples for a kernel, and sums to results.  `row_for` finds the function for
 * two item types, named by the letters of Python's `struct`, or returns NULL.  Numbers are converted to
 * integers as by `dtypes.store`: NaN becomes 0, halves are rounded to even, and values saturate.
 */

#pragma once

#include "vectors.h"
#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

/* Converts `n` items; steps are in bytes. */
typedef void row_t(char *to, const char *from, int64_t n, int64_t to_step, int64_t from_step);

#define INLINE static ALWAYS_INLINE

/* Vectors of as many items as fit a register in 32 bits (w), and in 64 bits (n). */
#define W (VECTOR_BYTES / 4)
#define N (W / 2)
#define VECTOR(T, name, items) \
    typedef T name __attribute__((vector_size((items) * sizeof(T)), aligned(1), may_alias));
#define TYPES(prefix, items)                                                             \
    VECTOR(int8_t, prefix##b, items)                                                   \
    VECTOR(uint8_t, prefix##B, items)                                                  \
    VECTOR(uint8_t, prefix##bool, items)                                               \
    VECTOR(int16_t, prefix##h, items)                                                  \
    VECTOR(uint16_t, prefix##H, items)                                                 \
    VECTOR(uint16_t, prefix##e, items)                                                 \
    VECTOR(int32_t, prefix##i, items)                                                  \
    VECTOR(uint32_t, prefix##I, items)                                                 \
    VECTOR(float, prefix##f, items)
TYPES(w, W)
TYPES(n, N)
VECTOR(int64_t, nq, N)
VECTOR(uint64_t, nQ, N)
VECTOR(double, nd, N)
#define wcast_b wb
#define wcast_B wB
#define wcast_h wh
#define wcast_H wH
#define wcast_i wi
#define ncast_b nb
#define ncast_B nB
#define ncast_h nh
#define ncast_H nH
#define ncast_i ni
#define ncast_I nI
#define AS(V, v) __builtin_convertvector(v, V)
#define BITS(V, v) ((V)(v))

INLINE wf from_half(wH half)
{
    const wI bits = AS(wI, half);
    const wI magnitude = bits & 0x7fff;
    /* Scaled by 2^112, halves without an implicit one are right, too; infinity and NaN are not. */
    const wf scaled = BITS(wf, magnitude << 13) * 0x1p112f;
    const wI special = BITS(wI, magnitude >= 0x7c00) & 0x7f800000;
    return BITS(wf, BITS(wI, scaled) | special | ((bits & 0x8000) << 16));
}

INLINE wH to_half(wf value)
{
    const wI bits = BITS(wI, value);
    const wI magnitude = bits & 0x7fffffff;
    const wI tiny = BITS(wI, magnitude < 0x38800000);
    const wI large = BITS(wI, magnitude >= 0x47800000);
    /* Adding one half leaves the digits of a small number at the end of the significand. */
    const wI small = BITS(wI, BITS(wf, magnitude) + 0.5f) - 0x3f000000;
    const wI normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    const wI beyond = 0x7c00 | (BITS(wI, magnitude > 0x7f800000) & 0x200);
    const wI half = (tiny & small) | (large & beyond) | (~(tiny | large) & normal);
    return AS(wH, half | ((bits >> 16) & 0x8000));
}

/* Defines `name`: numbers of vector type V between two bounds, NaN as 0, as integers of the vector
 * type R; M is an integer vector as large as V.  Adding and taking away a number that has no digits to
 * spare rounds to the nearest whole one, halves to the even one; integers have none to round. */
#define SATURATE(name, V, M, R, low, high, magic)                                      \
    INLINE R name(V value)                                                             \
    {                                                                                  \
        const V zero = {0};                                                            \
        const V number = BITS(V, BITS(M, value) & (value == value));                   \
        const M below = number < (low), above = number > (high);                       \
        const V between = BITS(V, (BITS(M, number) & ~(below | above))                 \
                                      | (BITS(M, zero + (low)) & below)                \
                                      | (BITS(M, zero + (high)) & above));             \
        return AS(R, (between + (magic)) - (magic));                                   \
    }

#define ROUND_f 0x1.8p23f
#define ROUND_d 0x1.8p52
SATURATE(f_to_b, wf, wi, wi, INT8_MIN, INT8_MAX, ROUND_f)
SATURATE(f_to_B, wf, wi, wi, 0, UINT8_MAX, ROUND_f)
SATURATE(f_to_h, wf, wi, wi, INT16_MIN, INT16_MAX, ROUND_f)
SATURATE(f_to_H, wf, wi, wi, 0, UINT16_MAX, ROUND_f)
SATURATE(d_to_b, nd, nq, ni, INT8_MIN, INT8_MAX, ROUND_d)
SATURATE(d_to_B, nd, nq, ni, 0, UINT8_MAX, ROUND_d)
SATURATE(d_to_h, nd, nq, ni, INT16_MIN, INT16_MAX, ROUND_d)
SATURATE(d_to_H, nd, nq, ni, 0, UINT16_MAX, ROUND_d)
SATURATE(d_to_i, nd, nq, ni, INT32_MIN, INT32_MAX, ROUND_d)
SATURATE(d_to_I, nd, nq, nq, 0, UINT32_MAX, ROUND_d)
SATURATE(q_to_b, nq, nq, nq, INT8_MIN, INT8_MAX, 0)
SATURATE(q_to_B, nq, nq, nq, 0, UINT8_MAX, 0)
SATURATE(q_to_h, nq, nq, nq, INT16_MIN, INT16_MAX, 0)
SATURATE(q_to_H, nq, nq, nq, 0, UINT16_MAX, 0)
SATURATE(q_to_i, nq, nq, nq, INT32_MIN, INT32_MAX, 0)
SATURATE(q_to_I, nq, nq, nq, 0, UINT32_MAX, 0)

/* Defines a row from items of one type to items of another: whole vectors where items are neighbours, of
 * which the last one reaches back, or else a vector with holes.  The expression makes the result of `v`. */
#define ROW(S, from_letter, T, to_letter, prefix, items, expression)                   \
    static void row_##from_letter##_##to_letter(                                       \
        char *to, const char *from, int64_t n, int64_t to_step, int64_t from_step)     \
    {                                                                                  \
        int64_t i = 0;                                                                 \
        if (to_step == sizeof(T) && from_step == sizeof(S) && n >= items) {            \
            while (i < n) {                                                            \
                if (i + items > n) i = n - items;                                      \
                const prefix##from_letter v =                                          \
                    *(const prefix##from_letter *)(from + i * sizeof(S));              \
                *(prefix##to_letter *)(to + i * sizeof(T)) = expression;               \
                i += items;                                                            \
            }                                                                          \
            return;                                                                    \
        }                                                                              \
        while (i < n) {                                                                \
            const int64_t some = n - i < items ? n - i : items;                        \
            S before[items] = {0};                                                     \
            T after[items];                                                            \
            for (int64_t j = 0; j < some; j++)                                         \
                memcpy(before + j, from + (i + j) * from_step, sizeof(S));             \
            const prefix##from_letter v = *(const prefix##from_letter *)before;        \
            *(prefix##to_letter *)after = expression;                                  \
            for (int64_t j = 0; j < some; j++)                                         \
                memcpy(to + (i + j) * to_step, after + j, sizeof(T));                  \
            i += some;                                                                 \
        }                                                                              \
    }

/* Samples to the compute dtype.  Compilers widen small integers step by step; `GROW` is a single
 * instruction that widens them to a vector of 32-bit integers. */
#define FROM_BYTES(p, v) AS(p##i, AS(p##h, v))
#define FROM_SHORTS(p, v) AS(p##i, v)
#if defined(__AVX512F__)
#define GROW(kind, v) (wi)_mm512_cvtep##kind##_epi32(v)
#define BYTES(v) (__m128i)(v)
#define SHORTS(v) (__m256i)(v)
#elif defined(__AVX2__)
#define GROW(kind, v) (wi)_mm256_cvtep##kind##_epi32(v)
#define BYTES(v) _mm_cvtsi64_si128((int64_t)(v))
#define SHORTS(v) (__m128i)(v)
#endif
#if defined(GROW)
#define GROW_b(v) GROW(i8, BYTES(v))
#define GROW_B(v) GROW(u8, BYTES(v))
#define GROW_h(v) GROW(i16, SHORTS(v))
#define GROW_H(v) GROW(u16, SHORTS(v))
#else
#define GROW_b(v) FROM_BYTES(w, v)
#define GROW_B(v) FROM_BYTES(w, v)
#define GROW_h(v) FROM_SHORTS(w, v)
#define GROW_H(v) FROM_SHORTS(w, v)
#endif
#define GROW_bool(v) GROW_B((v != 0) & 1)
#define FROM_BOOLS(p, v) FROM_BYTES(p, (v != 0) & 1)
#define AS_IS(p, v) v
#define GROW_i(v) v
#define GROW_I(v) v
#define ROWS_FROM(S, letter, grown)                                                    \
    ROW(S, letter, float, f, w, W, AS(wf, GROW_##letter(v)))                           \
    ROW(S, letter, double, d, n, N, AS(nd, grown(n, v)))                               \
    ROW(S, letter, int64_t, q, n, N, AS(nq, grown(n, v)))
ROWS_FROM(uint8_t, bool, FROM_BOOLS)
ROWS_FROM(int8_t, b, FROM_BYTES)
ROWS_FROM(uint8_t, B, FROM_BYTES)
ROWS_FROM(int16_t, h, FROM_SHORTS)
ROWS_FROM(uint16_t, H, FROM_SHORTS)
ROWS_FROM(int32_t, i, AS_IS)
ROWS_FROM(uint32_t, I, AS_IS)
ROW(int64_t, q, float, f, n, N, AS(nf, v))
ROW(int64_t, q, double, d, n, N, AS(nd, v))
ROW(uint64_t, Q, float, f, n, N, AS(nf, v))
ROW(uint64_t, Q, double, d, n, N, AS(nd, v))
ROW(uint16_t, e, float, f, w, W, from_half(v))
ROW(float, f, double, d, n, N, AS(nd, v))
ROW(double, d, float, f, n, N, AS(nf, v))

/* Copies without conversion; the last copy overlaps items that are done. */
INLINE void copy_bytes(char *to, const char *from, int64_t n)
{
    for (; n > 64; to += 64, from += 64, n -= 64) memcpy(to, from, 64);
#define ENDS(size)                                                                     \
    if (n >= size) {                                                                   \
        memcpy(to, from, size);                                                        \
        memcpy(to + n - size, from + n - size, size);                                  \
        return;                                                                        \
    }
    ENDS(32)
    ENDS(16)
    ENDS(8)
    ENDS(4)
    ENDS(2)
    ENDS(1)
#undef ENDS
}

#define KEEP(T, from_letter, to_letter)                                                \
    static void row_##from_letter##_##to_letter(                                       \
        char *to, const char *from, int64_t n, int64_t to_step, int64_t from_step)     \
    {                                                                                  \
        if (to_step == sizeof(T) && from_step == sizeof(T)) {                          \
            copy_bytes(to, from, n * (int64_t)sizeof(T));                              \
            return;                                                                    \
        }                                                                              \
        for (int64_t i = 0; i < n; i++)                                                \
            memcpy(to + i * to_step, from + i * from_step, sizeof(T));                 \
    }
KEEP(float, f, f)
KEEP(double, d, d)
KEEP(int64_t, q, q)
KEEP(uint8_t, B, B)
KEEP(uint16_t, H, H)

/* Sums to results. */
#define ROWS_TO(T, letter)                                                             \
    ROW(float, f, T, letter, w, W, AS(w##letter, AS(wh, f_to_##letter(v))))            \
    ROW(double, d, T, letter, n, N, AS(n##letter, AS(nh, d_to_##letter(v))))           \
    ROW(int64_t, q, T, letter, n, N, AS(n##letter, q_to_##letter(v)))
ROWS_TO(int8_t, b)
ROWS_TO(uint8_t, B)
ROWS_TO(int16_t, h)
ROWS_TO(uint16_t, H)
ROW(float, f, int32_t, i, n, N, d_to_i(AS(nd, v)))
ROW(double, d, int32_t, i, n, N, d_to_i(v))
ROW(int64_t, q, int32_t, i, n, N, AS(ni, q_to_i(v)))
ROW(float, f, uint32_t, I, n, N, AS(nI, d_to_I(AS(nd, v))))
ROW(double, d, uint32_t, I, n, N, AS(nI, d_to_I(v)))
ROW(int64_t, q, uint32_t, I, n, N, AS(nI, q_to_I(v)))
ROW(float, f, uint16_t, e, w, W, to_half(v))

/* Sums to integers as in C: truncated, and without the higher bits. */
#define CASTS(T, letter)                                                               \
    ROW(float, f, T, cast_##letter, w, W, AS(w##letter, AS(wh, AS(wi, v))))            \
    ROW(double, d, T, cast_##letter, n, N, AS(n##letter, AS(nh, AS(ni, v))))           \
    ROW(int64_t, q, T, cast_##letter, n, N, AS(n##letter, v))
CASTS(int8_t, b)
CASTS(uint8_t, B)
CASTS(int16_t, h)
CASTS(uint16_t, H)
ROW(float, f, int32_t, cast_i, w, W, AS(wi, v))
ROW(double, d, int32_t, cast_i, n, N, AS(ni, v))
ROW(int64_t, q, int32_t, cast_i, n, N, AS(ni, v))
ROW(float, f, uint32_t, cast_I, n, N, AS(nI, AS(nq, AS(nd, v))))
ROW(double, d, uint32_t, cast_I, n, N, AS(nI, AS(nq, v)))
ROW(int64_t, q, uint32_t, cast_I, n, N, AS(nI, v))

/* Sums in float32 become small integers some vectors at a time, where instructions pack vectors.  They
 * saturate, and make NaN the smallest integer: 0 for types without a sign; for others it is 0 before. */
#if defined(__SSE4_1__)
#if defined(__AVX2__)
#define SSE(name) _mm256_##name
typedef __m256 floats;
typedef __m256i whole;
#define IN_ORDER_8(v) _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
#define IN_ORDER_16(v) _mm256_permute4x64_epi64(v, 0xd8)
#else
#define SSE(name) _mm_##name
typedef __m128 floats;
typedef __m128i whole;
#define IN_ORDER_8(v) v
#define IN_ORDER_16(v) v
#endif

INLINE whole rounded(floats number, float high)
{
    return SSE(cvtps_epi32)(SSE(min_ps)(SSE(set1_ps)(high), number));
}
#define UNSIGNED(at, high) rounded(SSE(loadu_ps)(at), high)
#define SIGNED(at, high) rounded(number(SSE(loadu_ps)(at)), high)
INLINE floats number(floats v)
{
    typedef __typeof__(v == v) mask;
    return (floats)((mask)v & (v == v));
}

/* Defines a row like `ROW`, which handles rows that are shorter than `vectors` or not contiguous. */
#define PACKED(T, letter, vectors, expression)                                         \
    static void packed_##letter(                                                       \
        char *to, const char *from, int64_t n, int64_t to_step, int64_t from_step)     \
    {                                                                                  \
        enum { lanes = sizeof(floats) / sizeof(float), items = vectors * lanes };      \
        if (to_step != sizeof(T) || from_step != sizeof(float) || n < items) {         \
            row_f_##letter(to, from, n, to_step, from_step);                           \
            return;                                                                    \
        }                                                                              \
        for (int64_t next = 0; next < n; next += items) {                              \
            const int64_t i = next + items <= n ? next : n - items;                    \
            const float *const at = (const float *)from + i;                           \
            const whole packed = expression;                                           \
            memcpy(to + i * (int64_t)sizeof(T), &packed, sizeof packed);               \
        }                                                                              \
    }
#define IN_16(pack, make, high, at) SSE(pack##_epi32)(make(at, high), make((at) + lanes, high))
#define IN_8(pack, make, high)                                                         \
    IN_ORDER_8(SSE(pack##_epi16)(IN_16(packs, make, high, at),                         \
                                 IN_16(packs, make, high, at + 2 * lanes)))
PACKED(int8_t, b, 4, IN_8(packs, SIGNED, INT8_MAX))
PACKED(uint8_t, B, 4, IN_8(packus, UNSIGNED, UINT8_MAX))
PACKED(int16_t, h, 2, IN_ORDER_16(IN_16(packs, SIGNED, INT16_MAX, at)))
PACKED(uint16_t, H, 2, IN_ORDER_16(IN_16(packus, UNSIGNED, UINT16_MAX, at)))
#else
#define packed_b row_f_b
#define packed_B row_f_B
#define packed_h row_f_h
#define packed_H row_f_H
#endif

#include "convert_rare.h"

#define PAIR(from, to) ((from) << 8 | (to))
#define CASE(FROM, letter, TO, to_letter) case PAIR(letter, to_letter): return row_##FROM##_##TO;
#define CASES_FROM(FROM, letter)                                                       \
    CASE(FROM, letter, f, 'f') CASE(FROM, letter, d, 'd') CASE(FROM, letter, q, 'q')
#define CASES_TO(TO, letter)                                                           \
    CASE(f, 'f', TO, letter) CASE(d, 'd', TO, letter) CASE(q, 'q', TO, letter)

static row_t *row_for(char from, char to)
{
    switch (PAIR(from, to)) {
        CASES_FROM(bool, '?') CASES_FROM(b, 'b') CASES_FROM(B, 'B') CASES_FROM(h, 'h')
        CASES_FROM(H, 'H') CASES_FROM(i, 'i') CASES_FROM(I, 'I') CASES_FROM(Q, 'Q')
        CASES_FROM(e, 'e') CASES_FROM(f, 'f') CASES_FROM(d, 'd') CASES_FROM(q, 'q')
        CASES_TO(bool, '?') CASES_TO(i, 'i') CASES_TO(I, 'I') CASES_TO(Q, 'Q') CASES_TO(e, 'e')
        CASE(d, 'd', b, 'b') CASE(d, 'd', B, 'B') CASE(d, 'd', h, 'h') CASE(d, 'd', H, 'H')
        CASE(q, 'q', b, 'b') CASE(q, 'q', B, 'B') CASE(q, 'q', h, 'h') CASE(q, 'q', H, 'H')
        case PAIR('f', 'b'): return packed_b;
        case PAIR('f', 'B'): return packed_B;
        case PAIR('f', 'h'): return packed_h;
        case PAIR('f', 'H'): return packed_H;
        CASE(B, 'B', B, 'B') CASE(H, 'H', H, 'H')
        case PAIR('b', 'b'): return row_B_B;
        case PAIR('h', 'h'): return row_H_H;
        case PAIR('i', 'i'): return row_f_f;
    }
    return NULL;
}

#define CASTS_TO(TO, letter)                                                           \
    CASE(f, 'f', cast_##TO, letter) CASE(d, 'd', cast_##TO, letter) CASE(q, 'q', cast_##TO, letter)

static row_t *casting_row_for(char from, char to)
{
    switch (PAIR(from, to)) {
        CASTS_TO(b, 'b') CASTS_TO(B, 'B') CASTS_TO(h, 'h') CASTS_TO(H, 'H')
        CASTS_TO(i, 'i') CASTS_TO(I, 'I')
        CASE(f, 'f', cast_q, 'q') CASE(d, 'd', cast_q, 'q') CASE(q, 'q', q, 'q')
        CASE(f, 'f', cast_Q, 'Q') CASE(d, 'd', cast_Q, 'Q') CASE(q, 'q', q, 'Q')
    }
    return NULL;
}
