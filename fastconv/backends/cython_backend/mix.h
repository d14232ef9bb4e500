/* Mixes the few channels of each pixel by a matrix, as for the colours of an image.  Vectors of contiguous
 * pixels are separated into channels in registers, and interleaved again.
 */

#pragma once

#include "vectors.h"

#define MOST_MIXED 4 /* channels in, and channels out */
#define PREFETCHED 512 /* floats ahead: the processor itself stops at the end of each page */

/* Rows of pixels, with steps in items. */
typedef struct {
    int64_t rows, row_out, row_x, pixels, pixel_out, pixel_x;
    int in, out, relu;
} mix_t;

/* One pixel after the other: any channels and steps. */
#define MIX_EACH(T)                                                                                \
    static void mix_each_##T(T *out, const T *x, const T *w, const T *bias, int64_t pixels,          \
                             const mix_t *n)                                                        \
    {                                                                                              \
        for (int64_t p = 0; p < pixels; p++, out += n->pixel_out, x += n->pixel_x) {               \
            for (int k = 0; k < n->out; k++) {                                                     \
                T sum = bias[k];                                                                   \
                for (int c = 0; c < n->in; c++) sum += w[k * n->in + c] * x[c];                    \
                out[k] = n->relu && sum < 0 ? 0 : sum;                                             \
            }                                                                                      \
        }                                                                                          \
    }
MIX_EACH(float)
MIX_EACH(double)
#undef MIX_EACH

/* Eight pixels: every vector holds four of the first half, and four of the second. */
#define PIXELS 8
typedef float pixels_t __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t positive_t __attribute__((vector_size(32)));

#if VECTOR_BYTES >= 32 && defined(__has_builtin)
#define WIDE_PIXELS __has_builtin(__builtin_shufflevector)
#else
#define WIDE_PIXELS 0
#endif
#if WIDE_PIXELS
typedef float half_t __attribute__((vector_size(16), aligned(4), may_alias));
#define PICK(a, b, i, j, k, l)                                                                     \
    __builtin_shufflevector(a, b, i, j, k, l, i + 4, j + 4, k + 4, l + 4)
#define A(i) (i)
#define B(i) (8 + (i))

static ALWAYS_INLINE pixels_t load_pixels(const float *first, const float *second)
{
    const half_t a = *(const half_t *)first, b = *(const half_t *)second;
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}

static ALWAYS_INLINE void store_pixels(float *first, float *second, pixels_t v)
{
    *(half_t *)first = __builtin_shufflevector(v, v, 0, 1, 2, 3);
    *(half_t *)second = __builtin_shufflevector(v, v, 4, 5, 6, 7);
}

/* Four vectors of four items each become vectors of their first, second, third and fourth items. */
static ALWAYS_INLINE void transpose_pixels(pixels_t v[4])
{
    const pixels_t e = PICK(v[0], v[1], A(0), B(0), A(1), B(1));
    const pixels_t f = PICK(v[0], v[1], A(2), B(2), A(3), B(3));
    const pixels_t g = PICK(v[2], v[3], A(0), B(0), A(1), B(1));
    const pixels_t h = PICK(v[2], v[3], A(2), B(2), A(3), B(3));
    v[0] = PICK(e, g, A(0), A(1), B(0), B(1)), v[1] = PICK(e, g, A(2), A(3), B(2), B(3));
    v[2] = PICK(f, h, A(0), A(1), B(0), B(1)), v[3] = PICK(f, h, A(2), A(3), B(2), B(3));
}

/* The channels of eight contiguous pixels of three or four items. */
static ALWAYS_INLINE void part_channels(pixels_t v[4], const float *x, const int items)
{
    UNROLL
    for (int i = 0; i < items; i++) v[i] = load_pixels(x + 4 * i, x + 4 * (items + i));
    if (items == 4) {
        transpose_pixels(v);
        return;
    }
    const pixels_t a = v[0], b = v[1], c = v[2];
    const pixels_t red = PICK(b, c, A(2), A(2), B(1), B(1));
    const pixels_t green = PICK(a, b, A(1), A(1), B(0), B(0));
    const pixels_t greens = PICK(b, c, A(3), A(3), B(2), B(2));
    const pixels_t blue = PICK(a, b, A(2), A(2), B(1), B(1));
    v[0] = PICK(a, red, A(0), A(3), B(0), B(2));
    v[1] = PICK(green, greens, A(0), A(2), B(0), B(2));
    v[2] = PICK(blue, c, A(0), A(2), B(0), B(3));
}

/* Eight contiguous pixels of one, three or four items from their channels. */
static ALWAYS_INLINE void join_channels(float *out, pixels_t v[4], const int items)
{
    if (items == 1) {
        *(pixels_t *)out = v[0];
        return;
    }
    if (items == 4) {
        transpose_pixels(v);
    } else {
        const pixels_t low = PICK(v[0], v[1], A(0), B(0), A(1), B(1));
        const pixels_t high = PICK(v[0], v[1], A(2), B(2), A(3), B(3));
        const pixels_t first = PICK(v[2], low, A(0), A(0), B(2), B(2));
        const pixels_t middle = PICK(low, v[2], A(3), A(3), B(1), B(1));
        const pixels_t last = PICK(v[2], high, A(2), A(3), B(2), B(3));
        v[0] = PICK(low, first, A(0), A(1), B(0), B(2));
        v[1] = PICK(middle, high, A(0), A(2), B(0), B(1));
        v[2] = PICK(last, last, A(0), A(2), A(3), A(1));
    }
    UNROLL
    for (int i = 0; i < items; i++) store_pixels(out + 4 * i, out + 4 * (items + i), v[i]);
}

