/* Mixes channels of 8-bit and 16-bit pixels by a matrix, in one pass: in registers, they are converted to
 * floats, summed in the order of mix.h, and rounded as in convert.h.  Pixels that do not fill a vector, or
 * have other numbers of channels, go through a small block of floats.
 */

#pragma once

#include "convert.h"
#include "mix.h"

#define MIXED_BLOCK 64 /* pixels */
#define NARROW_PREFETCHED 1024 /* bytes ahead */

#if WIDE_PIXELS && defined(__AVX2__)
#define LOW(v) _mm256_castsi256_si128(v)
#define HIGH(v) _mm256_extracti128_si256(v, 1)
#define STORE_16(at, v) _mm_storeu_si128((__m128i *)(at), v)
#define STORE_8(at, v) _mm_storel_epi64((__m128i *)(at), v)
/* Permutes the bytes of each half of a vector; those numbered __ become zero. */
#define __ (-1)
#define ORDER(v, ...)                                                                              \
    _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__)))
/* Of either half, two pairs of bytes from `a` and two from `b`. */
#define PAIRS(a, b, i, j, k, l)                                                                    \
    _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b),          \
                                          (i) | (j) << 2 | (k) << 4 | (l) << 6))

static ALWAYS_INLINE __m256i load_halves(const void *first, const void *second)
{
    const __m256i low = _mm256_castsi128_si256(_mm_loadu_si128(first));
    return _mm256_inserti128_si256(low, _mm_loadu_si128(second), 1);
}

/* The channels of eight pixels of three or four items, four pixels in either half.  Of three bytes,
 * four bytes beyond the pixels are read. */
static ALWAYS_INLINE void part_uint8(__m256i v[4], const uint8_t *x, const int items)
{
    const __m256i all = load_halves(x, x + 4 * items);
    if (items == 3) {
        v[0] = ORDER(all, 0, __, __, __, 3, __, __, __, 6, __, __, __, 9, __, __, __);
        v[1] = ORDER(all, 1, __, __, __, 4, __, __, __, 7, __, __, __, 10, __, __, __);
        v[2] = ORDER(all, 2, __, __, __, 5, __, __, __, 8, __, __, __, 11, __, __, __);
    } else {
        v[0] = ORDER(all, 0, __, __, __, 4, __, __, __, 8, __, __, __, 12, __, __, __);
        v[1] = ORDER(all, 1, __, __, __, 5, __, __, __, 9, __, __, __, 13, __, __, __);
        v[2] = ORDER(all, 2, __, __, __, 6, __, __, __, 10, __, __, __, 14, __, __, __);
        v[3] = ORDER(all, 3, __, __, __, 7, __, __, __, 11, __, __, __, 15, __, __, __);
    }
}

static ALWAYS_INLINE void part_uint16(__m256i v[4], const uint16_t *x, const int items)
{
    const uint16_t *const half = x + 4 * items;
    const int last = 4 * items - 8; /* of a half that has more than eight items */
    const __m256i a = load_halves(x, half), b = load_halves(x + last, half + last);
    if (items == 3) {
        const __m256i red = PAIRS(a, b, 0, 1, 1, 2), green = PAIRS(a, b, 0, 2, 1, 3);
        const __m256i blue = PAIRS(a, b, 1, 2, 2, 3);
        v[0] = ORDER(red, 0, 1, __, __, 6, 7, __, __, 8, 9, __, __, 14, 15, __, __);
        v[1] = ORDER(green, 2, 3, __, __, 4, 5, __, __, 10, 11, __, __, 12, 13, __, __);
        v[2] = ORDER(blue, 0, 1, __, __, 6, 7, __, __, 8, 9, __, __, 14, 15, __, __);
    } else {
        const __m256i first = PAIRS(a, b, 0, 2, 0, 2), second = PAIRS(a, b, 1, 3, 1, 3);
        const __m256i even = _mm256_set1_epi32(UINT16_MAX);
        v[0] = _mm256_and_si256(first, even), v[1] = _mm256_srli_epi32(first, 16);
        v[2] = _mm256_and_si256(second, even), v[3] = _mm256_srli_epi32(second, 16);
    }
}

