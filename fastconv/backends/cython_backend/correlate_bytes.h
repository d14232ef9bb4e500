/* Correlation of bytes with whole weights, by the instructions that multiply pairs of small integers and
 * add the two products.
 *
 * Pairs are samples of one column in two rows, which lie side by side in a ring of joined rows, a row of
 * pairs for every two rows of samples.  Two rows of outputs read the same pairs: the lower one with the
 * weights moved down by a row.  Columns of taps may be any distance apart.
 *
 * Sums have 16 bits where all possible ones fit them, however far from zero, and 32 bits otherwise.
 * To be included after correlate_types.h. */

#pragma once

/* Extents and steps of a slab, and of its results. */
typedef struct {
    nest_t nest;
    int64_t strip; /* columns that are joined at a time */
    char from;     /* samples: 'B', 'b' */
    char to;       /* results: 'B', 'h', 'i', 'f' */
} bytes_t;

#if defined(__AVX2__)
#define BYTE_PRODUCTS 1
#include <immintrin.h>
#include <stdlib.h>

#define MOST_PAIR 128 /* the magnitudes of two weights whose products with bytes fit 16 bits together */
#define JOINED(cols) (((cols) + 96) / 32 * 32) /* columns of a ring: tiles are whole */

/* A column of a pair of rows of taps that are not all zero. */
typedef struct {
    const char *from;     /* the pairs of samples that the first outputs of a row read */
    int64_t half, at;     /* the pair of rows, and columns from the first one */
    int32_t upper, lower; /* weights for both rows of outputs, as vectors are filled with them */
} pair_t;

/* What sums are, and what results are made of them. */
typedef struct {
    int wide;      /* they have 32 bits */
    int32_t start; /* of sums of 16 bits, which brings all of them into range */
    int32_t shift; /* what is missing in sums */
    float scale;   /* of results, if not 1 */
    char to;
} finish_t;

/* Bytes of a result. */
static ALWAYS_INLINE int64_t item_of(char to)
{
    return to == 'B' ? 1 : to == 'h' ? 2 : 4;
}

/* Columns from one tap to the next. */
static ALWAYS_INLINE int64_t columns_of(const nest_t *n)
{
    return n->kw > 1 && n->col_x ? n->tap_col_x / n->col_x : 1;
}

/* Two weights, as they are multiplied with a pair of samples. */
static int32_t weights_of(int32_t first, int32_t second, int wide)
{
    if (wide)
        return (int32_t)((uint32_t)(uint16_t)first | (uint32_t)(uint16_t)second << 16);
    return (int32_t)(((uint32_t)(uint8_t)first | (uint32_t)(uint8_t)second << 8) * 0x10001);
}

/* One vector of samples of two rows, 32 columns, joined. */
static ALWAYS_INLINE void join_vectors(char *to, const __m256i first, const __m256i second,
                                       const int wide)
{
    const __m256i even = _mm256_unpacklo_epi8(first, second);
    const __m256i odd = _mm256_unpackhi_epi8(first, second);
    const __m256i low = _mm256_permute2x128_si256(even, odd, 0x20);
    const __m256i high = _mm256_permute2x128_si256(even, odd, 0x31);
    __m256i *v = (__m256i *)to;
    if (wide) {
        _mm256_storeu_si256(v, _mm256_cvtepu8_epi16(_mm256_castsi256_si128(low)));
        _mm256_storeu_si256(v + 1, _mm256_cvtepu8_epi16(_mm256_extracti128_si256(low, 1)));
        _mm256_storeu_si256(v + 2, _mm256_cvtepu8_epi16(_mm256_castsi256_si128(high)));
        _mm256_storeu_si256(v + 3, _mm256_cvtepu8_epi16(_mm256_extracti128_si256(high, 1)));
    } else {
        _mm256_storeu_si256(v, low);
        _mm256_storeu_si256(v + 1, high);
    }
}