#undef PICK
#undef A
#undef B
#else
static void part_channels(pixels_t v[4], const float *x, int items) {}
static void join_channels(float *out, pixels_t v[4], int items) {}
#endif

/* Eight pixels from and to places some items apart. */
static ALWAYS_INLINE void gather_channels(pixels_t v[4], const float *x, int64_t pixel, int items)
{
    for (int c = 0; c < items; c++)
        v[c] = (pixels_t){x[c], x[c + pixel], x[c + 2 * pixel], x[c + 3 * pixel], x[c + 4 * pixel],
                          x[c + 5 * pixel], x[c + 6 * pixel], x[c + 7 * pixel]};
}

static ALWAYS_INLINE void scatter_channels(float *out, const pixels_t v[4], int64_t pixel, int items)
{
    for (int k = 0; k < items; k++)
        for (int i = 0; i < PIXELS; i++) out[i * pixel + k] = v[k][i];
}

/* A row of at least eight pixels; the last eight overlap pixels that are done.  If `parted` is not zero,
 * pixels that many items apart are read as vectors; with three channels, these include the following
 * items, so that the last eight pixels are read separately.  Contiguous pixels that are `joined` are
 * written as vectors. */
static ALWAYS_INLINE void mix_row(float *out, const float *x, const float *w, const float *bias,
                                  const mix_t *n, const int in, const int items, const int parted,
                                  const int joined)
{
    pixels_t weight[MOST_MIXED * MOST_MIXED] = {0}, offset[MOST_MIXED] = {0};
    UNROLL
    for (int i = 0; i < in * items; i++) weight[i] = (pixels_t){0} + w[i];
    UNROLL
    for (int k = 0; k < items; k++) offset[k] = (pixels_t){0} + bias[k];
    for (int64_t next = 0; next < n->pixels; next += PIXELS) {
        const int64_t p = next + PIXELS <= n->pixels ? next : n->pixels - PIXELS;
        const float *const ahead = x + p * n->pixel_x + PREFETCHED;
        PREFETCH(ahead), PREFETCH(ahead + 16);
        pixels_t channel[MOST_MIXED] = {0}, sum[MOST_MIXED] = {0};
        if (parted && (parted == in || p + PIXELS < n->pixels))
            part_channels(channel, x + p * parted, parted);
        else
            gather_channels(channel, x + p * n->pixel_x, n->pixel_x, in);
        UNROLL
        for (int k = 0; k < items; k++) {
            sum[k] = offset[k];
            UNROLL
            for (int c = 0; c < in; c++) sum[k] += channel[c] * weight[k * in + c];
            if (n->relu) sum[k] = (pixels_t)(~(positive_t)(sum[k] < 0) & (positive_t)sum[k]);
        }
        if (joined)
            join_channels(out + p * items, sum, items);
        else
            scatter_channels(out + p * n->pixel_out, sum, n->pixel_out, items);
    }
}

/* Defines rows for numbers of channels, which use vectors according to `parted` and `joined`. */
#define MIX_ROW(name, in, items, parted, joined)                                                   \
    static void name(float *out, const float *x, const float *w, const float *bias,                \
                     int64_t pixels, const mix_t *n)                                               \
    {                                                                                              \
        mix_row(out, x, w, bias, n, in, items, parted, joined);                                    \
    }
MIX_ROW(mix_any, n->in, n->out, 0, 0)
MIX_ROW(mix_3_to_3, 3, 3, 3, 1)
MIX_ROW(mix_3_to_1, 3, 1, 3, 1)
MIX_ROW(mix_4_to_4, 4, 4, 4, 1)
MIX_ROW(mix_3_of_4_to_any, 3, n->out, 4, 0)
MIX_ROW(mix_3_to_any, 3, n->out, 3, 0)
MIX_ROW(mix_4_to_any, 4, n->out, 4, 0)
#undef MIX_ROW

static void mix_float32(float *out, const float *x, const float *w, const float *bias, const mix_t *n)
{
    void (*row)(float *, const float *, const float *, const float *, int64_t, const mix_t *) =
        mix_each_float;
    if (n->pixels >= PIXELS) {
        const int contiguous = n->pixel_x == n->in, joined = n->pixel_out == n->out;
        row = mix_any;
        if (WIDE_PIXELS && n->in == 3 && contiguous)
            row = !joined || n->out % 2 == 0 ? mix_3_to_any : n->out == 1 ? mix_3_to_1 : mix_3_to_3;
        else if (WIDE_PIXELS && n->in == 4 && contiguous)
            row = joined && n->out == 4 ? mix_4_to_4 : mix_4_to_any;
        else if (WIDE_PIXELS && n->in == 3 && n->pixel_x == 4)
            row = mix_3_of_4_to_any;
    }
    for (int64_t r = 0; r < n->rows; r++)
        row(out + r * n->row_out, x + r * n->row_x, w, bias, n->pixels, n);
}

static void mix_float64(double *out, const double *x, const double *w, const double *bias,
                        const mix_t *n)
{
    for (int64_t r = 0; r < n->rows; r++)
        mix_each_double(out + r * n->row_out, x + r * n->row_x, w, bias, n->pixels, n);
}
