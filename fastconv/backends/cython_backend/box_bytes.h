/* Sums of windows of bytes for the compiled backend; to be included after box_types.h.
 *
 * They are exact, so what leaves a window is subtracted: columns have running sums of 16 bits, which
 * the sums of small windows fit, too.  A sum is weighted once, and rounded; a byte is never below zero.
 */

#include "convert.h"

#define MOST_BYTES 257 /* whose sum is below 2^16 */

VECTOR(uint16_t, shorts, VECTOR_BYTES / 2)
VECTOR(uint8_t, bytes, VECTOR_BYTES / 2)
#if defined(__AVX512BW__)
#define AS_SHORTS(v) ((shorts)_mm512_cvtepu8_epi16((__m256i)(v)))
#elif defined(__AVX2__)
#define AS_SHORTS(v) ((shorts)_mm256_cvtepu8_epi16((__m128i)(v)))
#else
#define AS_SHORTS(v) AS(shorts, v)
#endif
#define FROM_BYTES_AT(p) AS_SHORTS(*(const bytes *)((p) + i))
#define FLOATS(p) AS(wf, GROW_H(*(const wH *)((p) + i)))
#define VECTORS_OF(lanes, ...) for (; i + (lanes) <= n; i += (lanes)) { __VA_ARGS__ }

/* The column sums of a row, from those of the row above: fresh bytes come, old ones go, if any. */
static void next_columns(uint16_t *sums, const uint8_t *fresh, const uint8_t *old,
                         const int64_t step, const int64_t n)
{
    int64_t i = 0;
    if (step == 1 && old) {
        VECTORS_OF(VECTOR_BYTES / 2, *(shorts *)(sums + i) += FROM_BYTES_AT(fresh) - FROM_BYTES_AT(old);)
    } else if (step == 1) {
        VECTORS_OF(VECTOR_BYTES / 2, *(shorts *)(sums + i) += FROM_BYTES_AT(fresh);)
    }
    for (; i < n; i++) sums[i] += fresh[i * step] - (old ? old[i * step] : 0);
}

static void as_floats(float *to, const uint16_t *sums, const int64_t n)
{
    int64_t i = 0;
    VECTORS_OF(W, *(wf *)(to + i) = FLOATS(sums);)
    for (; i < n; i++) to[i] = sums[i];
}

/* Defines `name`: sums of a type, weighted and rounded.  NaN is 0, and what lies beyond bytes their
 * extreme; adding a number that leaves no digits behind the point brings the others to the end. */
#define WEIGHED(name, T, VECTOR_AT)                                                    \
    static void name(uint8_t *to, const int64_t step, const T *sums, const float w,    \
                     const float bias, const int64_t n)                                \
    {                                                                                  \
        int64_t i = 0;                                                                 \
        if (step == 1)                                                                 \
            VECTORS_OF(W, *(wB *)(to + i) = rounded_bytes(VECTOR_AT(sums) * w + bias);) \
        for (; i < n; i++) {                                                           \
            const float sum = sums[i] * w + bias, least = sum > 0 ? sum : 0;           \
            to[i * step] = (uint8_t)((least < 255 ? least : 255) + 0x1.8p23f - 0x1.8p23f); \
        }                                                                              \
    }

#define WIDE_FLOATS(p) (*(const wf *)((p) + i))
INLINE wB rounded_bytes(wf sums)
{
#if defined(__AVX512F__)
    const __m512 least = _mm512_max_ps((__m512)sums, _mm512_setzero_ps());
    return (wB)_mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(least));
#elif defined(__AVX2__)
    const __m256 least = _mm256_max_ps((__m256)sums, _mm256_setzero_ps());
    const __m256i whole = _mm256_cvtps_epi32(_mm256_min_ps(least, _mm256_set1_ps(255)));
    const __m128i narrow =
        _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    return (wB)_mm_cvtsi128_si64(_mm_packus_epi16(narrow, narrow));
#else
    const wf zero = {0}, most = zero + 255;
    const wf least = BITS(wf, BITS(wi, sums) & (sums > zero));
    const wi beyond = least > most;
    const wf between = BITS(wf, (BITS(wi, least) & ~beyond) | (BITS(wi, most) & beyond));
    return AS(wB, AS(wH, BITS(wI, between + 0x1.8p23f)));
#endif
}
WEIGHED(weighed_shorts, uint16_t, FLOATS)
WEIGHED(weighed_floats, float, WIDE_FLOATS)

/* All windows of a slab, in strips of columns.  room holds two rows of floats and two of 16 bits, as
 * long as a strip with what its windows reach beyond. */
static void window_sums_bytes(uint8_t *out, const uint8_t *x, const float w, const float bias,
                              const int64_t *planes, const nest_t *n, char *room,
                              const int64_t strip)
{
    const int64_t kh = n->kh, kw = n->kw, tap = n->tap_col_x;
    const int64_t longest = strip + (kw - 1) * tap;
    const int few = n->n_planes * kh * kw <= MOST_BYTES;
    float *const wide = (float *)room, *const sums = wide + longest;
    uint16_t *const columns = (uint16_t *)(sums + longest), *const narrow = columns + longest;
    for (int64_t left = 0; left < n->cols; left += strip) {
        const int64_t cols = n->cols - left < strip ? n->cols - left : strip;
        const int64_t width = cols + (kw - 1) * tap;
        memset(columns, 0, width * sizeof(uint16_t));
        for (int64_t row = 1 - kh; row < n->rows; row++) {
            for (int64_t p = 0; p < n->n_planes; p++) {
                const int64_t down = (row + kh - 1) * n->row_x;
                const uint8_t *fresh = x + planes[2 * p] + left * n->col_x + down;
                const uint8_t *old = row > 0 ? fresh - kh * n->row_x : NULL;
                next_columns(columns, fresh, old, n->col_x, width);
            }
            if (row < 0)
                continue;
            uint8_t *to = out + row * n->row_out + left * n->col_out;
            if (few) {
                along_row_uint16(narrow, columns, narrow, 0, kw, tap, cols);
                weighed_shorts(to, n->col_out, narrow, w, bias, cols);
            } else {
                as_floats(wide, columns, width);
                along_row_float32(sums, wide, sums, 0, kw, tap, cols);
                weighed_floats(to, n->col_out, sums, w, bias, cols);
            }
        }
    }
}

#undef WEIGHED
#undef VECTORS_OF