/* Two rows of samples, joined, and zeros up to a whole vector.  Signs are turned into 128 more. */
static ALWAYS_INLINE void join_rows(char *to, const uint8_t *first, const uint8_t *second,
                                    const int64_t step, const int64_t n, const int64_t row_x,
                                    const uint8_t sign, const int wide)
{
    const __m256i flip = _mm256_set1_epi8((char)sign);
    const int64_t bytes = 32 * (wide ? 4 : 2);
    int64_t i = 0;
    if (step == 1) {
        for (; i + 32 <= n; i += 32, to += bytes) {
            PREFETCH(first + i + 2 * row_x);
            PREFETCH(second + i + 2 * row_x);
            const __m256i a = _mm256_loadu_si256((const __m256i *)(first + i));
            const __m256i b = _mm256_loadu_si256((const __m256i *)(second + i));
            join_vectors(to, _mm256_xor_si256(a, flip), _mm256_xor_si256(b, flip), wide);
        }
    }
    for (; i < n; i += 32, to += bytes) {
        uint8_t some[2][32] = {{0}};
        for (int64_t j = 0; j < 32 && i + j < n; j++) {
            some[0][j] = first[(i + j) * step] ^ sign;
            some[1][j] = second[(i + j) * step] ^ sign;
        }
        join_vectors(to, _mm256_loadu_si256((const __m256i *)some[0]),
                     _mm256_loadu_si256((const __m256i *)some[1]), wide);
    }
}

/* Eight sums of 32 bits as floats or integers of 32 bits. */
static ALWAYS_INLINE __m256i finished(__m256i sums, const finish_t *f)
{
    sums = _mm256_add_epi32(sums, _mm256_set1_epi32(f->shift));
    if (f->scale == 1 && f->to != 'f')
        return sums;
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(f->scale));
    return f->to == 'f' ? _mm256_castps_si256(scaled) : _mm256_cvtps_epi32(scaled);
}

/* 32 results from four vectors of sums of 32 bits. */
static ALWAYS_INLINE void put_32(char *out, const __m256i *sums, const finish_t *f)
{
    const __m256i a = finished(sums[0], f), b = finished(sums[1], f);
    const __m256i c = finished(sums[2], f), d = finished(sums[3], f);
    __m256i *to = (__m256i *)out;
    if (f->to == 'i' || f->to == 'f') {
        _mm256_storeu_si256(to, a);
        _mm256_storeu_si256(to + 1, b);
        _mm256_storeu_si256(to + 2, c);
        _mm256_storeu_si256(to + 3, d);
        return;
    }
    const __m256i first = _mm256_packs_epi32(a, b), second = _mm256_packs_epi32(c, d);
    if (f->to == 'h') {
        _mm256_storeu_si256(to, _mm256_permute4x64_epi64(first, 0xd8));
        _mm256_storeu_si256(to + 1, _mm256_permute4x64_epi64(second, 0xd8));
        return;
    }
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(to, _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order));
}

/* 64 results from four vectors of sums of 16 bits. */
static ALWAYS_INLINE void put_16(char *out, const __m256i *sums, const finish_t *f)
{
    const int direct = f->scale == 1 && f->shift <= INT16_MAX && f->shift >= INT16_MIN;
    const __m256i shift = _mm256_set1_epi16((int16_t)f->shift);
    __m256i *to = (__m256i *)out;
    if (direct && f->to == 'B') {
        UNROLL
        for (int i = 0; i < 2; i++) {
            const __m256i a = _mm256_adds_epi16(sums[2 * i], shift);
            const __m256i b = _mm256_adds_epi16(sums[2 * i + 1], shift);
            _mm256_storeu_si256(to + i, _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8));
        }
    } else if (direct && f->to == 'h') {
        UNROLL
        for (int i = 0; i < 4; i++) _mm256_storeu_si256(to + i, _mm256_adds_epi16(sums[i], shift));
    } else {
        UNROLL
        for (int i = 0; i < 2; i++) {
            __m256i grown[4];
            UNROLL
            for (int j = 0; j < 2; j++) {
                const __m256i v = sums[2 * i + j];
                grown[2 * j] = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(v));
                grown[2 * j + 1] = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1));
            }
            put_32(out + 32 * i * item_of(f->to), grown, f);
        }
    }
}

