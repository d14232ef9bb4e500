/* Sums over taps where every channel has its own: the part of gemm.h, with its T, LANES, NAMED, VEC
 * and POSITIVE, for products whose samples are read in vectors of channels, too.
 *
 * A run is a tap; those that are outside read zeros.  The last vectors reach back over channels that are
 * done, and write the same again.
 */

static const T NAMED(zeros)[2 * LANES];

/* The bits of some rows: whether any tap of theirs is outside. */
static ALWAYS_INLINE int64_t NAMED(outside)(const gemm_row_t *row, const int rows)
{
    int64_t bits = 0;
    for (int r = 0; r < rows; r++) bits |= row[r].outside;
    return bits;
}

static ALWAYS_INLINE void NAMED(add_taps)(T *out, const T *x, const T *w, const T *bias,
                                          const contract_t *n, const gemm_row_t *row, const int rows,
                                          const int vectors, const int edge)
{
    const int64_t taps = n->first_run[n->blocks];
    VEC sum[GEMM_ROWS][2];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = *(const VEC *)(bias + v * LANES);
    }
    const T *from[GEMM_ROWS];
    UNROLL
    for (int r = 0; r < rows; r++) from[r] = x + row[r].a;
    for (int64_t i = 0; i < taps; i++) {
        const run_t *tap = n->run + i;
        const T *at[GEMM_ROWS];
        UNROLL
        for (int r = 0; r < rows; r++)
            at[r] = edge && row[r].outside >> i & 1 ? NAMED(zeros) : from[r] + tap->a;
        UNROLL
        for (int v = 0; v < vectors; v++) {
            VEC weight = *(const VEC *)(w + tap->b + v * LANES);
            LOADED_ONCE(weight);
            UNROLL
            for (int r = 0; r < rows; r++) sum[r][v] += *(const VEC *)(at[r] + v * LANES) * weight;
        }
    }
    NAMED(activate)(sum, rows, vectors, n->relu, n->ceiling);
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) *(VEC *)(out + row[r].out + v * LANES) = sum[r][v];
    }
}

static ALWAYS_INLINE void NAMED(add_taps_of_channels)(T *out, const T *x, const T *w, const T *bias,
                                                      const contract_t *n, int64_t tiles,
                                                      const gemm_row_t *row, const int rows,
                                                      const int vectors)
{
    for (; tiles; tiles--, row += rows) {
        if (NAMED(outside)(row, rows)) NAMED(add_taps)(out, x, w, bias, n, row, rows, vectors, 1);
        else NAMED(add_taps)(out, x, w, bias, n, row, rows, vectors, 0);
    }
}

static void NAMED(some_rows)(T *out, const T *x, const T *w, const T *bias, const contract_t *n,
                             const gemm_row_t *row, const int64_t rows)
{
    const int64_t tiles = rows / GEMM_ROWS, rest = rows % GEMM_ROWS;
    const gemm_row_t *last = row + tiles * GEMM_ROWS;
    int64_t col = 0;
    for (; col + 2 * LANES <= n->cols; col += 2 * LANES) {
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, tiles, row, GEMM_ROWS, 2);
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, rest, last, 1, 2);
    }
    while (col < n->cols && n->cols >= LANES) {
        if (col + LANES > n->cols) col = n->cols - LANES;
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, tiles, row, GEMM_ROWS, 1);
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, rest, last, 1, 1);
        col += LANES;
    }
    for (; col < n->cols; col++) {
        for (int64_t r = 0; r < rows; r++) {
            T sum = bias[col];
            for (int64_t i = 0; i < n->first_run[n->blocks]; i++) {
                const run_t *tap = n->run + i;
                const T sample = row[r].outside >> i % 64 & 1 ? 0 : x[col + row[r].a + tap->a];
                sum += sample * w[col + tap->b];
            }
            if (n->relu && sum < 0) sum = 0;
            out[col + row[r].out] = sum > n->ceiling ? (T)n->ceiling : sum;
        }
    }
}

/* Neighbouring outputs of a line, whose taps are as far apart as they are or half as far: a vector of
 * samples that was loaded once serves all outputs that read it. */
