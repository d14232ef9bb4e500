/* The register tile of the compiled backend, a template: it is included once for each item type
 * and vector width, with
 *     T       the item type,
 *     LANES   items in a vector; with 1, columns may be any steps apart, else outputs
 *             are neighbours and samples are, too, or two apart,
 *     NAME(f) the name of f for this type and width,
 *     NARROW  items in a vector of 16 bytes,
 *     PHASES  items in the widest vector of the type,
 *     FROZEN  1 to compile columns and small squares on their own, with loops over taps unrolled.
 *
 * A tile is a few rows by a few vectors of outputs whose sums stay in registers.  Where rows of
 * outputs are as far apart as rows of taps, a vector that was loaded once serves every output row
 * that its samples reach.  Where taps are one row, those that are a whole vector apart share what they
 * load.  Each output is summed over planes, then rows of taps, then columns of taps (of a single row along
 * the last axis in phases), whatever tile it falls into: its bits do not depend on where it stands.
 */

#if LANES > 1
typedef T NAME(vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef __typeof__((NAME(vec)){0} < (NAME(vec)){0}) NAME(mask);
#define POSITIVE(sum) ((NAME(vec))(~(NAME(mask))((sum) < 0) & (NAME(mask))(sum)))
#if NARROW == 4
typedef int32_t NAME(places) __attribute__((vector_size(LANES * sizeof(T))));
#else
typedef int64_t NAME(places) __attribute__((vector_size(LANES * sizeof(T))));
#endif
#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (NAME(places)){__VA_ARGS__})
#endif
/* Every second item from x on, up to the last one and no further, as one instruction picks them from
 * two vectors; ORDERED brings sums of them in order. */
#if LANES == 2
#define EVENS 0, 3
#define ORDER 0, 1
#elif LANES == 4 && NARROW == 4
#define EVENS 0, 2, 5, 7
#define ORDER 0, 1, 2, 3
#elif LANES == 4
#define EVENS 0, 5, 2, 7
#define ORDER 0, 2, 1, 3
#elif LANES == 8 && NARROW == 4
#define EVENS 0, 2, 9, 11, 4, 6, 13, 15
#define ORDER 0, 1, 4, 5, 2, 3, 6, 7
#elif LANES == 8
#define EVENS 0, 9, 2, 11, 4, 13, 6, 15
#define ORDER 0, 2, 4, 6, 1, 3, 5, 7
#else
#define EVENS 0, 2, 17, 19, 4, 6, 21, 23, 8, 10, 25, 27, 12, 14, 29, 31
#define ORDER 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15
#endif
/* The places of neighbours. */
#if LANES == 2
#define FROM(k) (k), (k) + 1
#elif LANES == 4
#define FROM(k) (k), (k) + 1, (k) + 2, (k) + 3
#elif LANES == 8
#define FROM(k) (k), (k) + 1, (k) + 2, (k) + 3, (k) + 4, (k) + 5, (k) + 6, (k) + 7
#elif LANES == 16
#define FROM(k) \
    (k), (k) + 1, (k) + 2, (k) + 3, (k) + 4, (k) + 5, (k) + 6, (k) + 7, (k) + 8, (k) + 9, (k) + 10, \
        (k) + 11, (k) + 12, (k) + 13, (k) + 14, (k) + 15
#endif
#define EVERY_SECOND(x) PICK(*(const NAME(vec) *)(x), *(const NAME(vec) *)((x) + LANES - 1), EVENS)
#define ORDERED(sum) PICK(sum, sum, ORDER)
#else
typedef T NAME(vec);
#define POSITIVE(sum) ((sum) < 0 ? 0 : (sum))
#define EVERY_SECOND(x) *(x)
#define ORDERED(sum) (sum)
#endif
#define VEC NAME(vec)
/* sum += sample * weight, in the register of the sum.  Where sums fill 16 registers, compilers take that
 * of a sample instead, and move or spill sums in every turn of a loop. */
#if defined(__FMA__) && VECTOR_BYTES == 32 && LANES > NARROW && NARROW == 4
#define MULTIPLY_ADD(sum, sample, weight) \
    __asm__("vfmadd231ps %1, %2, %0" : "+v"(sum) : "v"(sample), "v"(weight))
#elif defined(__FMA__) && VECTOR_BYTES == 32 && LANES > NARROW
#define MULTIPLY_ADD(sum, sample, weight) \
    __asm__("vfmadd231pd %1, %2, %0" : "+v"(sum) : "v"(sample), "v"(weight))
#else
#define MULTIPLY_ADD(sum, sample, weight) (sum) += (sample) * (weight)
#endif
#define COL_OUT (LANES > 1 ? 1 : n->col_out)
#define OPERANDS                                                                       \
    T *out, const T *x, const T *w, const T bias, const int64_t *planes, const nest_t *n

/* A vector of samples that are neighbours or two apart. */
static ALWAYS_INLINE VEC NAME(samples)(const T *x, const int apart)
{
    return apart == 2 ? EVERY_SECOND(x) : *(const VEC *)x;
}

/* One tap of one row of samples, for the output rows first to last - 1, which it reaches with different
 * rows of taps, row_w apart: w is that for output row 0. */
static ALWAYS_INLINE void NAME(add_tap)(VEC sum[MOST_ROWS][MOST_VECTORS], const T *x, const T *w,
                                        const int64_t row_w, const int64_t col_x, const int first,
                                        const int last, const int vectors, const int apart)
{
    const VEC zero = {0};
    VEC sample[MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        sample[v] = NAME(samples)(x + v * LANES * (LANES > 1 ? apart : col_x), apart);
        if (LANES > 1 && last - first > 1) LOADED_ONCE(sample[v]);
    }
    UNROLL
    for (int r = first; r < last; r++) {
        const VEC weight = w[-r * row_w] - zero;
        UNROLL
        for (int v = 0; v < vectors; v++) {
            if (vectors == VECTORS) MULTIPLY_ADD(sum[r][v], sample[v], weight);
            else sum[r][v] += sample[v] * weight;
        }
    }
}

/* Some taps of one row of samples. */
static ALWAYS_INLINE void NAME(add_taps)(VEC sum[MOST_ROWS][MOST_VECTORS], const T *x, const T *w,
                                         const nest_t *n, const int64_t taps, const int64_t step_x,
                                         const int64_t step_w, const int first, const int last,
                                         const int vectors, const int apart)
{
    for (int64_t tap = 0; tap < taps; tap++, x += step_x, w += step_w)
        NAME(add_tap)(sum, x, w, n->tap_row_w, n->col_x, first, last, vectors, apart);
}

/* All taps of one row, every phases-th one before those beside them. */
static ALWAYS_INLINE void NAME(add_row)(VEC sum[MOST_ROWS][MOST_VECTORS], const T *x, const T *w,
                                        const nest_t *n, const int64_t kw, const int64_t step_x,
                                        const int64_t step_w, const int64_t phases,
                                        const int first, const int last, const int vectors,
                                        const int apart)
{
    for (int64_t phase = 0; phase < phases; phase++)
        NAME(add_taps)(sum, x + phase * step_x, w + phase * step_w, n,
                       (kw - phase + phases - 1) / phases, phases * step_x, phases * step_w,
                       first, last, vectors, apart);
}

/* All taps of one row of a square of side x side weights that lie together. */
static ALWAYS_INLINE void NAME(add_side)(VEC sum[MOST_ROWS][MOST_VECTORS], const T *x, const T *w,
                                         const int64_t step_x, const int side, const int first,
                                         const int last, const int vectors)
{
    ANEW(w);
    UNROLL
    for (int tap = 0; tap < side; tap++, x += step_x)
        NAME(add_tap)(sum, x, w + tap, side, 1, first, last, vectors, 1);
}

#define ADD_ROW(first, last)                                                      \
    do {                                                                          \
        if (side) NAME(add_side)(sum, xr, wr, step_x, side, first, last, vectors); \
        else NAME(add_row)(sum, xr, wr, n, kw, step_x, step_w, phases, first, last, vectors, \
                           apart);                                                \
        xr += n->tap_row_x;                                                       \
        wr += n->tap_row_w;                                                       \
    } while (0)

/* One tile of 1, 2 or 4 rows, several of them for several rows of taps.  Sample rows reach the output
 * rows one after the other, stay for as long as there are taps, and leave them in the same order. */
static ALWAYS_INLINE void NAME(tile)(OPERANDS, const int64_t kh, const int64_t kw,
                                     const int64_t step_x, const int64_t step_w, const int rows,
                                     const int vectors, const int apart, const int side)
{
    const VEC zero = {0};
    const int64_t phases = rows == 1 && kh == 1 && kw > PHASES && n->last_axis ? PHASES : 1;
    VEC sum[MOST_ROWS][MOST_VECTORS];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) sum[r][v] = bias - zero;
    }
    for (int64_t p = 0; p < n->n_planes; p++) {
        const T *xr = x + planes[2 * p];
        const T *wr = w + planes[2 * p + 1];
        if (side) {
            UNROLL
            for (int row = 0; row < side + rows - 1; row++)
                ADD_ROW(row < side ? 0 : row - side + 1, row < rows ? row + 1 : rows);
        } else if (rows == 1) {
            for (int64_t row = 0; row < kh; row++) ADD_ROW(0, 1);
        } else if (rows == 2) {
            ADD_ROW(0, 1);
            for (int64_t row = 1; row < kh; row++) ADD_ROW(0, 2);
            ADD_ROW(1, 2);
        } else if (kh == 2) {
            ADD_ROW(0, 1); ADD_ROW(0, 2); ADD_ROW(1, 3); ADD_ROW(2, 4); ADD_ROW(3, 4);
        } else {
            ADD_ROW(0, 1); ADD_ROW(0, 2); ADD_ROW(0, 3);
            for (int64_t row = 3; row < kh; row++) ADD_ROW(0, 4);
            ADD_ROW(1, 4); ADD_ROW(2, 4); ADD_ROW(3, 4);
        }
    }
    if (n->relu) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = POSITIVE(sum[r][v]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            *(VEC *)(out + r * n->row_out + v * LANES * COL_OUT) =
                apart == 2 ? ORDERED(sum[r][v]) : sum[r][v];
    }
}