/* Two rows of four vectors of sums, or the upper one alone, from pairs that are so many bytes further. */
static ALWAYS_INLINE void tile_of_bytes(char *upper, char *lower, const pair_t *pairs,
                                        const int64_t count, const int64_t further,
                                        const finish_t *f, const int wide)
{
    const __m256i start = wide ? _mm256_setzero_si256() : _mm256_set1_epi16((int16_t)f->start);
    __m256i sum[2][4];
    UNROLL
    for (int v = 0; v < 4; v++) sum[0][v] = sum[1][v] = start;
    for (int64_t i = 0; i < count; i++) {
        const __m256i *from = (const __m256i *)(pairs[i].from + further);
        const __m256i first = _mm256_set1_epi32(pairs[i].upper);
        const __m256i second = _mm256_set1_epi32(pairs[i].lower);
        UNROLL
        for (int v = 0; v < 4; v++) {
            __m256i sample = _mm256_loadu_si256(from + v);
            LOADED_ONCE(sample);
            if (wide) {
                sum[0][v] = _mm256_add_epi32(sum[0][v], _mm256_madd_epi16(sample, first));
                sum[1][v] = _mm256_add_epi32(sum[1][v], _mm256_madd_epi16(sample, second));
            } else {
                sum[0][v] = _mm256_add_epi16(sum[0][v], _mm256_maddubs_epi16(sample, first));
                sum[1][v] = _mm256_add_epi16(sum[1][v], _mm256_maddubs_epi16(sample, second));
            }
        }
    }
    if (wide) {
        put_32(upper, sum[0], f);
        if (lower) put_32(lower, sum[1], f);
    } else {
        put_16(upper, sum[0], f);
        if (lower) put_16(lower, sum[1], f);
    }
}

/* A row of tiles, the last of which reaches back over results that are already right.  Where results are
 * fewer than a tile has, or lie apart, they are put down one by one. */
static ALWAYS_INLINE void row_of_tiles(char *upper, char *lower, const pair_t *pairs,
                                       const int64_t count, const finish_t *f, const int64_t cols,
                                       const int64_t step, const int wide)
{
    const int64_t width = wide ? 32 : 64, bytes = wide ? 4 : 2, item = item_of(f->to);
    for (int64_t next = 0; next < cols; next += width) {
        if (step == 1 && cols >= width) {
            const int64_t left = next + width <= cols ? next : cols - width;
            tile_of_bytes(upper + left * item, lower ? lower + left * item : NULL, pairs, count,
                          left * bytes, f, wide);
            continue;
        }
        char some[2][64 * 4];
        tile_of_bytes(some[0], some[1], pairs, count, next * bytes, f, wide);
        for (int64_t i = 0; i < width && next + i < cols; i++) {
            memcpy(upper + (next + i) * step * item, some[0] + i * item, item);
            if (lower) memcpy(lower + (next + i) * step * item, some[1] + i * item, item);
        }
    }
}

/* Functions of their own: in the loops around them they would run out of registers. */
static __attribute__((noinline)) void row_of_16(char *upper, char *lower, const pair_t *pairs,
                                                const int64_t count, const finish_t *f,
                                                const int64_t cols, const int64_t step)
{
    row_of_tiles(upper, lower, pairs, count, f, cols, step, 0);
}

static __attribute__((noinline)) void row_of_32(char *upper, char *lower, const pair_t *pairs,
                                                const int64_t count, const finish_t *f,
                                                const int64_t cols, const int64_t step)
{
    row_of_tiles(upper, lower, pairs, count, f, cols, step, 1);
}

