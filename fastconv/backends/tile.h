/* The register tile of the compiled backend, a template: it is included once for each item type
 * and vector width, with
 *     T       the item type,
 *     LANES   items in a vector; with 1, columns may be any steps apart,
 *     NAME(f) the name of f for this type and width,
 *     FROZEN  1 to compile the common kernel sizes one by one, with every loop unrolled.
 *
 * A tile is ROWS rows by VECTORS vectors of outputs whose sums stay in registers.  Where rows of
 * outputs are as far apart as rows of taps, a vector that was loaded once serves every output row
 * that its samples reach.  Each output is summed over planes, then rows of taps, then columns of
 * taps, whatever tile it falls into: its bits do not depend on where it stands.
 */

#if LANES > 1
typedef T NAME(vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef __typeof__((NAME(vec)){0} < (NAME(vec)){0}) NAME(mask);
#define POSITIVE(sum) ((NAME(vec))(~(NAME(mask))((sum) < 0) & (NAME(mask))(sum)))
#else
typedef T NAME(vec);
#define POSITIVE(sum) ((sum) < 0 ? 0 : (sum))
#endif
#define VEC NAME(vec)
#define COL_X (LANES > 1 ? 1 : n->col_x)
#define COL_OUT (LANES > 1 ? 1 : n->col_out)

/* One row of samples, for the output rows first to last - 1, which it reaches with different rows of
 * taps: w is the row of taps for output row 0. */
static ALWAYS_INLINE void NAME(add_row)(VEC sum[ROWS][VECTORS], const T *x, const T *w,
                                        const nest_t *n, const int64_t kw, const int first,
                                        const int last, const int vectors)
{
    for (int64_t col = 0; col < kw; col++) {
        VEC sample[VECTORS];
        UNROLL
        for (int v = 0; v < vectors; v++) sample[v] = *(const VEC *)(x + v * LANES * COL_X);
        UNROLL
        for (int r = first; r < last; r++) {
            const T weight = w[-r * n->tap_row_w];
            UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] += sample[v] * weight;
        }
        x += n->tap_col_x;
        w += n->tap_col_w;
    }
}

#define ADD_ROW(first, last)                                        \
    do {                                                            \
        NAME(add_row)(sum, xr, wr, n, kw, first, last, vectors);    \
        xr += n->tap_row_x;                                         \
        wr += n->tap_row_w;                                         \
    } while (0)

/* One tile.  Sample rows reach the output rows one after the other, stay for as long as there are
 * taps, and leave them in the same order. */
static ALWAYS_INLINE void NAME(tile)(T *out, const T *x, const T *w, T bias, const int64_t *planes,
                                     const nest_t *n, const int64_t kh, const int64_t kw,
                                     const int rows, const int vectors)
{
    VEC sum[ROWS][VECTORS];
    const VEC zero = {0};
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = zero + bias;
    }
    for (int64_t p = 0; p < n->n_planes; p++) {
        const T *xr = x + planes[2 * p];
        const T *wr = w + planes[2 * p + 1];
        if (rows == 1) {
            for (int64_t row = 0; row < kh; row++) ADD_ROW(0, 1);
        } else if (kh == 1) {
            ADD_ROW(0, 1); ADD_ROW(1, 2); ADD_ROW(2, 3); ADD_ROW(3, 4);
        } else if (kh == 2) {
            ADD_ROW(0, 1); ADD_ROW(0, 2); ADD_ROW(1, 3); ADD_ROW(2, 4); ADD_ROW(3, 4);
        } else {
            ADD_ROW(0, 1); ADD_ROW(0, 2); ADD_ROW(0, 3);
            for (int64_t row = 3; row < kh; row++) ADD_ROW(0, 4);
            ADD_ROW(1, 4); ADD_ROW(2, 4); ADD_ROW(3, 4);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            *(VEC *)(out + r * n->row_out + v * LANES * COL_OUT) =
                n->relu ? POSITIVE(sum[r][v]) : sum[r][v];
    }
}

#undef ADD_ROW

static void NAME(any_tile)(T *out, const T *x, const T *w, T bias, const int64_t *planes,
                           const nest_t *n, int rows, int vectors)
{
#define TILE(kh, kw, rows, vectors) NAME(tile)(out, x, w, bias, planes, n, kh, kw, rows, vectors)
    if (rows == 1)
        vectors == 1 ? TILE(n->kh, n->kw, 1, 1) : TILE(n->kh, n->kw, 1, VECTORS);
    else if (vectors == 1)
        TILE(n->kh, n->kw, ROWS, 1);
#if FROZEN
    else if (n->kh == 3 && n->kw == 3)
        TILE(3, 3, ROWS, VECTORS);
    else if (n->kh == 5 && n->kw == 5)
        TILE(5, 5, ROWS, VECTORS);
#endif
    else
        TILE(n->kh, n->kw, ROWS, VECTORS);
#undef TILE
}

/* All rows and columns of a slab of at least LANES columns.  The last tiles of a row and of a column
 * reach back over outputs that are already right, and write the same again. */
static void NAME(slab)(T *out, const T *x, const T *w, T bias, const int64_t *planes,
                       const nest_t *n)
{
    const int shared = n->kh == 1 || n->row_x == n->tap_row_x;
    const int rows = shared && n->rows >= ROWS ? ROWS : 1;
    nest_t m = *n;
    if (n->kh == 1) m.tap_row_x = n->row_x;
    for (int64_t row = 0; row < n->rows; row += rows) {
        if (row + rows > n->rows) row = n->rows - rows;
        T *o = out + row * n->row_out;
        const T *xr = x + row * n->row_x;
        int64_t col = 0;
        for (; col + VECTORS * LANES <= n->cols; col += VECTORS * LANES)
            NAME(any_tile)(o + col * COL_OUT, xr + col * COL_X, w, bias, planes, &m, rows, VECTORS);
        for (; col < n->cols; col += LANES) {
            if (col + LANES > n->cols) col = n->cols - LANES;
            NAME(any_tile)(o + col * COL_OUT, xr + col * COL_X, w, bias, planes, &m, rows, 1);
        }
    }
}

#undef POSITIVE
#undef VEC
#undef COL_X
#undef COL_OUT
#undef LANES
#undef NAME
#undef FROZEN
