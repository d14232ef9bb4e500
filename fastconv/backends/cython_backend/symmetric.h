/* Kernels of one line of taps, along a single axis, whose weights are symmetric or antisymmetric: smoothing
 * filters and derivatives; a part of correlate.h.
 *
 * Samples before the middle and samples after it are summed apart from each other, from the ends inwards
 * and with the same weights; their sum or difference is taken last.  So derivatives of flat samples are
 * exactly zero, and mirrored samples give the same bits, but for the sign of derivatives.  Besides, the two
 * sums do not wait for each other. */

#define FLAT_VECTORS 6
#define SHORT_ROWS 4
#define LONG_ROWS 6
/* Taps up to which symmetric weights are summed like this: more take longer.  Antisymmetric ones always
 * are. */
#define MOST_SHORT 17

/* 1 for symmetric and -1 for antisymmetric weights that all lie along one axis, and otherwise 0. */
static T NAME(parity)(const T *w, const nest_t *n)
{
    const int64_t taps = n->kh * n->kw, step = n->kh > 1 ? n->tap_row_w : n->tap_col_w;
    int even = 1, odd = 1;
    if (taps == 1 || (n->kh > 1 && n->kw > 1)) return 0;
    for (int64_t tap = 0; tap <= taps / 2 && (even || odd); tap++) {
        const T before = w[tap * step], after = w[(taps - 1 - tap) * step];
        even = even && before == after;
        odd = odd && before == -after;
    }
    return odd ? -1 : even;
}

/* The result for both sums, and samples in the middle unless there are none. */
static ALWAYS_INLINE VEC NAME(joined)(const VEC before, const VEC after, const VEC parity,
                                      const T *middle, const VEC weight, const T bias, const int relu,
                                      const int apart)
{
    VEC sum = before + after * parity;
    if (middle) sum += NAME(samples)(middle, apart) * weight;
    sum += bias;
    return relu ? POSITIVE(sum) : sum;
}

#define HALVES                                                                                 \
    T *out, const T *x, const T *w, const T bias, const int64_t *planes, const nest_t *n,      \
        const T parity, int64_t col

/* Vectors of a row, which share no samples. */
static ALWAYS_INLINE int64_t NAME(flat_halves)(HALVES, const int vectors, const int apart)
{
    const VEC zero = {0};
    const int64_t taps = n->kh * n->kw, half = taps / 2;
    const int64_t step_x = n->kh > 1 ? n->tap_row_x : n->tap_col_x;
    const int64_t step_w = n->kh > 1 ? n->tap_row_w : n->tap_col_w;
    const int64_t width = LANES * (LANES > 1 ? apart : n->col_x);
    w += planes[1];
    for (; col + vectors * LANES <= n->cols; col += vectors * LANES) {
        const T *first = x + planes[0] + col * n->col_x, *last = first + (taps - 1) * step_x;
        const T *middle = taps % 2 ? first + half * step_x : NULL, *weights = w;
        VEC before[FLAT_VECTORS], after[FLAT_VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) before[v] = after[v] = zero;
        for (int64_t tap = 0; tap < half; tap++) {
            const VEC weight = *weights - zero;
            UNROLL
            for (int v = 0; v < vectors; v++) {
                before[v] += NAME(samples)(first + v * width, apart) * weight;
                after[v] += NAME(samples)(last + v * width, apart) * weight;
            }
            first += step_x;
            last -= step_x;
            weights += step_w;
        }
        UNROLL
        for (int v = 0; v < vectors; v++) {
            const VEC sum = NAME(joined)(before[v], after[v], parity - zero,
                                         middle ? middle + v * width : NULL, w[half * step_w] - zero,
                                         bias, n->relu, apart);
            *(VEC *)(out + (col + v * LANES) * COL_OUT) = apart == 2 ? ORDERED(sum) : sum;
        }
    }
    return col;
}

#if FROZEN && LANES > 1
/* One tap of a row of samples above and of one below, for the output rows first to last - 1, which are
 * counted from above and from below: w is the weight for output row 0. */
static ALWAYS_INLINE void NAME(add_two)(VEC *before, VEC *after, const T *above, const T *below,
                                        const T *w, const int64_t row_w, const int first,
                                        const int last)
{
    const VEC zero = {0};
    VEC upper = *(const VEC *)above, lower = *(const VEC *)below;
    LOADED_ONCE(upper);
    LOADED_ONCE(lower);
    UNROLL
    for (int r = first; r < last; r++) {
        VEC weight = w[-r * row_w] - zero;
        LOADED_ONCE(weight);
        MULTIPLY_ADD(before[r], upper, weight);
        MULTIPLY_ADD(after[r], lower, weight);
    }
}