/* Weights in whole numbers, by planes, rows and columns; each plane begins with a row of zeros and ends with
 * two.  Returns the unit that they count, 1 or a power of two below. */
static float whole_weights(int32_t *whole, const float *w, const int64_t *planes, const nest_t *n)
{
    float unit = 1;
    for (int turn = 0; turn < 2; turn++) {
        int32_t *to = whole;
        for (int64_t p = 0; p < n->n_planes; p++) {
            for (int64_t row = -1; row < n->kh + 2; row++) {
                const float *from = w + planes[2 * p + 1] + row * n->tap_row_w;
                for (int64_t col = 0; col < n->kw; col++) {
                    const int there = row >= 0 && row < n->kh;
                    const float weight = there ? from[col * n->tap_col_w] : 0;
                    while (weight / unit != __builtin_rintf(weight / unit)) unit /= 2;
                    *to++ = (int32_t)(weight / unit);
                }
            }
        }
    }
    return unit;
}

/* Of how many bits sums have to be, and what they start from: pairs of products must fit 16 bits, and all
 * sums an interval of that length. */
static finish_t finish_of(const int32_t *whole, const bytes_t *slab)
{
    const nest_t *n = &slab->nest;
    finish_t f = {0};
    int64_t below = 0, above = 0;
    const int64_t rows = n->kh + 3;
    for (int64_t i = 0; i < n->n_planes * rows * n->kw; i++) {
        if (whole[i] < 0) below += whole[i] * UINT8_MAX;
        else above += whole[i] * UINT8_MAX;
        const int32_t next = i / n->kw % rows + 1 < rows ? whole[i + n->kw] : 0;
        if (abs(whole[i]) + abs(next) > MOST_PAIR || whole[i] == MOST_PAIR) f.wide = 1;
    }
    if (above - below > UINT16_MAX) f.wide = 1;
    if (!f.wide && above > INT16_MAX) f.start = (int32_t)(INT16_MAX - above);
    if (!f.wide && below < INT16_MIN) f.start = (int32_t)(INT16_MIN - below);
    f.shift = -f.start;
    if (slab->from == 'b') f.shift -= (int32_t)((above + below) / UINT8_MAX * 128);
    f.to = slab->to;
    return f;
}

/* The pairs of weights that are not all zero. */
static int64_t pair_weights(pair_t *pairs, const int32_t *whole, const nest_t *n, const int wide)
{
    int64_t count = 0, half = 0;
    for (int64_t p = 0; p < n->n_planes; p++) {
        for (int64_t row = 0; row <= n->kh; row += 2, half++) {
            for (int64_t col = 0; col < n->kw; col++) {
                const int32_t *taps = whole + (p * (n->kh + 3) + row) * n->kw + col;
                const int32_t above = taps[0], upper = taps[n->kw], lower = taps[2 * n->kw];
                if (!above && !upper && !lower)
                    continue;
                pairs[count].half = half;
                pairs[count].at = col * columns_of(n);
                pairs[count].upper = weights_of(upper, lower, wide);
                pairs[count++].lower = weights_of(above, upper, wide);
            }
        }
    }
    return count;
}