#undef ADD_ROW

/* A function that lays tiles side by side, from column col on, and returns where it ended. */
#define LAY(name, kh, kw, step_x, step_w, rows, vectors, apart)                              \
    LAY_ALL(name, kh, kw, step_x, step_w, rows, vectors, apart, 0)
#define LAY_SQUARE(name, side) LAY_ALL(name, side, side, n->tap_col_x, 1, 4, VECTORS, 1, side)
#define LAY_ALL(name, kh, kw, step_x, step_w, rows, vectors, apart, side)                    \
    static int64_t NAME(name)(OPERANDS, int64_t col)                                         \
    {                                                                                        \
        const volatile T start = 0 + bias; /* read for each tile: sums need the register */   \
        for (; col + vectors * LANES <= n->cols; col += vectors * LANES)                     \
            NAME(tile)(out + col * COL_OUT, x + col * n->col_x, w, start, planes, n, kh, kw,    \
                       step_x, step_w, rows, vectors, apart, side);                          \
        return col;                                                                          \
    }

/* At least 3, where compilers are to see it: they would bring forward what 2 rows of taps have in common
 * with more, and run out of registers. */
#define MANY(kh) ((kh) < 3 ? 3 : (kh))

LAY(flat_wide, n->kh, n->kw, n->tap_col_x, n->tap_col_w, 1, MOST_VECTORS, 1)
LAY(flat_few, n->kh, n->kw, n->tap_col_x, n->tap_col_w, 1, VECTORS, 1)
LAY(flat, n->kh, n->kw, n->tap_col_x, n->tap_col_w, 1, 1, 1)
LAY(double_wide, 2, n->kw, n->tap_col_x, n->tap_col_w, 4, VECTORS, 1)
LAY(double, 2, n->kw, n->tap_col_x, n->tap_col_w, 4, 1, 1)
LAY(tall_wide, MANY(n->kh), n->kw, n->tap_col_x, n->tap_col_w, 4, VECTORS, 1)
LAY(tall, MANY(n->kh), n->kw, n->tap_col_x, n->tap_col_w, 4, 1, 1)
#if LANES > 1
LAY(apart_wide, n->kh, n->kw, n->tap_col_x, n->tap_col_w, 1, MOST_VECTORS, 2)
LAY(apart_few, n->kh, n->kw, n->tap_col_x, n->tap_col_w, 1, VECTORS, 2)
LAY(apart, n->kh, n->kw, n->tap_col_x, n->tap_col_w, 1, 1, 2)
#endif
#if FROZEN
LAY(column_wide, MANY(n->kh), 1, 0, 0, 4, VECTORS, 1)
#if SQUARES
LAY_SQUARE(wide_5x5, 5)
LAY_SQUARE(wide_7x7, 7)
#endif
LAY(lone_wide, 1, 1, 0, 0, 1, MOST_VECTORS, 1)
LAY(lone, 1, 1, 0, 0, 1, 1, 1)
/* Two rows at a time, for 3x3 waits for memory: the ten lines of four would evict each other from a
 * cache of eight ways where rows are a power of two long. */
