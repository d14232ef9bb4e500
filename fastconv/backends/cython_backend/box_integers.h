/* Sums of windows of small integers for the compiled backend, a template: it is included once for each
 * pair of types, with
 *     T                 the type of samples and results,
 *     S                 the type of sums, which hold any, without a sign,
 *     GROWN(v)          a vector of samples as sums,
 *     FLOATS(v)         as many sums as are a vector of floats, as floats,
 *     FROM_FLOATS(...)  the row of convert.h from floats to results,
 *     ALONG_ROW(...)    the sums of log_step.h,
 *     SHARED(...)       sums weighted without floats, as many as can be, from the first one on,
 *     NAMED(f)          the name of f for this pair.
 *
 * The sums are exact, so samples that leave a window are subtracted.  Sums are weighted once, and rounded.
 */

#define LANES (VECTOR_BYTES / (int64_t)sizeof(S))
VECTOR(S, NAMED(sums_t), LANES)
VECTOR(S, NAMED(float_sums_t), W)
VECTOR(T, NAMED(samples_t), LANES)
#define SAMPLES(p) GROWN(*(const NAMED(samples_t) *)((p) + i))
#define COLUMNS *(NAMED(sums_t) *)(sums + i)

/* Updates the column sums from those of the row above: adds new samples, and subtracts old ones, if any. */
static void NAMED(next_columns)(S *sums, const T *fresh, const T *old, const int64_t step,
                                const int64_t n)
{
    int64_t i = 0;
    if (step == 1 && old) {
        for (; i + LANES <= n; i += LANES) COLUMNS += SAMPLES(fresh) - SAMPLES(old);
    } else if (step == 1) {
        for (; i + LANES <= n; i += LANES) COLUMNS += SAMPLES(fresh);
    }
    for (; i < n; i++) sums[i] += fresh[i * step] - (old ? old[i * step] : 0);
}

/* Sums, weighted and rounded. */
static void NAMED(weighed)(T *to, const int64_t step, const S *sums, const float w, const float bias,
                           const share_t *share, const int64_t n)
{
    float some[WEIGHED_BLOCK];
    for (int64_t i = step == 1 ? SHARED(to, sums, share, n) : 0; i < n; i += WEIGHED_BLOCK) {
        const int64_t block = n - i < WEIGHED_BLOCK ? n - i : WEIGHED_BLOCK;
        int64_t j = 0;
        for (; j + W <= block; j += W) {
            const NAMED(float_sums_t) v = *(const NAMED(float_sums_t) *)(sums + i + j);
            *(wf *)(some + j) = FLOATS(v) * w + bias;
        }
        for (; j < block; j++) some[j] = sums[i + j] * w + bias;
        FROM_FLOATS((char *)(to + i * step), (const char *)some, block, step * (int64_t)sizeof(T),
                    sizeof(float));
    }
}

/* All windows of a slab, in strips of columns.  room holds two rows of sums for a strip, including the
 * columns that its windows read beyond it. */
static void NAMED(window_sums)(T *out, const T *x, const float w, const float bias,
                               const int64_t *planes, const nest_t *n, char *room,
                               const int64_t strip)
{
    const int64_t kh = n->kh, kw = n->kw, tap = n->tap_col_x;
    const share_t share = share_of(w, bias, n->n_planes * kh * kw);
    S *const columns = (S *)room, *const rows = columns + strip + (kw - 1) * tap;
    S *const sums = kw > 1 ? rows : columns;
    for (int64_t left = 0; left < n->cols; left += strip) {
        const int64_t cols = n->cols - left < strip ? n->cols - left : strip;
        const int64_t width = cols + (kw - 1) * tap;
        memset(columns, 0, width * sizeof(S));
        for (int64_t row = 1 - kh; row < n->rows; row++) {
            for (int64_t p = 0; p < n->n_planes; p++) {
                const int64_t down = (row + kh - 1) * n->row_x;
                const T *fresh = x + planes[2 * p] + left * n->col_x + down;
                const T *old = row > 0 ? fresh - kh * n->row_x : NULL;
                for (int64_t i = 0; i < width; i += CACHE_LINE / (int64_t)sizeof(T))
                    PREFETCH(fresh + n->row_x + i * n->col_x);
                NAMED(next_columns)(columns, fresh, old, n->col_x, width);
            }
            if (row < 0)
                continue;
            if (kw > 1) ALONG_ROW(rows, columns, rows, 0, kw, tap, cols);
            NAMED(weighed)(out + row * n->row_out + left * n->col_out, n->col_out, sums, w, bias,
                           &share, cols);
        }
    }
}

#undef LANES
#undef SAMPLES
#undef COLUMNS
#undef T
#undef S
#undef GROWN
#undef FLOATS
#undef FROM_FLOATS
#undef ALONG_ROW
#undef SHARED
#undef NAMED
