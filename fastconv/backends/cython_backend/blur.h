/* Blurs of bytes in fixed point for the compiled backend: a mean along one axis, then along another.
 *
 * Numbers have 16 bits, 8 of them after the binary point.  Two at the same distance from the middle
 * are replaced by their mean, and products keep their high 16 bits, so nothing overflows.  `problem/fixed.py` defines
 * the results, and `geometry/blur.py` says what the numbers below are.  To be included after box_types.h. */

#pragma once

typedef struct {
    int64_t rows, row_out, row_x, row_half; /* half: taps on each side of the middle */
    int64_t cols, col_out, col_x, col_half, tap; /* tap: columns from one tap to the next */
    int64_t cols_first; /* whether the mean along columns comes first */
    int64_t strip;      /* columns that are blurred at a time */
    int64_t pitch;      /* items of a workspace row */
    int64_t around;     /* added to results before truncation */
} blur_t;

#define MOST_BLUR_TAPS 33 /* `problem/fixed.py` */
#define BLUR_LANES (VECTOR_BYTES / 2)
#define BLUR_VECTORS 4
#define BLUR_BLOCK (BLUR_VECTORS * BLUR_LANES)

#if defined(__AVX512BW__)
#define MEAN(a, b) ((shorts)_mm512_avg_epu16((__m512i)(a), (__m512i)(b)))
#define HIGH(a, b) ((shorts)_mm512_mulhi_epu16((__m512i)(a), (__m512i)(b)))
#elif defined(__AVX2__)
#define MEAN(a, b) ((shorts)_mm256_avg_epu16((__m256i)(a), (__m256i)(b)))
#define HIGH(a, b) ((shorts)_mm256_mulhi_epu16((__m256i)(a), (__m256i)(b)))
#elif defined(__SSE2__)
#define MEAN(a, b) ((shorts)_mm_avg_epu16((__m128i)(a), (__m128i)(b)))
#define HIGH(a, b) ((shorts)_mm_mulhi_epu16((__m128i)(a), (__m128i)(b)))
#else
VECTOR(uint32_t, products_t, BLUR_LANES)
#define MEAN(a, b) (((a) | (b)) - (((a) ^ (b)) >> 1))
#define HIGH(a, b) AS(shorts, AS(products_t, a) * AS(products_t, b) >> 16)
#endif

/* Store two vectors of means without their fractions. */
static ALWAYS_INLINE void cut_off(uint8_t *to, const shorts first, const shorts second)
{
#if defined(__AVX2__) && !defined(__AVX512BW__)
    const __m256i both = _mm256_packus_epi16((__m256i)(first >> 8), (__m256i)(second >> 8));
    _mm256_storeu_si256((__m256i *)to, _mm256_permute4x64_epi64(both, 0xd8));
#else
    *(bytes *)to = AS(bytes, first >> 8);
    *(bytes *)(to + BLUR_LANES) = AS(bytes, second >> 8);
#endif
}

/* Some vectors of the weighted mean of rows; the first weight is that of the middle. */
static ALWAYS_INLINE void block_of_means(shorts sum[BLUR_VECTORS], const uint16_t *const *rows,
                                         const int64_t half, const uint16_t *w, const int64_t i)
{
    const shorts zero = {0}, middle = zero + w[0];
    UNROLL
    for (int v = 0; v < BLUR_VECTORS; v++)
        sum[v] = HIGH(*(const shorts *)(rows[half] + i + v * BLUR_LANES), middle);
    for (int64_t j = 1; j <= half; j++) {
        const shorts weight = zero + w[j];
        const uint16_t *const before = rows[half - j] + i, *const after = rows[half + j] + i;
        UNROLL
        for (int v = 0; v < BLUR_VECTORS; v++) {
            const shorts mean = MEAN(*(const shorts *)(before + v * BLUR_LANES),
                                     *(const shorts *)(after + v * BLUR_LANES));
            sum[v] += HIGH(mean, weight);
        }
    }
}