static ALWAYS_INLINE void NAMED(add_line)(T *out, const int64_t step_out, const T *x,
                                          const int64_t tap_x, const T *w, const T *bias,
                                          const contract_t *n, const gemm_row_t *row, const int taps,
                                          const int stride, const int outputs, const int vectors,
                                          const int edge)
{
    const run_t *tap = n->run;
    const int64_t all = n->first_run[n->blocks];
    VEC sum[LINE_OUTPUTS][2];
    UNROLL
    for (int r = 0; r < outputs; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = *(const VEC *)(bias + v * LANES);
    }
    for (int64_t done = 0; done < all; done += taps, tap += taps) {
        VEC weight[5][2];
        UNROLL
        for (int t = 0; t < taps; t++) {
            UNROLL
            for (int v = 0; v < vectors; v++) {
                weight[t][v] = *(const VEC *)(w + tap[t].b + v * LANES);
                LOADED_ONCE(weight[t][v]);
            }
        }
        const T *from = x + tap->a;
        UNROLL
        for (int place = 0; place < (outputs - 1) * stride + taps; place++, from += tap_x) {
            const int reader = place < taps ? 0 : (place - taps) / stride + 1;
            const int64_t bit = done + place - reader * stride;
            const T *at = edge && row[reader].outside >> bit & 1 ? NAMED(zeros) : from;
            UNROLL
            for (int v = 0; v < vectors; v++) {
                VEC sample = *(const VEC *)(at + v * LANES);
                LOADED_ONCE(sample);
                UNROLL
                for (int r = 0; r < outputs; r++) {
                    const int t = place - r * stride;
                    if (t >= 0 && t < taps) sum[r][v] += sample * weight[t][v];
                }
            }
        }
    }
    NAMED(activate)(sum, outputs, vectors, n->relu, n->ceiling);
    UNROLL
    for (int r = 0; r < outputs; r++, out += step_out) {
        UNROLL
        for (int v = 0; v < vectors; v++) *(VEC *)(out + v * LANES) = sum[r][v];
    }
}

/* Items that are fetched ahead with each tile of so many outputs and channels: what the next line reads
 * and one does not, where samples come from memory.  All of them at once would keep others waiting. */
static int64_t NAMED(fetched)(const contract_t *n, int64_t outputs, int64_t channels)
{
    const int64_t line = 64 / sizeof(T);
    if (n->rows <= n->line) return 0;
    const int64_t step = n->row[n->line].a - n->row[0].a;
    if (step < 0 || n->rows / n->line * step < FAR_ITEMS) return 0;
    const int64_t tiles = (n->line + outputs - 1) / outputs * ((n->cols + channels - 1) / channels);
    return (step / tiles + line - 1) / line * line;
}

/* Some lines, one after the other: samples are read in the order of memory, if the axis that follows
 * channels is the last one.  The last outputs and vectors reach back over others. */
static ALWAYS_INLINE void NAMED(some_lines)(T *out, const T *x, const T *w, const T *bias,
                                            const contract_t *n, const gemm_row_t *row,
                                            const int64_t rows, const int taps, const int stride,
                                            const int outputs, const int vectors)
{
    const int64_t step_out = row[1].out - row[0].out, tap_x = (row[1].a - row[0].a) / stride;
    const int64_t last_col = n->cols - vectors * LANES, last_output = n->line - outputs;
    const int64_t last_tap = n->run[n->first_run[n->blocks] - 1].a;
    const int64_t fetched = NAMED(fetched)(n, outputs, vectors * LANES);
    for (const gemm_row_t *line = row; line < row + rows; line += n->line) {
        const T *ahead = x + line[n->line - 1].a + last_tap + n->cols;
        for (int64_t after = 0; after < n->line; after += outputs) {
            const gemm_row_t *first = line + (after < last_output ? after : last_output);
            const int64_t edge = NAMED(outside)(first, outputs);
            for (int64_t next = 0; next < n->cols; next += vectors * LANES) {
                const int64_t col = next < last_col ? next : last_col;
                for (int64_t i = 0; i < fetched; i += 64 / sizeof(T)) PREFETCH(ahead + i);
                ahead += fetched;
                if (edge)
                    NAMED(add_line)(out + first->out + col, step_out, x + first->a + col, tap_x, w + col,
                                    bias + col, n, first, taps, stride, outputs, vectors, 1);
                else
                    NAMED(add_line)(out + first->out + col, step_out, x + first->a + col, tap_x, w + col,
                                    bias + col, n, first, taps, stride, outputs, vectors, 0);
            }
        }
    }
}

