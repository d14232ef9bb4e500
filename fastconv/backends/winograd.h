/* Transforms of Winograd's convolution with 3x3 taps for the compiled backend, in float32: tiles of
 * 4x4 or 2x2 outputs, and the 6x6 or 4x4 samples that they read.  Channels are neighbours, and a vector
 * of them goes through a tile at a time; the last vector reaches back over channels that are done.
 *
 * The points are 0, 1, -1 (and 2, -2) and infinity; `points.py` has the matrices. */

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

/* A plane of samples or outputs with channels last, and its tiles: steps in items. */
typedef struct {
    int64_t rows, cols, row, col;
    int64_t tiles_down, tiles_across, tile, component;
    int64_t channels;
} tiles_t;

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

#undef POSITIVE
#undef CHANNELS