/* The mean of rows, in whole blocks. */
static void mean_of_rows(uint16_t *to, const uint16_t *const *rows, const int64_t half,
                         const uint16_t *w, const int64_t n)
{
    for (int64_t i = 0; i < n; i += BLUR_BLOCK) {
        shorts sum[BLUR_VECTORS];
        block_of_means(sum, rows, half, w, i);
        UNROLL
        for (int v = 0; v < BLUR_VECTORS; v++) *(shorts *)(to + i + v * BLUR_LANES) = sum[v];
    }
}

/* The same as whole numbers: the last block reaches back over results that are already right. */
static void bytes_of_rows(uint8_t *to, const int64_t step, const uint16_t *const *rows,
                          const int64_t half, const uint16_t *w, const uint16_t added,
                          const int64_t n)
{
    for (int64_t next = 0; next < n; next += BLUR_BLOCK) {
        const int whole = step == 1 && n >= BLUR_BLOCK;
        const int64_t i = whole && next + BLUR_BLOCK > n ? n - BLUR_BLOCK : next;
        shorts sum[BLUR_VECTORS];
        uint8_t some[BLUR_BLOCK], *const put = whole ? to + i : some;
        block_of_means(sum, rows, half, w, i);
        UNROLL
        for (int v = 0; v < BLUR_VECTORS; v += 2)
            cut_off(put + v * BLUR_LANES, sum[v] + added, sum[v + 1] + added);
        for (int64_t j = 0; !whole && j < BLUR_BLOCK && i + j < n; j++) to[(i + j) * step] = some[j];
    }
}

/* Samples with a fraction of zero. */
static void widened(uint16_t *to, const uint8_t *from, const int64_t step, const int64_t n)
{
    int64_t i = 0;
    if (step == 1) {
        for (; i + BLUR_LANES <= n; i += BLUR_LANES)
            *(shorts *)(to + i) = AS_SHORTS(*(const bytes *)(from + i)) << 8;
    }
    for (; i < n; i++) to[i] = (uint16_t)(from[i * step] << 8);
}

/* All outputs of a slab, in strips of columns; room has the rows that a row of outputs reads, and
 * one more. */
static void blur_slab(uint8_t *out, const uint8_t *x, const uint16_t *w, const blur_t *b,
                      uint16_t *room)
{
    const int64_t kh = 2 * b->row_half + 1, kw = 2 * b->col_half + 1, pitch = b->pitch;
    const uint16_t *const w_rows = b->cols_first ? w + b->col_half + 1 : w;
    const uint16_t *const w_cols = b->cols_first ? w : w + b->row_half + 1;
    uint16_t *const wide = room + kh * pitch;
    const uint16_t added = (uint16_t)b->around;
    const uint16_t *rows[MOST_BLUR_TAPS], *shifted[MOST_BLUR_TAPS];
    for (int64_t j = 0; j < kw; j++) shifted[j] = wide + j * b->tap;
    for (int64_t left = 0; left < b->cols; left += b->strip) {
        const int64_t cols = b->cols - left < b->strip ? b->cols - left : b->strip;
        const int64_t width = cols + (kw - 1) * b->tap;
        for (int64_t row = 1 - kh; row < b->rows; row++) {
            const int64_t fresh = row + kh - 1;
            const uint8_t *from = x + fresh * b->row_x + left * b->col_x;
            uint16_t *const to = room + fresh % kh * pitch;
            for (int64_t i = 0; i < width; i += CACHE_LINE)
                PREFETCH(from + b->row_x + i * b->col_x);
            widened(b->cols_first ? wide : to, from, b->col_x, width);
            if (b->cols_first) mean_of_rows(to, shifted, b->col_half, w_cols, cols);
            if (row < 0)
                continue;
            for (int64_t j = 0; j < kh; j++) rows[j] = room + (row + j) % kh * pitch;
            uint8_t *const done = out + row * b->row_out + left * b->col_out;
            for (int64_t i = 0; i < cols; i += CACHE_LINE)
                PREFETCH_TO(done + b->row_out + i * b->col_out);
            if (b->cols_first) {
                bytes_of_rows(done, b->col_out, rows, b->row_half, w_rows, added, cols);
            } else {
                mean_of_rows(wide, rows, b->row_half, w_rows, width);
                bytes_of_rows(done, b->col_out, shifted, b->col_half, w_cols, added, cols);
            }
        }
    }
}

#undef MEAN
#undef HIGH