#define LINES(taps, stride, outputs, vectors)                                            \
    static void NAMED(lines_##taps##_##stride)(T *out, const T *x, const T *w, const T *bias, \
                                               const contract_t *n, const gemm_row_t *row, \
                                               const int64_t rows)                       \
    {                                                                                    \
        NAMED(some_lines)(out, x, w, bias, n, row, rows, taps, stride, outputs, vectors); \
    }
LINES(3, 1, 4, 2)
LINES(3, 2, 4, 2)
LINES(5, 1, 7, 1)
LINES(5, 2, 7, 1)
#undef LINES

typedef void NAMED(rows_t)(T *, const T *, const T *, const T *, const contract_t *,
                           const gemm_row_t *, int64_t);

/* What sums rows, which become lines where outputs share samples. */
static NAMED(rows_t) *NAMED(rows_for)(const contract_t *n)
{
    if (n->line < LINE_OUTPUTS || n->cols < 2 * LANES || n->line_taps < 2) return NAMED(some_rows);
    const int64_t step = n->row[1].a - n->row[0].a, tap = n->run[1].a - n->run[0].a;
    if (tap == 0) return NAMED(some_rows); /* the stride cannot be told */
    if (n->line_taps == 3 && step == tap) return NAMED(lines_3_1);
    if (n->line_taps == 3 && step == 2 * tap) return NAMED(lines_3_2);
    if (n->line_taps == 5 && step == tap) return NAMED(lines_5_1);
    if (n->line_taps == 5 && step == 2 * tap) return NAMED(lines_5_2);
    return NAMED(some_rows);
}

/* Long sums of few rows: neighbouring terms for some lines of neighbouring rows, whose terms are as far
 * apart as they are or twice as far.  Two terms share samples. */
static ALWAYS_INLINE void NAMED(add_terms)(T *out, const T *x, const T *w, const T *bias,
                                           const contract_t *n, const gemm_row_t *row,
                                           const run_t *run, int64_t left, const int across,
                                           const int stride, const int down)
{
    const int64_t tap_x = row[1].a - row[0].a, term_w = run[1].b - run[0].b;
    VEC sum[3][5];
    const int begun = run > n->run;
    UNROLL
    for (int r = 0; r < down; r++) {
        UNROLL
        for (int t = 0; t < across; t++)
            sum[r][t] = *(const VEC *)(begun ? out + row[r * across + t].out : bias);
    }
    const T *from[3], *weights = w + run->b;
    UNROLL
    for (int r = 0; r < down; r++) from[r] = x + row[r * across].a + run->a;
    for (; left > 1; left -= 2, weights += 2 * term_w) {
        VEC first = *(const VEC *)weights, second = *(const VEC *)(weights + term_w);
        LOADED_ONCE(first);
        LOADED_ONCE(second);
        UNROLL
        for (int r = 0; r < down; r++) {
            UNROLL
            for (int place = 0; place < across + stride; place++) {
                VEC sample = *(const VEC *)(from[r] + place * tap_x);
                LOADED_ONCE(sample);
                if (place < across) sum[r][place] += sample * first;
                if (place >= stride) sum[r][place - stride] += sample * second;
            }
            from[r] += 2 * stride * tap_x;
        }
    }
    if (left) {
        VEC weight = *(const VEC *)weights;
        UNROLL
        for (int r = 0; r < down; r++) {
            UNROLL
            for (int t = 0; t < across; t++)
                sum[r][t] += *(const VEC *)(from[r] + t * tap_x) * weight;
        }
    }
    UNROLL
    for (int r = 0; r < down; r++) {
        UNROLL
        for (int t = 0; t < across; t++) *(VEC *)(out + row[r * across + t].out) = sum[r][t];
    }
}

