/* Sums over channels for the compiled backend, a template: it is included once for each item type,
 * with
 *     T         the item type,
 *     LANES     items in a vector,
 *     NAMED(f)  the name of f for this type.
 *
 * It is a matrix product whose rows lie anywhere: out[r, c] = sum over t of a[r, t] * b[t, c].  A tile
 * is up to six rows by two vectors of columns, whose sums stay in registers; a vector of b serves all
 * rows.  The terms of a sum come in blocks, so that the two vectors of b for each term of a block stay
 * in the nearest cache for all rows.  An output's terms are summed in the order of the runs, whatever
 * tile and block it falls into.
 */

typedef T NAMED(gemm_vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef __typeof__((NAMED(gemm_vec)){0} < (NAMED(gemm_vec)){0}) NAMED(gemm_mask);
#define POSITIVE(sum) ((VEC)(~(NAMED(gemm_mask))((sum) < 0) & (NAMED(gemm_mask))(sum)))
#define VEC NAMED(gemm_vec)
#define WIDTH (2 * LANES)

/* Sums become what is stored of them; NaN is kept. */
static ALWAYS_INLINE void NAMED(activate)(VEC (*sum)[2], const int rows, const int vectors,
                                          const int relu, const double ceiling)
{
    if (relu) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = POSITIVE(sum[r][v]);
        }
    }
    if (ceiling < INFINITY) {
        const VEC zero = {0}, most = zero + (T)ceiling;
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++) {
                const NAMED(gemm_mask) above = sum[r][v] > most;
                sum[r][v] = (VEC)((above & (NAMED(gemm_mask))most) | (~above & (NAMED(gemm_mask))sum[r][v]));
            }
        }
    }
}

#include "depthwise.h"

/* The terms of some columns, for some tiles of rows below each other.  Sums start from a bias for each
 * row, from one for each column (`by_column`), or from what `out` holds. */
static ALWAYS_INLINE void NAMED(add_products)(T *out, const T *a, const T *b, const T *bias,
                                              const contract_t *n, const block_t *block,
                                              const gemm_row_t *row, int64_t tiles,
                                              const T *by_column, const int64_t step_a,
                                              const int rows, const int vectors)
{
    const VEC zero = {0};
    const int64_t columns = block->columns;
    const int partial = columns % LANES != 0;
    for (; tiles; tiles--, row += rows) {
        VEC sum[GEMM_ROWS][2];
        UNROLL
        for (int r = 0; r < rows; r++) {
            T edge[2 * LANES];
            const T *from = block->start == FROM_OUT ? out + row[r].out : by_column;
            if (partial && block->start == FROM_OUT) from = memcpy(edge, from, columns * sizeof(T));
            UNROLL
            for (int v = 0; v < vectors; v++) {
                if (block->start == FROM_ROWS) sum[r][v] = zero + bias[row[r].bias];
                else sum[r][v] = *(const VEC *)(from + v * LANES);
            }
        }
        const T *term = b;
        for (const run_t *run = block->run; run < block->end; run++) {
            const T *factors[GEMM_ROWS];
            UNROLL
            for (int r = 0; r < rows; r++) factors[r] = a + row[r].a + run->a;
            int64_t place = 0;
            for (int64_t t = 0; t < run->n; t++, place += step_a, term += WIDTH) {
                VEC value[2];
                UNROLL
                for (int v = 0; v < vectors; v++) {
                    value[v] = *(const VEC *)(term + v * LANES);
                    LOADED_ONCE(value[v]);
                }
                UNROLL
                for (int r = 0; r < rows; r++) {
                    const T factor = factors[r][place];
                    UNROLL
                    for (int v = 0; v < vectors; v++) sum[r][v] += value[v] * factor;
                }
            }
        }
        if (block->last) NAMED(activate)(sum, rows, vectors, n->relu, n->ceiling);
        UNROLL
        for (int r = 0; r < rows; r++) {
            T edge[2 * LANES];
            T *to = partial ? edge : out + row[r].out;
            UNROLL
            for (int v = 0; v < vectors; v++) *(VEC *)(to + v * LANES) = sum[r][v];
            if (partial) memcpy(out + row[r].out, edge, columns * sizeof(T));
        }
    }
}

#define OPERANDS                                                                                \
    T *out, const T *a, const T *b, const T *bias, const contract_t *n, const block_t *block,   \
        const gemm_row_t *row, int64_t tiles, const T *by_column
typedef void NAMED(gemm_t)(OPERANDS);

#define TILE(name, rows, vectors)                                                               \
    static void NAMED(name)(OPERANDS)                                                           \
    {                                                                                           \
        if (n->step_a == 1)                                                                     \
            NAMED(add_products)(out, a, b, bias, n, block, row, tiles, by_column, 1, rows, vectors); \
        else                                                                                    \
            NAMED(add_products)(out, a, b, bias, n, block, row, tiles, by_column, n->step_a, rows, \
                                vectors);                                                       \
    }
