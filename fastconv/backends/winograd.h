/* Transforms of Winograd's convolution with 3x3 taps for the compiled backend, in float32: tiles of
 * 4x4 or 2x2 outputs, the 6x6 or 4x4 samples that they read, and kernels.  Channels are neighbours, and
 * a vector of them goes through a tile at a time; the last vector reaches back over channels that are
 * done.
 *
 * The points are 0, 1, -1 (and 2, -2) and infinity; `points.py` has the matrices. */

#include "rows.h"

#if VECTOR_BYTES
#define CHANNELS (VECTOR_BYTES / 4)
typedef float wino_t __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef __typeof__((wino_t){0} < (wino_t){0}) wino_mask_t;
#define POSITIVE(sum) ((wino_t)(~(wino_mask_t)((sum) < 0) & (wino_mask_t)(sum)))
#else
#define CHANNELS 1
typedef float wino_t;
#define POSITIVE(sum) ((sum) < 0 ? 0 : (sum))
#endif
#define SIDE 6
#define TAPS 9
#define PANEL (2 * CHANNELS)
/* Channels in whose weights stay in the nearest cache for all output channels of a panel. */
#define NEAR_CHANNELS 8

/* A plane of samples or outputs with channels last, and its tiles: steps in items. */
typedef struct {
    int64_t rows, cols, row, col;
    int64_t tiles_down, tiles_across, tile, component;
    int64_t channels;
} tiles_t;

/* A panel of kernels as they lie and at the points: steps in items.  At the points, output channels
 * are neighbours. */
