/* Transposes: contiguous columns become contiguous rows. */

#pragma once

#include "vectors.h"

/* A function that transposes rows: items are `from_step` bytes apart, and rows begin at adjacent items. */
typedef void transpose_t(char *to, const char *from, int64_t rows, int64_t to_row, int64_t n,
                         int64_t from_step);

/* Transposes blocks of items. */
#if defined(__AVX__) && defined(__has_builtin)
#define HAS_OBLONG __has_builtin(__builtin_shufflevector)
#else
#define HAS_OBLONG 0
#endif
#if defined(__clang__)
#define PICK(P, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(P, a, b, ...) __builtin_shuffle(a, b, (P){__VA_ARGS__})
#endif
typedef float four_f __attribute__((vector_size(16), aligned(1), may_alias));
typedef double two_d __attribute__((vector_size(16), aligned(1), may_alias));
typedef int32_t four_i __attribute__((vector_size(16)));
typedef int64_t two_q __attribute__((vector_size(16)));

static ALWAYS_INLINE void square_f(char *to, int64_t to_row, const char *from, int64_t from_row)
{
#define ROW_AT(i) (*(const four_f *)(from + (i) * from_row))
    const four_f a = ROW_AT(0), b = ROW_AT(1), c = ROW_AT(2), d = ROW_AT(3);
    const four_f e = PICK(four_i, a, b, 0, 4, 1, 5), f = PICK(four_i, a, b, 2, 6, 3, 7);
    const four_f g = PICK(four_i, c, d, 0, 4, 1, 5), h = PICK(four_i, c, d, 2, 6, 3, 7);
    *(four_f *)to = PICK(four_i, e, g, 0, 1, 4, 5);
    *(four_f *)(to + to_row) = PICK(four_i, e, g, 2, 3, 6, 7);
    *(four_f *)(to + 2 * to_row) = PICK(four_i, f, h, 0, 1, 4, 5);
    *(four_f *)(to + 3 * to_row) = PICK(four_i, f, h, 2, 3, 6, 7);
#undef ROW_AT
}

static ALWAYS_INLINE void square_d(char *to, int64_t to_row, const char *from, int64_t from_row)
{
    const two_d a = *(const two_d *)from, b = *(const two_d *)(from + from_row);
    *(two_d *)to = PICK(two_q, a, b, 0, 2);
    *(two_d *)(to + to_row) = PICK(two_q, a, b, 1, 3);
}

/* Four rows of three, as the colours of pixels, which fill three vectors. */
static ALWAYS_INLINE void colours_f(char *to, const char *from, int64_t from_row)
{
    const four_f a = *(const four_f *)from, b = *(const four_f *)(from + from_row);
    const four_f c = *(const four_f *)(from + 2 * from_row);
    const four_f low = PICK(four_i, a, b, 0, 4, 1, 5), high = PICK(four_i, a, b, 2, 6, 3, 7);
    const four_f middle = PICK(four_i, low, high, 3, 3, 4, 5);
    *(four_f *)to = PICK(four_i, low, c, 0, 1, 4, 2);
    *(four_f *)(to + 16) = PICK(four_i, middle, c, 0, 5, 2, 3);
    *(four_f *)(to + 32) = PICK(four_i, high, c, 6, 2, 3, 7);
}

#if HAS_OBLONG
/* Four rows of eight, in vectors twice as long. */
typedef float eight_f __attribute__((vector_size(32), aligned(1), may_alias));
typedef int32_t eight_i __attribute__((vector_size(32)));

static ALWAYS_INLINE eight_f two_f(const char *from, const char *beyond)
{
    const four_f a = *(const four_f *)from, b = *(const four_f *)beyond;
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}