/* Eight pixels of one to four items from their channels.  Of three bytes, four bytes beyond the pixels
 * are written. */
static ALWAYS_INLINE void join_uint8(uint8_t *out, const __m256i v[4], const int items)
{
    uint8_t *const half = out + 4 * items;
    const __m256i first = _mm256_packus_epi32(v[0], v[items > 1]);
    const __m256i second = items > 2 ? _mm256_packus_epi32(v[2], v[items - 1]) : first;
    const __m256i all = _mm256_packus_epi16(first, second);
    if (items == 1) {
        STORE_8(out, _mm_unpacklo_epi32(LOW(all), HIGH(all)));
    } else if (items == 2) {
        const __m256i joined = ORDER(all, 0, 4, 1, 5, 2, 6, 3, 7, __, __, __, __, __, __, __, __);
        STORE_8(out, LOW(joined)), STORE_8(half, HIGH(joined));
    } else {
        const __m256i joined =
            items == 3 ? ORDER(all, 0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, __, __, __, __)
                       : ORDER(all, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        STORE_16(out, LOW(joined)), STORE_16(half, HIGH(joined));
    }
}

static ALWAYS_INLINE void join_uint16(uint16_t *out, const __m256i v[4], const int items)
{
    uint16_t *const half = out + 4 * items;
    const __m256i first = _mm256_packus_epi32(v[0], v[items > 1]);
    const __m256i second = items > 2 ? _mm256_packus_epi32(v[2], v[items - 1]) : first;
    if (items == 1) {
        STORE_16(out, _mm_unpacklo_epi64(LOW(first), HIGH(first)));
    } else if (items == 3) {
        const __m256i red = ORDER(first, 0, 1, 8, 9, __, __, 2, 3, 10, 11, __, __, 4, 5, 12, 13);
        const __m256i blue = ORDER(second, __, __, __, __, 0, 1, __, __, __, __, 2, 3, __, __, __, __);
        const __m256i reds = ORDER(first, __, __, 6, 7, 14, 15, __, __, __, __, __, __, __, __, __, __);
        const __m256i blues = ORDER(second, 4, 5, __, __, __, __, 6, 7, __, __, __, __, __, __, __, __);
        const __m256i most = _mm256_or_si256(red, blue), rest = _mm256_or_si256(reds, blues);
        STORE_16(out, LOW(most)), STORE_8(out + 8, LOW(rest));
        STORE_16(half, HIGH(most)), STORE_8(half + 8, HIGH(rest));
    } else {
        const __m256i a = ORDER(first, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
        const __m256i b = ORDER(second, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
        const __m256i low = items == 2 ? a : _mm256_unpacklo_epi32(a, b);
        STORE_16(out, LOW(low)), STORE_16(half, HIGH(low));
        if (items == 4) {
            const __m256i high = _mm256_unpackhi_epi32(a, b);
            STORE_16(out + 8, LOW(high)), STORE_16(half + 8, HIGH(high));
        }
    }
}

/* Mixes pixels of a row, but for the last ones, and returns how many. */
#define MIX_WIDE(T, high)                                                                          \
    static ALWAYS_INLINE int64_t mix_wide_##T(T##_t *out, const T##_t *x, const float *w,          \
                                              const float *bias, int64_t pixels, const int in,     \
                                              const int items)                                     \
    {                                                                                              \
        pixels_t weight[16], offset[4];                                                            \
        int64_t p = 0;                                                                             \
        UNROLL                                                                                     \
        for (int i = 0; i < in * items; i++) weight[i] = (pixels_t){0} + w[i];                     \
        UNROLL                                                                                     \
        for (int k = 0; k < items; k++) offset[k] = (pixels_t){0} + bias[k];                       \
        for (; p + PIXELS + 2 <= pixels; p += PIXELS) {                                            \
            __m256i channel[4], rounded_sum[4];                                                    \
            pixels_t number[4];                                                                    \
            PREFETCH((const char *)(x + p * in) + NARROW_PREFETCHED);                              \
            part_##T(channel, x + p * in, in);                                                     \
            UNROLL                                                                                 \
            for (int c = 0; c < in; c++) number[c] = (pixels_t)_mm256_cvtepi32_ps(channel[c]);     \
            UNROLL                                                                                 \
            for (int k = 0; k < items; k++) {                                                      \
                pixels_t sum = offset[k];                                                          \
                UNROLL                                                                             \
                for (int c = 0; c < in; c++) sum += number[c] * weight[k * in + c];                \
                rounded_sum[k] = rounded((__m256)sum, high);                                       \
            }                                                                                      \
            join_##T(out + p * items, rounded_sum, items);                                         \
        }                                                                                          \
        return p;                                                                                  \
    }
#define MIX_WIDE_OF(T, c, k)                                                                       \
    if (in == c && items == k) return mix_wide_##T(out, x, w, bias, pixels, c, k);
#else
#define MIX_WIDE(T, high)
#define MIX_WIDE_OF(T, c, k)
#endif

/* Items of pixels from one type to another; pixels are contiguous, or some bytes apart. */
INLINE void convert_pixels(row_t *row, char *to, const char *from, int64_t pixels, int items,
                           int64_t to_pixel, int64_t to_item, int64_t from_pixel, int64_t from_item)
{
    if (to_pixel == items * to_item && from_pixel == items * from_item) {
        row(to, from, pixels * items, to_item, from_item);
    } else {
        for (int c = 0; c < items; c++)
            row(to + c * to_item, from + c * from_item, pixels, to_pixel, from_pixel);
    }
}

#define MIX_NARROW(T, letter, high)                                                                \
    MIX_WIDE(T, high)                                                                              \
    static int64_t mix_first_##T(T##_t *out, const T##_t *x, const float *w, const float *bias,    \
                                 int64_t pixels, int in, int items)                                \
    {                                                                                              \
        MIX_WIDE_OF(T, 3, 1)                                                                       \
        MIX_WIDE_OF(T, 3, 3)                                                                       \
        MIX_WIDE_OF(T, 4, 2)                                                                       \
        MIX_WIDE_OF(T, 4, 4)                                                                       \
        return 0;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static void mix_##T(T##_t *out, const T##_t *x, const float *w, const float *bias,             \
                        const mix_t *n)                                                            \
    {                                                                                              \
        enum { item = sizeof(T##_t), wide = sizeof(float) };                                       \
        const int in = n->in, items = n->out;                                                      \
        const int contiguous = n->pixel_x == in && n->pixel_out == items;                          \
        float samples[MOST_MIXED * MIXED_BLOCK], sums[MOST_MIXED * MIXED_BLOCK];                   \
        mix_t block = {1, 0, 0, 0, items, in, in, items, n->relu};                                 \
        for (int64_t r = 0; r < n->rows; r++, out += n->row_out, x += n->row_x) {                  \
            int64_t p = contiguous ? mix_first_##T(out, x, w, bias, n->pixels, in, items) : 0;     \
            for (; p < n->pixels; p += block.pixels) {                                             \
                const int64_t rest = n->pixels - p;                                                \
                block.pixels = rest < MIXED_BLOCK ? rest : MIXED_BLOCK;                            \
                convert_pixels(row_##letter##_f, (char *)samples,                                  \
                               (const char *)(x + p * n->pixel_x), block.pixels, in, in * wide,    \
                               wide, n->pixel_x * item, item);                                     \
                mix_float32(sums, samples, w, bias, &block);                                       \
                convert_pixels(packed_##letter, (char *)(out + p * n->pixel_out),                  \
                               (const char *)sums, block.pixels, items, n->pixel_out * item, item, \
                               items * wide, wide);                                                \
            }                                                                                      \
        }                                                                                          \
    }
MIX_NARROW(uint8, B, UINT8_MAX)
MIX_NARROW(uint16, H, UINT16_MAX)
#undef MIX_NARROW
#undef MIX_WIDE
#undef MIX_WIDE_OF
#undef ORDER
#undef PAIRS
#undef LOW
#undef HIGH
#undef STORE_16
#undef STORE_8
#undef __
