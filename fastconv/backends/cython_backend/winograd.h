/* Transforms of Winograd's convolution for the compiled backend, in float32.
 *
 * Tiles have 4x4 or 2x2 outputs, or 4 or 2 in a line, and read two more samples along each axis.  Taps
 * of kernels are transformed in blocks of three along each axis.  Channels are contiguous, and a tile is
 * transformed for a vector of channels at a time.  The last vector overlaps channels that are done; if
 * all channels are fewer than a vector, the rest of it is zero.
 *
 * The points are 0, 1, -1 (and 2, -2) and infinity; `geometry/winograd.py` has the matrices. */

#include "transpose.h"

#define CHANNELS (VECTOR_BYTES / 4)
typedef float wino_t __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef __typeof__((wino_t){0} < (wino_t){0}) wino_mask_t;
#define POSITIVE(sum) ((wino_t)(~(wino_mask_t)((sum) < 0) & (wino_mask_t)(sum)))
#define SIDE 6
#define BLOCK 3
#define PANEL (2 * CHANNELS)
/* Taps of a kernel, at most: their weights stay in the L1 cache for all output channels of a panel. */
#define MOST_TAPS 128

/* A plane of samples or outputs with channels last, and its tiles: steps in items. */
typedef struct {
    int64_t rows, cols, row, col;
    int64_t tiles_down, tiles_across, tile, component;
    int64_t channels;
} tiles_t;

/* A panel of kernels, before and after the transform: steps in items.  After it, output channels are
 * contiguous. */
typedef struct {
    int64_t channels_in, rows, cols;
    int64_t out, in, row, col;
    int64_t component, at_points_block, at_points_in;
} kernels_t;

static ALWAYS_INLINE void samples_4(wino_t *d, const int step)
{
    const wino_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    const wino_t d5 = d[5 * step];
    const wino_t even = d4 - 4 * d2, odd = d3 - 4 * d1, near = d4 - d2, far = 2 * (d3 - d1);
    d[0] = 4 * d0 - 5 * d2 + d4;
    d[step] = even + odd;
    d[2 * step] = even - odd;
    d[3 * step] = near + far;
    d[4 * step] = near - far;
    d[5 * step] = 4 * d1 - 5 * d3 + d5;
}

static ALWAYS_INLINE void samples_2(wino_t *d, const int step)
{
    const wino_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    d[0] = d0 - d2;
    d[step] = d1 + d2;
    d[2 * step] = d2 - d1;
    d[3 * step] = d1 - d3;
}

static ALWAYS_INLINE void outputs_4(wino_t *m, const int step)
{
    const wino_t sum = m[step] + m[2 * step], difference = m[step] - m[2 * step];
    const wino_t far_sum = m[3 * step] + m[4 * step], far = m[3 * step] - m[4 * step];
    m[0] = m[0] + sum + far_sum;
    m[step] = difference + 2 * far;
    m[2 * step] = sum + 4 * far_sum;
    m[3 * step] = difference + 8 * far + m[5 * step];
}

static ALWAYS_INLINE void outputs_2(wino_t *m, const int step)
{
    const wino_t m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
    m[0] = m0 + m1 + m2;
    m[step] = m1 - m2 - m3;
}

/* Loads a vector of channels; `few`, if not zero, is the number of channels if they fill no vector. */
static ALWAYS_INLINE wino_t load_channels(const float *from, const int64_t few)
{
    wino_t channels = {0};
    if (!few) return *(const wino_t *)from;
    memcpy(&channels, from, few * sizeof(float));
    return channels;
}

static ALWAYS_INLINE void store_channels(float *to, const wino_t channels, const int64_t few)
{
    if (few) memcpy(to, &channels, few * sizeof(float));
    else *(wino_t *)to = channels;
}

/* Transforms the samples of a tile, some rows and columns of which lie inside the plane. */
static ALWAYS_INLINE void evaluate_tile(float *out, const float *x, const tiles_t *n, const int64_t down,
                                        const int64_t across, const int m, const int lines,
                                        const int64_t few)
{
    const int side = m + 2, wide = lines ? 1 : side;
    wino_t d[SIDE * SIDE];
    UNROLL
    for (int i = 0; i < side; i++) {
        UNROLL
        for (int j = 0; j < wide; j++)
            d[i * wide + j] = i < down && j < across
                                  ? load_channels(x + i * n->row + j * n->col, few)
                                  : (wino_t){0};
        if (!lines) m == 4 ? samples_4(d + i * wide, 1) : samples_2(d + i * wide, 1);
    }
    UNROLL
    for (int j = 0; j < wide; j++) {
        m == 4 ? samples_4(d + j, wide) : samples_2(d + j, wide);
        UNROLL
        for (int i = 0; i < side; i++)
            store_channels(out + (i * wide + j) * n->component, d[i * wide + j], few);
    }
}