typedef struct {
    int64_t channels_in;
    int64_t out, in, row, col;
    int64_t component, at_points_in;
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

static ALWAYS_INLINE void winograd_samples(float *out, const float *x, const tiles_t *n, const int m)
{
    const int side = m + 2;
    for (int64_t ty = 0; ty < n->tiles_down; ty++) {
        for (int64_t tx = 0; tx < n->tiles_across; tx++, out += n->tile) {
            const float *corner = x + ty * m * n->row + tx * m * n->col;
            const int64_t down = n->rows - ty * m, across = n->cols - tx * m;
            for (int64_t next = 0; next < n->channels; next += CHANNELS) {
                const int64_t c = next + CHANNELS <= n->channels ? next : n->channels - CHANNELS;
                wino_t d[SIDE * SIDE];
                UNROLL
                for (int i = 0; i < side; i++) {
                    UNROLL
                    for (int j = 0; j < side; j++)
                        d[i * side + j] = i < down && j < across
                                              ? *(const wino_t *)(corner + i * n->row + j * n->col + c)
                                              : (wino_t){0};
                    m == 4 ? samples_4(d + i * side, 1) : samples_2(d + i * side, 1);
                }
                UNROLL
                for (int j = 0; j < side; j++) {
                    m == 4 ? samples_4(d + j, side) : samples_2(d + j, side);
                    UNROLL
                    for (int i = 0; i < side; i++)
                        *(wino_t *)(out + (i * side + j) * n->component + c) = d[i * side + j];
                }
            }
        }
    }
}

static ALWAYS_INLINE int winograd_outputs(float *out, const float *products, const float *bias,
                                          const tiles_t *n, const int relu, const int m)
{
    const int side = m + 2;
    wino_t zeros = {0}; /* unless a sum is not finite */
    for (int64_t ty = 0; ty < n->tiles_down; ty++) {
        for (int64_t tx = 0; tx < n->tiles_across; tx++, products += n->tile) {
            float *corner = out + ty * m * n->row + tx * m * n->col;
            const int64_t down = n->rows - ty * m, across = n->cols - tx * m;
            for (int64_t next = 0; next < n->channels; next += CHANNELS) {
                const int64_t c = next + CHANNELS <= n->channels ? next : n->channels - CHANNELS;
                const wino_t offset = *(const wino_t *)(bias + c);
                wino_t d[SIDE * SIDE];
                UNROLL
                for (int j = 0; j < side; j++) {
                    UNROLL
                    for (int i = 0; i < side; i++)
                        d[i * side + j] =
                            *(const wino_t *)(products + (i * side + j) * n->component + c);
                    m == 4 ? outputs_4(d + j, side) : outputs_2(d + j, side);
                }
                UNROLL
                for (int i = 0; i < m; i++) {
                    m == 4 ? outputs_4(d + i * side, 1) : outputs_2(d + i * side, 1);
                    UNROLL
                    for (int j = 0; j < m; j++) {
                        const wino_t sum = d[i * side + j] + offset;
                        zeros += sum * 0;
                        if (i < down && j < across)
                            *(wino_t *)(corner + i * n->row + j * n->col + c) =
                                relu ? POSITIVE(sum) : sum;
                    }
                }
            }
        }
    }
    float total = 0;
    for (int lane = 0; lane < CHANNELS; lane++) total += ((const float *)&zeros)[lane];
    return total == 0;
}

static void winograd_samples_4(float *out, const float *x, const tiles_t *n)
{
    winograd_samples(out, x, n, 4);
}

static void winograd_samples_2(float *out, const float *x, const tiles_t *n)
{
    winograd_samples(out, x, n, 2);
}

static int winograd_outputs_4(float *out, const float *products, const float *bias,
                              const tiles_t *n, int relu)
{
    return winograd_outputs(out, products, bias, n, relu, 4);
}

static int winograd_outputs_2(float *out, const float *products, const float *bias,
                              const tiles_t *n, int relu)
{
    return winograd_outputs(out, products, bias, n, relu, 2);
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

/* Weights of a panel for some channels in: a row of output channels for each.  Taps that are neighbours
 * come in the order of memory; whether that is the last one first. */
static int taps_of_panel(float *taps, const float *w, const kernels_t *n, int64_t channels)
{
    turn_t *turn = turn_for('f', 'f');
    const int64_t size = sizeof(float);
    if (turn && n->row == 3 * n->col && n->col * n->col == 1) {
        const float *first = n->col < 0 ? w - (TAPS - 1) : w;
        const int64_t together = n->in == TAPS ? channels : 1;
        for (int64_t c = 0; c < channels; c += together)
            turn((char *)(taps + c * TAPS * PANEL), (const char *)(first + c * n->in),
                 together * TAPS, PANEL * size, PANEL, n->out * size);
        return n->col < 0;
    }
    for (int64_t c = 0; c < channels; c++)
        for (int t = 0; t < TAPS; t++, taps += PANEL)
            for (int k = 0; k < PANEL; k++)
                taps[k] = w[c * n->in + t / 3 * n->row + t % 3 * n->col + k * n->out];
    return 0;
}

static ALWAYS_INLINE void winograd_weights(float *out, const float *w, const kernels_t *n, const int m)
{
    const int side = m + 2;
    float taps[NEAR_CHANNELS * TAPS * PANEL];
    for (int64_t done = 0; done < n->channels_in; done += NEAR_CHANNELS) {
        const int64_t left = n->channels_in - done;
        const int64_t some = left < NEAR_CHANNELS ? left : NEAR_CHANNELS;
        const int backwards = taps_of_panel(taps, w + done * n->in, n, some);
        for (int64_t next = 0; next < 2 * some; next++) {
            const int64_t place = next / 2 * TAPS * PANEL + next % 2 * CHANNELS;
            float *to = out + (done + next / 2) * n->at_points_in + next % 2 * CHANNELS;
            wino_t tap[TAPS], d[SIDE * 3];
            UNROLL
            for (int t = 0; t < TAPS; t++)
                tap[t] = *(const wino_t *)(taps + place + (backwards ? TAPS - 1 - t : t) * PANEL);
            UNROLL
            for (int j = 0; j < 3; j++) {
                if (m == 4) weights_4(d + j, 3, tap[j], tap[3 + j], tap[6 + j]);
                else weights_2(d + j, 3, tap[j], tap[3 + j], tap[6 + j]);
            }
            UNROLL
            for (int i = 0; i < side; i++) {
                wino_t row[SIDE];
                if (m == 4) weights_4(row, 1, d[3 * i], d[3 * i + 1], d[3 * i + 2]);
                else weights_2(row, 1, d[3 * i], d[3 * i + 1], d[3 * i + 2]);
                UNROLL
                for (int j = 0; j < side; j++)
                    *(wino_t *)(to + (i * side + j) * n->component) = row[j];
            }
        }
    }
}

static void winograd_weights_4(float *out, const float *w, const kernels_t *n)
{
    winograd_weights(out, w, n, 4);
}

static void winograd_weights_2(float *out, const float *w, const kernels_t *n)
{
    winograd_weights(out, w, n, 2);
}

#undef POSITIVE
#undef CHANNELS
#undef PANEL
#undef TAPS
