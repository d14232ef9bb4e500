/* Kernels of one row of taps, where only neighbouring outputs share samples: a part of correlate.h. */

#if FROZEN && LANES > 1
/* The vector that begins some items after a, which is followed by b. */
static ALWAYS_INLINE VEC NAME(shifted)(VEC a, VEC b, const int by)
{
    switch (by) {
    case 0: return a;
    case 1: return PICK(a, b, FROM(1));
#if LANES > 2
    case 2: return PICK(a, b, FROM(2));
    case 3: return PICK(a, b, FROM(3));
#endif
#if LANES > 4
    case 4: return PICK(a, b, FROM(4));
    case 5: return PICK(a, b, FROM(5));
    case 6: return PICK(a, b, FROM(6));
    case 7: return PICK(a, b, FROM(7));
#endif
#if LANES > 8
    case 8: return PICK(a, b, FROM(8));
#endif
    default: return b;
    }
}

/* A vector of outputs of one row of taps, in the order of add_row.  The samples of some taps are loaded,
 * and those of the others are shuffled from two loaded vectors. */
static ALWAYS_INLINE VEC NAME(few)(const T *x, const VEC *weight, const T bias, const int taps,
                                   const int alone)
{
    const VEC zero = {0};
    const VEC a = *(const VEC *)x, b = alone ? a : *(const VEC *)(x + LANES);
    VEC sum = zero + bias;
    UNROLL
    for (int phase = 0; phase < PHASES; phase++) {
        UNROLL
        for (int tap = phase; tap < taps; tap += PHASES)
            sum += weight[tap] * (alone || (LANES > 4 && tap % 4 == 2) ? *(const VEC *)(x + tap)
                                                                     : NAME(shifted)(a, b, tap));
    }
    return sum;
}

/* A slab with one plane and one row of a few taps, the last of them at most a vector from the first.  If
 * its vectors of samples were loaded one by one, most of them would straddle two cache lines. */
static ALWAYS_INLINE void NAME(slab_few)(OPERANDS, const int taps)
{
    const VEC zero = {0};
    VEC weight[MOST_FEW];
    UNROLL
    for (int tap = 0; tap < taps; tap++) {
        weight[tap] = zero + w[planes[1] + tap];
        LOADED_ONCE(weight[tap]);
    }
    const int64_t cols = n->cols, pairs = cols + taps - 2 * LANES;
    for (int64_t row = 0; row < n->rows; row++) {
        const T *from = x + planes[0] + row * n->row_x;
        T *to = out + row * n->row_out;
        int64_t col = 0;
        for (; col < pairs; col += LANES) {
            const VEC sum = NAME(few)(from + col, weight, bias, taps, 0);
            *(VEC *)(to + col) = n->relu ? POSITIVE(sum) : sum;
        }
        for (; col < cols; col += LANES) {
            const int64_t left = col + LANES <= cols ? col : cols - LANES;
            const VEC sum = NAME(few)(from + left, weight, bias, taps, 1);
            *(VEC *)(to + left) = n->relu ? POSITIVE(sum) : sum;
        }
    }
}

#define FEW(taps) \
    static void NAME(slab_few_##taps)(OPERANDS) { NAME(slab_few)(out, x, w, bias, planes, n, taps); }
FEW(3)
#if LANES >= 4
FEW(5)
#endif
#if LANES >= 8
FEW(7)
FEW(9)
#endif
#undef FEW
#endif

#if FROZEN
/* A few taps, each a vector away from the next: all use the same vector of samples. */
static ALWAYS_INLINE void NAME(add_shared)(VEC sum[MOST_VECTORS], const T *x, const T *w,
                                           const int64_t step_w, const int taps)
{
    const VEC zero = {0};
    VEC weight[4];
    UNROLL
    for (int tap = 0; tap < taps; tap++) {
        weight[tap] = zero + w[tap * step_w];
        LOADED_ONCE(weight[tap]);
    }
    UNROLL
    for (int place = 0; place < MOST_VECTORS + taps - 1; place++) {
        VEC sample = *(const VEC *)(x + place * LANES);
        LOADED_ONCE(sample);
        UNROLL
        for (int tap = 0; tap < taps; tap++) {
            const int v = place - tap;
            if (v >= 0 && v < MOST_VECTORS) sum[v] += sample * weight[tap];
        }
    }
}

/* Any number of them. */
static ALWAYS_INLINE void NAME(add_phase)(VEC sum[MOST_VECTORS], const T *x, const T *w,
                                          const int64_t step_w, int64_t taps)
{
    for (; taps >= 4; taps -= 4, x += 4 * LANES, w += 4 * step_w)
        NAME(add_shared)(sum, x, w, step_w, 4);
    if (taps == 3) NAME(add_shared)(sum, x, w, step_w, 3);
    if (taps == 2) NAME(add_shared)(sum, x, w, step_w, 2);
    if (taps == 1) NAME(add_shared)(sum, x, w, step_w, 1);
}

/* Like flat_wide, for one row of more than a vector of contiguous taps. */
static int64_t NAME(shared_wide)(OPERANDS, int64_t col)
{
    const VEC zero = {0};
    const int64_t taps = n->kw / PHASES, more = n->kw % PHASES, step_w = n->tap_col_w;
    for (; col + MOST_VECTORS * LANES <= n->cols; col += MOST_VECTORS * LANES) {
        VEC sum[MOST_VECTORS];
        UNROLL
        for (int v = 0; v < MOST_VECTORS; v++) sum[v] = zero + bias;
        for (int64_t p = 0; p < n->n_planes; p++) {
            const T *xp = x + col + planes[2 * p];
            const T *wp = w + planes[2 * p + 1];
            for (int64_t phase = 0; phase < PHASES; phase++, xp++, wp += step_w)
                NAME(add_phase)(sum, xp, wp, PHASES * step_w, taps + (phase < more));
        }
        if (n->relu) {
            UNROLL
            for (int v = 0; v < MOST_VECTORS; v++) sum[v] = POSITIVE(sum[v]);
        }
        UNROLL
        for (int v = 0; v < MOST_VECTORS; v++) *(VEC *)(out + col + v * LANES) = sum[v];
    }
    return col;
}
#endif