/* Columns of more than MOST_SHORT taps, a vector wide. */
static int64_t NAME(long_columns)(HALVES)
{
    const VEC zero = {0};
    const int64_t taps = n->kh, half = taps / 2, row_x = n->row_x, row_w = n->tap_row_w;
    const int64_t row_out = n->row_out, cols = n->cols;
    w += planes[1];
    for (; col + LANES <= cols; col += LANES) {
        const T *above = x + planes[0] + col, *below = above + (taps + LONG_ROWS - 2) * row_x;
        const T *middle = above + half * row_x, *weights = w;
        VEC before[LONG_ROWS], after[LONG_ROWS];
        UNROLL
        for (int r = 0; r < LONG_ROWS; r++) before[r] = after[r] = zero;
#define REACH(first, last)                                                              \
        do {                                                                            \
            NAME(add_two)(before, after, above, below, weights, row_w, first, last);    \
            above += row_x; below -= row_x; weights += row_w;                           \
        } while (0)
        UNROLL
        for (int last = 1; last < LONG_ROWS; last++) REACH(0, last);
        for (int64_t row = LONG_ROWS - 1; row < half; row++) REACH(0, LONG_ROWS);
        UNROLL
        for (int first = 1; first < LONG_ROWS; first++) REACH(first, LONG_ROWS);
#undef REACH
        UNROLL
        for (int r = 0; r < LONG_ROWS; r++)
            *(VEC *)(out + col + r * row_out) =
                NAME(joined)(before[r], after[LONG_ROWS - 1 - r], parity - zero,
                             taps % 2 ? middle + r * row_x : NULL, w[half * row_w] - zero, bias,
                             n->relu, 1);
    }
    return col;
}

/* Columns of an odd number of taps, up to MOST_SHORT, whose weights become vectors but once. */
static ALWAYS_INLINE int64_t NAME(short_columns)(HALVES, const int taps)
{
    const VEC zero = {0};
    const int64_t row_x = n->row_x, row_out = n->row_out;
    const int half = taps / 2;
    VEC weight[MOST_SHORT / 2];
    w += planes[1];
    UNROLL
    for (int tap = 0; tap < half; tap++) {
        weight[tap] = zero + w[tap * n->tap_row_w];
        LOADED_ONCE(weight[tap]);
    }
    const VEC center = w[half * n->tap_row_w] - zero;
    for (; col + LANES <= n->cols; col += LANES) {
        const T *top = x + planes[0] + col;
        VEC before[SHORT_ROWS], after[SHORT_ROWS];
        UNROLL
        for (int r = 0; r < SHORT_ROWS; r++) before[r] = after[r] = zero;
#define REACH(sum, row)                                                                 \
        UNROLL                                                                          \
        for (int s = 0; s < half + SHORT_ROWS - 1; s++) {                               \
            VEC sample = *(const VEC *)(top + (row) * row_x);                           \
            LOADED_ONCE(sample);                                                        \
            UNROLL                                                                      \
            for (int r = 0; r < SHORT_ROWS; r++)                                        \
                if (s - r >= 0 && s - r < half) sum[r] += sample * weight[s - r];       \
        }
        REACH(before, s)
        REACH(after, taps + SHORT_ROWS - 2 - s)
#undef REACH
        UNROLL
        for (int r = 0; r < SHORT_ROWS; r++)
            before[r] = NAME(joined)(before[r], after[SHORT_ROWS - 1 - r], parity - zero,
                                     top + (half + r) * row_x, center, bias, n->relu, 1);
        UNROLL
        for (int r = 0; r < SHORT_ROWS; r++) *(VEC *)(out + col + r * row_out) = before[r];
    }
    return col;
}