static ALWAYS_INLINE void evaluate_tiles(float *out, const float *x, const tiles_t *n, const int m,
                                         const int lines)
{
    const int step = lines ? 1 : m;
    for (int64_t ty = 0; ty < n->tiles_down; ty++) {
        for (int64_t tx = 0; tx < n->tiles_across; tx++, out += n->tile) {
            const float *corner = x + ty * m * n->row + tx * step * n->col;
            const int64_t down = n->rows - ty * m, across = n->cols - tx * step;
            if (n->channels < CHANNELS) {
                evaluate_tile(out, corner, n, down, across, m, lines, n->channels);
                continue;
            }
            for (int64_t next = 0; next < n->channels; next += CHANNELS) {
                const int64_t c = next + CHANNELS <= n->channels ? next : n->channels - CHANNELS;
                evaluate_tile(out + c, corner + c, n, down, across, m, lines, 0);
            }
        }
    }
}

/* Transforms a tile back to outputs, some rows and columns of which lie inside the plane.  `zeros` stays
 * zero unless a sum is not finite. */
static ALWAYS_INLINE void interpolate_tile(float *out, const float *products, const float *bias,
                                           const tiles_t *n, const int64_t down, const int64_t across,
                                           const int relu, const int m, const int lines,
                                           const int64_t few, wino_t *zeros)
{
    const int side = m + 2, wide = lines ? 1 : side, step = lines ? 1 : m;
    const wino_t offset = load_channels(bias, few);
    wino_t d[SIDE * SIDE];
    UNROLL
    for (int j = 0; j < wide; j++) {
        UNROLL
        for (int i = 0; i < side; i++)
            d[i * wide + j] = load_channels(products + (i * wide + j) * n->component, few);
        m == 4 ? outputs_4(d + j, wide) : outputs_2(d + j, wide);
    }
    UNROLL
    for (int i = 0; i < m; i++) {
        if (!lines) m == 4 ? outputs_4(d + i * wide, 1) : outputs_2(d + i * wide, 1);
        UNROLL
        for (int j = 0; j < step; j++) {
            const wino_t sum = d[i * wide + j] + offset;
            *zeros += sum * 0;
            if (i < down && j < across)
                store_channels(out + i * n->row + j * n->col, relu ? POSITIVE(sum) : sum, few);
        }
    }
}

static ALWAYS_INLINE int interpolate_tiles(float *out, const float *products, const float *bias,
                                           const tiles_t *n, const int relu, const int m,
                                           const int lines)
{
    const int step = lines ? 1 : m;
    wino_t zeros = {0};
    for (int64_t ty = 0; ty < n->tiles_down; ty++) {
        for (int64_t tx = 0; tx < n->tiles_across; tx++, products += n->tile) {
            float *corner = out + ty * m * n->row + tx * step * n->col;
            const int64_t down = n->rows - ty * m, across = n->cols - tx * step;
            if (n->channels < CHANNELS) {
                interpolate_tile(corner, products, bias, n, down, across, relu, m, lines, n->channels,
                                 &zeros);
                continue;
            }
            for (int64_t next = 0; next < n->channels; next += CHANNELS) {
                const int64_t c = next + CHANNELS <= n->channels ? next : n->channels - CHANNELS;
                interpolate_tile(corner + c, products + c, bias + c, n, down, across, relu, m, lines, 0,
                                 &zeros);
            }
        }
    }
    float total = 0;
    for (int lane = 0; lane < CHANNELS; lane++) total += zeros[lane];
    return total == 0;
}

static void winograd_samples(float *out, const float *x, const tiles_t *n, int64_t points)
{
    switch (points) {
    case 36: evaluate_tiles(out, x, n, 4, 0); break;
    case 16: evaluate_tiles(out, x, n, 2, 0); break;
    case 6: evaluate_tiles(out, x, n, 4, 1); break;
    default: evaluate_tiles(out, x, n, 2, 1);
    }
}

static int winograd_outputs(float *out, const float *products, const float *bias, const tiles_t *n,
                            int relu, int64_t points)
{
    switch (points) {
    case 36: return interpolate_tiles(out, products, bias, n, relu, 4, 0);
    case 16: return interpolate_tiles(out, products, bias, n, relu, 2, 0);
    case 6: return interpolate_tiles(out, products, bias, n, relu, 4, 1);
    default: return interpolate_tiles(out, products, bias, n, relu, 2, 1);
    }
}

static ALWAYS_INLINE void weights_4(wino_t *to, const int step, wino_t a, wino_t b, wino_t c)
{
    const wino_t sum = a + c, far = a * (1 / 24.f) + c * (1 / 6.f), half = b * (1 / 12.f);
    to[0] = a * (1 / 4.f);
    to[step] = (sum + b) * (-1 / 6.f);
    to[2 * step] = (sum - b) * (-1 / 6.f);
    to[3 * step] = far + half;
    to[4 * step] = far - half;
    to[5 * step] = c;
}