LAY(wide_3x3, 3, 3, 1, 1, 2, 4, 1)
LAY(one_3x3, 3, 3, 1, 1, 2, 1, 1)
#endif

#if LANES > 1
/* A slab with one plane of 3x3 taps: three rows by one or two vectors, so that weights and sums stay in
 * registers.  A second vector begins `second` items after the first. */
static ALWAYS_INLINE void NAME(slab_3x3)(OPERANDS, const int vectors, const int64_t second,
                                         const int apart)
{
    const VEC zero = {0};
    VEC weight[3][3];
    UNROLL
    for (int r = 0; r < 3; r++) {
        UNROLL
        for (int c = 0; c < 3; c++) {
            weight[r][c] = zero + w[planes[1] + r * n->tap_row_w + c];
            LOADED_ONCE(weight[r][c]);
        }
    }
    const int64_t rows = n->rows, cols = n->cols, row_x = n->tap_row_x, row_out = n->row_out;
    const int64_t width = LANES + second;
    for (int64_t below = 0; below < rows; below += 3) {
        const int64_t top = below + 3 <= rows ? below : rows - 3;
        const T *line = x + planes[0] + top * n->row_x;
        for (int64_t next = 0; next < cols; next += width) {
            const int64_t left = next + width <= cols ? next : cols - width;
            const T *from = line + left * apart;
            T *to = out + top * row_out + left;
            VEC sum[3][2];
            UNROLL
            for (int r = 0; r < 3; r++) {
                UNROLL
                for (int v = 0; v < vectors; v++) sum[r][v] = zero + bias;
            }
            UNROLL
            for (int row = 0; row < 2 * apart + 3; row++, from += row_x) {
                UNROLL
                for (int c = 0; c < 3; c++) {
                    UNROLL
                    for (int v = 0; v < vectors; v++) {
                        VEC sample = NAME(samples)(from + c + v * second * apart, apart);
                        LOADED_ONCE(sample);
                        UNROLL
                        for (int r = 0; r < 3; r++) {
                            const int tap = row - r * apart;
                            if (tap >= 0 && tap < 3) sum[r][v] += sample * weight[tap][c];
                        }
                    }
                }
            }
            if (n->relu) {
                UNROLL
                for (int r = 0; r < 3; r++) {
                    UNROLL
                    for (int v = 0; v < vectors; v++) sum[r][v] = POSITIVE(sum[r][v]);
                }
            }
            UNROLL
            for (int r = 0; r < 3; r++, to += row_out) {
                UNROLL
                for (int v = 0; v < vectors; v++)
                    *(VEC *)(to + v * second) = apart == 2 ? ORDERED(sum[r][v]) : sum[r][v];
            }
        }
    }
}