#define SHORT(taps)                                                                     \
    static int64_t NAME(columns_##taps)(HALVES)                                         \
    {                                                                                   \
        return NAME(short_columns)(out, x, w, bias, planes, n, parity, col, taps);      \
    }
SHORT(3) SHORT(5) SHORT(7) SHORT(9) SHORT(11) SHORT(13) SHORT(15) SHORT(17)
#undef SHORT

/* A vector of outputs of a row of a few taps, which lie on a few vectors; see row_filter.h. */
static ALWAYS_INLINE VEC NAME(few_halves)(const T *x, const VEC *weight, const VEC center,
                                          const VEC parity, const T bias, const int relu,
                                          const int taps, const int alone)
{
    const VEC zero = {0};
    const int vectors = (taps - 2) / LANES + 2;
    VEC some[MOST_SHORT], before = zero, after = zero;
    UNROLL
    for (int v = 0; !alone && v < vectors; v++) some[v] = *(const VEC *)(x + v * LANES);
#define SAMPLES(tap)                                                                    \
    (alone || (LANES > 4 && (tap) % 4 == 2) || (tap) % LANES == 0                       \
         ? *(const VEC *)(x + (tap))                                                    \
         : NAME(shifted)(some[(tap) / LANES], some[(tap) / LANES + 1], (tap) % LANES))
    UNROLL
    for (int tap = 0; tap < taps / 2; tap++) {
        before += SAMPLES(tap) * weight[tap];
        after += SAMPLES(taps - 1 - tap) * weight[tap];
    }
#undef SAMPLES
    return NAME(joined)(before, after, parity, x + taps / 2, center, bias, relu, 1);
}

/* As slab_few. */
static ALWAYS_INLINE void NAME(slab_few_halves)(OPERANDS, const T parity, const int taps)
{
    const VEC zero = {0};
    VEC weight[MOST_SHORT / 2];
    w += planes[1];
    UNROLL
    for (int tap = 0; tap < taps / 2; tap++) {
        weight[tap] = zero + w[tap];
        LOADED_ONCE(weight[tap]);
    }
    const VEC center = w[taps / 2] - zero, sign = parity - zero;
    const int relu = n->relu;
    const int64_t cols = n->cols, shuffled = cols + taps - ((taps - 2) / LANES + 2) * LANES;
    for (int64_t row = 0; row < n->rows; row++) {
        const T *from = x + planes[0] + row * n->row_x;
        T *to = out + row * n->row_out;
        int64_t col = 0;
        for (; col < shuffled; col += LANES)
            *(VEC *)(to + col) =
                NAME(few_halves)(from + col, weight, center, sign, bias, relu, taps, 0);
        for (; col < cols; col += LANES) {
            const int64_t left = col + LANES <= cols ? col : cols - LANES;
            *(VEC *)(to + left) =
                NAME(few_halves)(from + left, weight, center, sign, bias, relu, taps, 1);
        }
    }
}
#endif

/* All rows and columns of a slab, as in `slab`. */
static void NAME(slab_halves)(OPERANDS, const T parity)
{
    int64_t rows = 1, block = n->cols;
#if FROZEN && LANES > 1
    int64_t (*columns)(HALVES) = NULL;
    if (n->kw > 1 && n->col_x == 1 && n->tap_col_x == 1 && n->tap_col_w == 1) {
#define FEW(taps)                                                                       \
        if (n->kw == taps) {                                                            \
            NAME(slab_few_halves)(out, x, w, bias, planes, n, parity, taps);            \
            return;                                                                     \
        }
        FEW(3)
        FEW(5)
        FEW(7)
        FEW(9)
        FEW(11)
        FEW(13)
        FEW(15)
        FEW(17)
#undef FEW
    }
    if (n->kh > 1 && n->col_x == 1 && n->row_x == n->tap_row_x && n->rows >= LONG_ROWS) {
        columns = n->kh == 3    ? NAME(columns_3)
                  : n->kh == 5  ? NAME(columns_5)
                  : n->kh == 7  ? NAME(columns_7)
                  : n->kh == 9  ? NAME(columns_9)
                  : n->kh == 11 ? NAME(columns_11)
                  : n->kh == 13 ? NAME(columns_13)
                  : n->kh == 15 ? NAME(columns_15)
                  : n->kh == 17 ? NAME(columns_17)
                  : n->kh > 17  ? NAME(long_columns)
                                : NULL;
        if (columns) {
            rows = n->kh > MOST_SHORT ? LONG_ROWS : SHORT_ROWS;
            const int64_t lines = NEAR / (int64_t)sizeof(T) / (n->kh + rows) / (12 * LANES);
            block = (lines ? lines : 1) * 12 * LANES;
        }
    }
#endif
    for (int64_t left = 0; left < n->cols; left += block) {
        nest_t part = *n;
        if (n->cols - left >= 2 * block) part.cols = block;
        else part.cols = block = n->cols - left;
        for (int64_t row = 0; row < n->rows; row += rows) {
            if (row + rows > n->rows) row = n->rows - rows;
            T *o = out + row * n->row_out + left * COL_OUT;
            const T *xr = x + row * n->row_x + left * n->col_x;
            int64_t col = 0;
#define ALL(name, ...)                                                                  \
            col = NAME(name)(o, xr, w, bias, planes, &part, parity, col, ##__VA_ARGS__)
#define LAST(name, ...)                                                                 \
            if (col < part.cols) {                                                      \
                col = part.cols - LANES;                                                \
                ALL(name, ##__VA_ARGS__);                                               \
            }
#if FROZEN && LANES > 1
            if (columns) {
                col = columns(o, xr, w, bias, planes, &part, parity, col);
                if (col < part.cols)
                    columns(o, xr, w, bias, planes, &part, parity, part.cols - LANES);
                continue;
            }
#endif
#if LANES > 1
            if (n->col_x == 2) {
                ALL(flat_halves, FLAT_VECTORS, 2);
                ALL(flat_halves, 1, 2);
                LAST(flat_halves, 1, 2)
                continue;
            }
#endif
            ALL(flat_halves, FLAT_VECTORS, 1);
            ALL(flat_halves, 1, 1);
            LAST(flat_halves, 1, 1)
#undef ALL
#undef LAST
        }
    }
}

#undef HALVES