static ALWAYS_INLINE void weights_2(wino_t *to, const int step, wino_t a, wino_t b, wino_t c)
{
    const wino_t sum = a + c;
    to[0] = a;
    to[step] = (sum + b) * (1 / 2.f);
    to[2 * step] = (sum - b) * (1 / 2.f);
    to[3 * step] = c;
}

/* Copies the weights of a panel for some input channels: for each channel and tap, a row of output
 * channels.  Contiguous taps keep the order of memory; returns whether that is the reverse order. */
static int taps_of_panel(float *taps, const float *w, const kernels_t *n, int64_t channels)
{
    const int64_t size = sizeof(float), count = n->rows * n->cols;
    const int64_t tap = n->cols > 1 ? n->col : n->row;
    if (tap * tap == 1 && (n->row == n->cols * tap || n->rows == 1)) {
        const float *first = tap < 0 ? w - (count - 1) : w;
        const int64_t together = n->in == count ? channels : 1;
        for (int64_t c = 0; c < channels; c += together)
            transpose_f((char *)(taps + c * count * PANEL), (const char *)(first + c * n->in),
                 together * count, PANEL * size, PANEL, n->out * size);
        return tap < 0;
    }
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < n->rows; i++)
            for (int64_t j = 0; j < n->cols; j++, taps += PANEL)
                for (int k = 0; k < PANEL; k++)
                    taps[k] = w[c * n->in + i * n->row + j * n->col + k * n->out];
    return 0;
}

/* Evaluates a block of taps at the points.  `taps` is the first tap, further ones are `step` items apart,
 * and the block has some rows and columns of taps. */
static ALWAYS_INLINE void evaluate_block(float *out, const int64_t component, const float *taps,
                                         const int64_t row, const int64_t step, const int64_t rows,
                                         const int64_t cols, const int m, const int lines)
{
    const int side = m + 2, wide = lines ? 1 : BLOCK, points_across = lines ? 1 : side;
    wino_t tap[BLOCK * BLOCK], d[SIDE * BLOCK];
    UNROLL
    for (int i = 0; i < BLOCK; i++) {
        UNROLL
        for (int j = 0; j < wide; j++)
            tap[i * wide + j] = i < rows && j < cols ? *(const wino_t *)(taps + i * row + j * step)
                                                     : (wino_t){0};
    }
    UNROLL
    for (int j = 0; j < wide; j++) {
        if (m == 4) weights_4(d + j, wide, tap[j], tap[wide + j], tap[2 * wide + j]);
        else weights_2(d + j, wide, tap[j], tap[wide + j], tap[2 * wide + j]);
    }
    UNROLL
    for (int i = 0; i < side; i++) {
        wino_t values[SIDE];
        if (lines) values[0] = d[i];
        else if (m == 4) weights_4(values, 1, d[3 * i], d[3 * i + 1], d[3 * i + 2]);
        else weights_2(values, 1, d[3 * i], d[3 * i + 1], d[3 * i + 2]);
        UNROLL
        for (int j = 0; j < points_across; j++)
            *(wino_t *)(out + (i * points_across + j) * component) = values[j];
    }
}

static ALWAYS_INLINE void evaluate_kernels(float *out, const float *w, const kernels_t *n, const int m,
                                           const int lines)
{
    const int64_t count = n->rows * n->cols, near = MOST_TAPS / count;
    float taps[MOST_TAPS * PANEL];
    for (int64_t done = 0; done < n->channels_in; done += near) {
        const int64_t left = n->channels_in - done, some = left < near ? left : near;
        const int backwards = taps_of_panel(taps, w + done * n->in, n, some);
        const int64_t step = backwards ? -PANEL : PANEL;
        for (int64_t next = 0; next < 2 * some; next++) {
            const float *first =
                taps + (next / 2 * count + (backwards ? count - 1 : 0)) * PANEL + next % 2 * CHANNELS;
            float *to = out + (done + next / 2) * n->at_points_in + next % 2 * CHANNELS;
            for (int64_t i = 0; i < n->rows; i += BLOCK)
                for (int64_t j = 0; j < n->cols; j += BLOCK, to += n->at_points_block)
                    evaluate_block(to, n->component, first + (i * n->cols + j) * step, n->cols * step,
                                   step, n->rows - i, n->cols - j, m, lines);
        }
    }
}

static void winograd_weights(float *out, const float *w, const kernels_t *n, int64_t points)
{
    switch (points) {
    case 36: evaluate_kernels(out, w, n, 4, 0); break;
    case 16: evaluate_kernels(out, w, n, 2, 0); break;
    case 6: evaluate_kernels(out, w, n, 4, 1); break;
    default: evaluate_kernels(out, w, n, 2, 1);
    }
}

#undef POSITIVE
#undef CHANNELS
#undef PANEL
#undef BLOCK
#undef MOST_TAPS