/* All outputs of a slab, in strips of columns; ring holds the joined rows of a strip. */
static ALWAYS_INLINE void strips_of_bytes(char *out, const uint8_t *x, const int64_t *planes,
                                          const bytes_t *slab, char *ring, pair_t *pairs,
                                          const int64_t count, const finish_t *f, const int wide)
{
    const nest_t *n = &slab->nest;
    const int64_t item = item_of(f->to), halves = n->kh / 2 + 1, last = n->rows + n->kh - 2;
    const int64_t beyond = (n->kw - 1) * columns_of(n), bytes = wide ? 4 : 2;
    const int64_t joined = JOINED(slab->strip + beyond) * bytes;
    const uint8_t sign = slab->from == 'b' ? 0x80 : 0;
    for (int64_t left = 0; left < n->cols; left += slab->strip) {
        const int64_t cols = n->cols - left < slab->strip ? n->cols - left : slab->strip;
        for (int64_t row = 0; row < n->rows; row += 2) {
            for (int64_t half = row ? halves - 1 : 0; half < halves; half++) {
                const int64_t top = row + 2 * half < last ? row + 2 * half : last;
                const int64_t bottom = top < last ? top + 1 : last;
                char *to = ring + (row / 2 + half) % halves * joined;
                for (int64_t p = 0; p < n->n_planes; p++, to += halves * joined) {
                    const uint8_t *from = x + planes[2 * p] + left * n->col_x;
                    join_rows(to, from + top * n->row_x, from + bottom * n->row_x, n->col_x,
                              cols + beyond, n->row_x, sign, wide);
                }
            }
            for (int64_t i = 0; i < count; i++) {
                const int64_t half = pairs[i].half % halves, plane = pairs[i].half - half;
                pairs[i].from = ring + (plane + (row / 2 + half) % halves) * joined
                                + pairs[i].at * bytes;
            }
            char *upper = out + (row * n->row_out + left * n->col_out) * item;
            char *lower = row + 1 < n->rows ? upper + n->row_out * item : NULL;
            (wide ? row_of_32 : row_of_16)(upper, lower, pairs, count, f, cols, n->col_out);
        }
    }
}

/* What all slabs have in common. */
typedef struct {
    const bytes_t *slab;
    const int64_t *planes;
    pair_t *pairs;
    int64_t count;
    finish_t finish;
    char *ring;
} byte_sums_t;

/* The outer loops, and a slab inside the last one. */
static void loops_of_bytes(char *out, const uint8_t *x, const int64_t *loop, int64_t loops,
                           const byte_sums_t *s)
{
    if (loops == 0) {
        if (s->finish.wide)
            strips_of_bytes(out, x, s->planes, s->slab, s->ring, s->pairs, s->count, &s->finish, 1);
        else
            strips_of_bytes(out, x, s->planes, s->slab, s->ring, s->pairs, s->count, &s->finish, 0);
        return;
    }
    for (int64_t i = 0; i < loop[0]; i++)
        loops_of_bytes(out + i * loop[1] * item_of(s->finish.to), x + i * loop[2], loop + 5,
                       loops - 1, s);
}

/* All slabs, which have the same weights; room holds these and the ring. */
static void correlate_bytes(char *out, const uint8_t *x, const float *w, const float *bias,
                            const int64_t *loop, int64_t loops, const int64_t *planes,
                            const bytes_t *slab, char *room)
{
    const nest_t *n = &slab->nest;
    pair_t *pairs = (pair_t *)room;
    int32_t *whole = (int32_t *)(pairs + n->n_planes * (n->kh / 2 + 1) * n->kw);
    char *ring = (char *)(whole + n->n_planes * (n->kh + 3) * n->kw);
    const float unit = whole_weights(whole, w, planes, n);
    byte_sums_t sums = {slab, planes, pairs, 0, finish_of(whole, slab), ring + (-(intptr_t)ring & 63)};
    sums.finish.scale = unit;
    sums.finish.shift += (int32_t)(bias[0] / unit);
    sums.count = pair_weights(pairs, whole, n, sums.finish.wide);
    loops_of_bytes(out, x, loop, loops, &sums);
}

#else
#define BYTE_PRODUCTS 0

static void correlate_bytes(char *out, const uint8_t *x, const float *w, const float *bias,
                            const int64_t *loop, int64_t loops, const int64_t *planes,
                            const bytes_t *slab, char *room)
{
    (void)out, (void)x, (void)w, (void)bias, (void)loop, (void)loops, (void)planes, (void)slab;
    (void)room;
}
#endif