TILE(gemm_1x1, 1, 1) TILE(gemm_2x1, 2, 1) TILE(gemm_3x1, 3, 1)
TILE(gemm_4x1, 4, 1) TILE(gemm_5x1, 5, 1) TILE(gemm_6x1, 6, 1)
TILE(gemm_1x2, 1, 2) TILE(gemm_2x2, 2, 2) TILE(gemm_3x2, 3, 2)
TILE(gemm_4x2, 4, 2) TILE(gemm_5x2, 5, 2) TILE(gemm_6x2, 6, 2)
#undef TILE

static NAMED(gemm_t) *const NAMED(gemm)[2][GEMM_ROWS] = {
    {NAMED(gemm_1x1), NAMED(gemm_2x1), NAMED(gemm_3x1), NAMED(gemm_4x1), NAMED(gemm_5x1),
     NAMED(gemm_6x1)},
    {NAMED(gemm_1x2), NAMED(gemm_2x2), NAMED(gemm_3x2), NAMED(gemm_4x2), NAMED(gemm_5x2),
     NAMED(gemm_6x2)},
};

/* All rows of some columns, for a block of terms, in tiles that differ by a row at most. */
static void NAMED(contract_rows)(T *out, const T *a, const T *b, const T *bias, const contract_t *n,
                                 const block_t *block, const T *by_column)
{
    const int64_t tiles = (n->rows + GEMM_ROWS - 1) / GEMM_ROWS, rows = n->rows / tiles;
    const int64_t taller = n->rows % tiles;
    NAMED(gemm_t) *const *gemm = NAMED(gemm)[block->columns > LANES];
    if (taller) gemm[rows](out, a, b, bias, n, block, n->row, taller, by_column);
    gemm[rows - 1](out, a, b, bias, n, block, n->row + taller * (rows + 1), tiles - taller,
                   by_column);
}

/* The terms of a block for some tiles of columns, in the order of the runs; columns that miss are
 * zeros. */
static void NAMED(pack)(T *packed, const T *b, const block_t *block, int64_t step_b, int64_t columns,
                        int64_t size)
{
    for (const run_t *run = block->run; run < block->end; run++) {
        const T *from = b + run->b;
        for (int64_t t = 0; t < run->n; t++, from += step_b, packed += WIDTH) {
            T *to = packed;
            int64_t c = 0;
            for (; c + WIDTH <= columns; c += WIDTH, to += size) {
                *(VEC *)to = *(const VEC *)(from + c);
                *(VEC *)(to + LANES) = *(const VEC *)(from + c + LANES);
            }
            if (c < columns)
                for (int64_t i = 0; i < WIDTH; i++) to[i] = c + i < columns ? from[c + i] : 0;
        }
    }
}

/* Columns are taken a tile at a time from panels, and from elsewhere as many as a few terms leave room
 * for. */
static void NAMED(contract_columns)(T *out, const T *a, const T *b, const T *bias,
                                    const contract_t *n)
{
    T packed[BLOCK_TERMS * WIDTH], by_column[WIDTH];
    const int64_t most = n->panel_b ? 1 : n->most_tiles;
    for (int64_t left = 0; left < n->cols; left += most * WIDTH) {
        const int64_t columns = n->cols - left < most * WIDTH ? n->cols - left : most * WIDTH;
        for (int64_t i = 0; i < n->blocks; i++) {
            block_t block = {n->run + n->first_run[i], n->run + n->first_run[i + 1]};
            block.start = i ? FROM_OUT : n->bias_col ? FROM_COLUMNS : FROM_ROWS;
            block.last = i == n->blocks - 1;
            const T *terms = b + left / WIDTH * n->panel_b + block.run->b;
            const int64_t size = BLOCK_TERMS / most * WIDTH;
            if (!n->panel_b) {
                NAMED(pack)(packed, b + left, &block, n->step_b, columns, size);
                terms = packed;
            }
            for (int64_t col = 0; col < columns; col += WIDTH, terms += size) {
                block.columns = columns - col < WIDTH ? columns - col : WIDTH;
                if (block.start == FROM_COLUMNS)
                    for (int64_t c = 0; c < WIDTH; c++)
                        by_column[c] =
                            c < block.columns ? bias[(left + col + c) * n->bias_col] : 0;
                NAMED(contract_rows)(out + left + col, a, terms, bias, n, &block, by_column);
            }
        }
    }
}

/* Rows whose terms and sums stay in a near cache while one panel after the other comes to them. */
static void NAMED(contract)(T *out, const T *a, const T *b, const T *bias, const contract_t *n)
{
    if (n->col_a) {
        NAMED(taps_of_channels)(out, a, b, bias, n);
        return;
    }
    int64_t near = n->rows;
    if (n->panel_b) {
        near = ROWS_ITEMS / (n->cols + n->run->n);
        near = near < LEAST_ROWS ? LEAST_ROWS : near;
    }
    contract_t some = *n;
    for (int64_t left = n->rows; left; left -= some.rows, some.row += some.rows) {
        some.rows = left < near ? left : near;
        NAMED(contract_columns)(out, a, b, bias, &some);
    }
}

#undef OPERANDS
#undef POSITIVE
#undef VEC
#undef WIDTH
#undef LANES
#undef NAMED
#undef T