/* Neighbouring terms for all rows, as many at a time as stay in registers. */
static ALWAYS_INLINE void NAMED(some_terms)(T *out, const T *x, const T *w, const T *bias,
                                            const contract_t *n, const run_t *run,
                                            int64_t terms, const int across, const int stride,
                                            const int down)
{
    const gemm_row_t *row = n->row, *last = n->row + n->rows;
    for (; row + down * across <= last; row += down * across)
        NAMED(add_terms)(out, x, w, bias, n, row, run, terms, across, stride, down);
    for (; row < last; row += across)
        NAMED(add_terms)(out, x, w, bias, n, row, run, terms, across, stride, 1);
}

#define TERMS(across, stride, down)                                                      \
    static void NAMED(terms_##across##_##stride)(T *out, const T *x, const T *w, const T *bias, \
                                                 const contract_t *n, const run_t *run,  \
                                                 int64_t terms)                          \
    {                                                                                    \
        NAMED(some_terms)(out, x, w, bias, n, run, terms, across, stride, down);         \
    }
TERMS(3, 1, 3)
TERMS(3, 2, 3)
TERMS(5, 1, 2)
TERMS(5, 2, 2)
#undef TERMS

typedef void NAMED(terms_t)(T *, const T *, const T *, const T *, const contract_t *, const run_t *,
                            int64_t);

/* What sums long lines of terms, or nothing where lines are short, rows do not share samples, or taps are
 * outside. */
static NAMED(terms_t) *NAMED(terms_for)(const contract_t *n)
{
    if (n->line_taps < LINE_TERMS || n->cols < LANES || n->line < 2) return NULL;
    if (n->relu || n->ceiling < INFINITY) return NULL;
    for (int64_t r = 0; r < n->rows; r++)
        if (n->row[r].outside) return NULL;
    const int64_t tap = n->row[1].a - n->row[0].a, step = n->run[1].a - n->run[0].a;
    if (n->line == 3 && step == tap) return NAMED(terms_3_1);
    if (n->line == 3 && step == 2 * tap) return NAMED(terms_3_2);
    if (n->line == 5 && step == tap) return NAMED(terms_5_1);
    if (n->line == 5 && step == 2 * tap) return NAMED(terms_5_2);
    return NULL;
}

/* All terms, some of a line at a time, so that their samples stay near for all channels.  The last vector
 * reaches back, and adds all of its terms again. */
static void NAMED(terms_of_channels)(T *out, const T *x, const T *w, const T *bias,
                                     const contract_t *n, NAMED(terms_t) *sum)
{
    const run_t *end = n->run + n->first_run[n->blocks];
    const int64_t last = n->cols - LANES, line = n->line_taps;
    for (int back = 0; back <= (n->cols % LANES != 0); back++) {
        for (const run_t *run = n->run; run < end; run += line) {
            for (int64_t done = 0; done < line; done += NEAR_TERMS) {
                const int64_t some = line - done < NEAR_TERMS ? line - done : NEAR_TERMS;
                for (int64_t col = back ? last : 0; col <= last; col += LANES)
                    sum(out + col, x + col, w + col, bias + col, n, run + done, some);
            }
        }
    }
}

/* All rows, some at a time that share no samples, so that those of their taps stay near for all channels.
 */
static void NAMED(taps_of_channels)(T *out, const T *x, const T *w, const T *bias, const contract_t *n)
{
    NAMED(terms_t) *sum_terms = NAMED(terms_for)(n);
    if (sum_terms) {
        NAMED(terms_of_channels)(out, x, w, bias, n, sum_terms);
        return;
    }
    NAMED(rows_t) *sum = NAMED(rows_for)(n);
    int64_t some = n->rows;
    if (sum == NAMED(some_rows)) {
        some = NEAR_ITEMS / n->cols / GEMM_ROWS * GEMM_ROWS;
        if (some < GEMM_ROWS) some = GEMM_ROWS;
    }
    for (int64_t row = 0; row < n->rows; row += some)
        sum(out, x, w, bias, n, n->row + row, n->rows - row < some ? n->rows - row : some);
}