static void NAME(slab_3x3_near)(OPERANDS)
{
    if (n->cols >= 2 * LANES) NAME(slab_3x3)(out, x, w, bias, planes, n, 2, LANES, 1);
    else NAME(slab_3x3)(out, x, w, bias, planes, n, 2, n->cols - LANES, 1);
}

static void NAME(slab_3x3_apart)(OPERANDS)
{
    NAME(slab_3x3)(out, x, w, bias, planes, n, 1, 0, 2);
}
#endif

#undef LAY
#undef LAY_SQUARE
#undef LAY_ALL
#undef MANY

#include "row_filter.h"
#if HALVED
#include "symmetric.h"
#endif

/* All rows and columns of a slab of at least LANES columns.  The last tiles of a row and of a column
 * reach back over outputs that are already right, and write the same again.  Where rows of samples
 * serve several tiles, the slab is worked on in blocks of columns that stay near. */
static void NAME(slab)(OPERANDS)
{
#if HALVED
    const T parity = n->n_planes == 1 ? NAME(parity)(w + planes[1], n) : 0;
    if (parity < 0 || (parity > 0 && n->kh * n->kw <= MOST_SHORT)) {
        NAME(slab_halves)(out, x, w, bias, planes, n, parity);
        return;
    }
#endif
    const int few = n->cols < MOST_VECTORS * LANES;
    int64_t (*wide)(OPERANDS, int64_t) = few ? NAME(flat_few) : NAME(flat_wide);
    int64_t (*one)(OPERANDS, int64_t) = NAME(flat);
    void (*whole)(OPERANDS) = NULL;
#if LANES > 1
    const int square = n->kh == 3 && n->kw == 3 && n->tap_col_x == 1 && n->tap_col_w == 1;
#endif
    int64_t rows = 1, block = n->cols;
#if FROZEN
    const int phased = n->kh == 1 && n->kw > PHASES && n->last_axis;
    if (phased && n->tap_col_x == 1) wide = NAME(shared_wide);
#endif
    if (n->rows >= 4 && n->kh > 1 && n->row_x == n->tap_row_x) {
        rows = 4;
        wide = n->kh == 2 ? NAME(double_wide) : NAME(tall_wide);
        one = n->kh == 2 ? NAME(double) : NAME(tall);
    }
#if FROZEN
    if (rows == 4 && n->kh > 2 && n->kw == 1) {
        wide = NAME(column_wide);
    } else if (rows == 4 && square) {
        rows = 2;
        wide = NAME(wide_3x3);
        one = NAME(one_3x3);
    } else if (n->kh == 1 && n->kw == 1) {
        wide = NAME(lone_wide);
        one = NAME(lone);
    }
#if SQUARES
    if (rows == 4 && n->kh == n->kw && n->tap_col_w == 1 && n->tap_row_w == n->kw) {
        if (n->kw == 5) wide = NAME(wide_5x5);
        if (n->kw == 7) wide = NAME(wide_7x7);
    }
#endif
#endif
#if LANES > 1
    if (n->col_x == 2) {
        rows = 1;
        wide = few ? NAME(apart_few) : NAME(apart_wide);
        one = NAME(apart);
    }
    if (square && n->n_planes == 1 && n->rows >= 3 && n->row_x == n->col_x * n->tap_row_x) {
        rows = 3;
        whole = n->col_x == 1 ? NAME(slab_3x3_near) : NAME(slab_3x3_apart);
    }
#if FROZEN
    if (n->kh == 1 && n->n_planes == 1 && n->tap_col_x == 1 && n->tap_col_w == 1 && n->col_x == 1
        && (phased || n->kw <= PHASES)) {
        if (n->kw == 3) whole = NAME(slab_few_3);
#if LANES >= 4
        if (n->kw == 5) whole = NAME(slab_few_5);
#endif
#if LANES >= 8
        if (n->kw == 7) whole = NAME(slab_few_7);
        if (n->kw == 9) whole = NAME(slab_few_9);
#endif
    }
#endif
#endif
    if (rows > 1) {
        const int64_t width = 12 * LANES;
        block = NEAR / (int64_t)sizeof(T) / (n->kh + rows) / width * width;
        if (block < width) block = width;
    }
    for (int64_t left = 0; left < n->cols; left += block) {
        nest_t part = *n;
        if (n->cols - left >= 2 * block) part.cols = block;
        else part.cols = block = n->cols - left;
        if (whole) {
            whole(out + left * COL_OUT, x + left * n->col_x, w, bias, planes, &part);
            continue;
        }
        for (int64_t row = 0; row < n->rows; row += rows) {
            if (row + rows > n->rows) row = n->rows - rows;
            T *o = out + row * n->row_out + left * COL_OUT;
            const T *xr = x + row * n->row_x + left * n->col_x;
            int64_t col = wide(o, xr, w, bias, planes, &part, 0);
            col = one(o, xr, w, bias, planes, &part, col);
            if (col < part.cols) one(o, xr, w, bias, planes, &part, part.cols - LANES);
        }
    }
}

#undef POSITIVE
#undef PICK
#undef EVERY_SECOND
#undef ORDERED
#undef EVENS
#undef FROM
#undef ORDER
#undef VEC
#undef MULTIPLY_ADD
#undef COL_OUT
#undef OPERANDS
#undef LANES
#undef NAME
#undef FROZEN