static ALWAYS_INLINE void oblong_f(char *to, int64_t to_row, const char *from, int64_t from_row)
{
#define ROWS_AT(i) two_f(from + (i) * from_row, from + (i + 4) * from_row)
    const eight_f a = ROWS_AT(0), b = ROWS_AT(1), c = ROWS_AT(2), d = ROWS_AT(3);
    const eight_f e = PICK(eight_i, a, b, 0, 8, 1, 9, 4, 12, 5, 13);
    const eight_f f = PICK(eight_i, a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    const eight_f g = PICK(eight_i, c, d, 0, 8, 1, 9, 4, 12, 5, 13);
    const eight_f h = PICK(eight_i, c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    *(eight_f *)to = PICK(eight_i, e, g, 0, 1, 8, 9, 4, 5, 12, 13);
    *(eight_f *)(to + to_row) = PICK(eight_i, e, g, 2, 3, 10, 11, 6, 7, 14, 15);
    *(eight_f *)(to + 2 * to_row) = PICK(eight_i, f, h, 0, 1, 8, 9, 4, 5, 12, 13);
    *(eight_f *)(to + 3 * to_row) = PICK(eight_i, f, h, 2, 3, 10, 11, 6, 7, 14, 15);
#undef ROWS_AT
}
#endif

/* Transposes by blocks of `down` rows and `across` items.  The last blocks overlap items that are already
 * done. */
#define TRANSPOSE(T, block, down, across)                                                   \
    static ALWAYS_INLINE void transpose_by_##block(char *to, const char *from, int64_t rows, int64_t to_row, \
                                int64_t n, int64_t from_step)                          \
    {                                                                                  \
        for (int64_t next = 0; next < n; next += across) {                             \
            const int64_t i = next + across <= n ? next : n - across;                  \
            for (int64_t below = 0; below < rows; below += down) {                     \
                const int64_t r = below + down <= rows ? below : rows - down;          \
                block(to + r * to_row + i * (int64_t)sizeof(T), to_row,                \
                      from + i * from_step + r * (int64_t)sizeof(T), from_step);       \
            }                                                                          \
        }                                                                              \
    }
static ALWAYS_INLINE void single_f(char *to, int64_t to_row, const char *from, int64_t from_row)
{
    memcpy(to, from, sizeof(float));
}
static ALWAYS_INLINE void single_d(char *to, int64_t to_row, const char *from, int64_t from_row)
{
    memcpy(to, from, sizeof(double));
}
TRANSPOSE(float, single_f, 1, 1)
TRANSPOSE(float, square_f, 4, 4)
#if HAS_OBLONG
TRANSPOSE(float, oblong_f, 4, 8)
#endif
TRANSPOSE(double, single_d, 1, 1)
TRANSPOSE(double, square_d, 2, 2)

static ALWAYS_INLINE void transpose_colours_f(char *to, const char *from, int64_t rows, int64_t from_step)
{
    for (int64_t next = 0; next < rows; next += 4) {
        const int64_t r = next + 4 <= rows ? next : rows - 4;
        colours_f(to + r * 12, from + r * 4, from_step);
    }
}

static void transpose_f(char *to, const char *from, int64_t rows, int64_t to_row, int64_t n,
                   int64_t from_step)
{
    if (rows >= 4 && n == 3 && to_row == 12) {
        transpose_colours_f(to, from, rows, from_step);
        return;
    }
#if HAS_OBLONG
    if (rows >= 4 && n >= 8) transpose_by_oblong_f(to, from, rows, to_row, n, from_step);
    else
#endif
    if (rows >= 4 && n >= 4) transpose_by_square_f(to, from, rows, to_row, n, from_step);
    else transpose_by_single_f(to, from, rows, to_row, n, from_step);
}

static void transpose_d(char *to, const char *from, int64_t rows, int64_t to_row, int64_t n,
                   int64_t from_step)
{
    if (rows >= 2 && n >= 2) transpose_by_square_d(to, from, rows, to_row, n, from_step);
    else transpose_by_single_d(to, from, rows, to_row, n, from_step);
}
#undef TRANSPOSE
#undef PICK

static transpose_t *transpose_for(char from, char to)
{
    return from != to ? NULL : to == 'f' ? transpose_f : to == 'd' ? transpose_d : NULL;
}
