/* Sums and checks of whole arrays, a template: it is included once for each float type, with
 *     T        the item type,
 *     WHOLE    an integer as wide as an item,
 *     LARGEST  the largest one: all bits but that of the sign,
 *     LANES    items in a vector,
 *     NAME(f)  the name of f for this type.
 */

typedef T NAME(sum_vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef WHOLE NAME(bits_vec)
    __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
#define VEC NAME(sum_vec)
#define BITS_VEC NAME(bits_vec)
#define POSITIVE(sum) ((VEC)(~(BITS_VEC)((sum) < 0) & (BITS_VEC)(sum)))

/* Adds a bias to rows of sums; returns whether all are finite afterwards. */
static ALWAYS_INLINE int NAME(add_bias)(T *out, int64_t rows, int64_t row, int64_t cols, int64_t col,
                                        const T bias, const int relu)
{
    T zero = 0; /* unless a sum is not finite */
    VEC zeros = {0};
    for (int64_t r = 0; r < rows; r++) {
        T *item = out + r * row;
        int64_t c = 0;
        for (; col == 1 && c + LANES <= cols; c += LANES) {
            const VEC sum = *(VEC *)(item + c) + bias;
            *(VEC *)(item + c) = relu ? POSITIVE(sum) : sum;
            zeros += sum * 0;
        }
        for (; c < cols; c++) {
            const T sum = item[c * col] + bias;
            item[c * col] = relu && sum < 0 ? 0 : sum;
            zero += sum * 0;
        }
    }
    for (int lane = 0; lane < LANES; lane++) zero += zeros[lane];
    return zero == 0;
}

static int NAME(epilogue)(T *out, const T *bias, const sums_t *n)
{
    const int across = n->steps[2] == 1 ? 2 : 3, down = 5 - across;
    int finite = 1;
    for (int64_t channel = 0; channel < n->lengths[0]; channel++) {
        for (int64_t plane = 0; plane < n->lengths[1]; plane++) {
            T *to = out + channel * n->steps[0] + plane * n->steps[1];
            const T offset = bias[channel * n->bias];
            finite &= n->relu ? NAME(add_bias)(to, n->lengths[down], n->steps[down],
                                               n->lengths[across], n->steps[across], offset, 1)
                              : NAME(add_bias)(to, n->lengths[down], n->steps[down],
                                               n->lengths[across], n->steps[across], offset, 0);
        }
    }
    return finite;
}

static void NAME(accumulate_axes)(T *out, const T *x, const range_t *n, int axis)
{
    const int64_t length = n->axis[axis].length, step = n->axis[axis].step, other = n->axis[axis].other;
    int64_t i = 0;
    if (axis < n->axes - 1) {
        for (; i < length; i++) NAME(accumulate_axes)(out + i * step, x + i * other, n, axis + 1);
        return;
    }
    for (; step == 1 && other == 1 && i + LANES <= length; i += LANES)
        *(VEC *)(out + i) += *(const VEC *)(x + i);
    for (; i < length; i++) out[i * step] += x[i * other];
}

static void NAME(accumulate)(T *out, const T *x, const range_t *n)
{
    NAME(accumulate_axes)(out, x, n, 0);
}

/* The bits of the largest magnitude in `down` rows of a block.  Bits have the order of magnitudes, with
 * infinity above all numbers and NaN above infinity. */
static ALWAYS_INLINE WHOLE NAME(largest_of_block)(const T *x, int64_t down, int64_t row, int64_t across,
                                                  int64_t col)
{
    BITS_VEC largest[SAMPLE_BLOCK / LANES] = {{0}};
    WHOLE most = 0;
    if (col == 1 && across == SAMPLE_BLOCK) {
        for (; down > 0; down--, x += row) {
            UNROLL
            for (int v = 0; v < SAMPLE_BLOCK / LANES; v++) {
                const BITS_VEC bits = *(const BITS_VEC *)(x + v * LANES) & LARGEST;
                const BITS_VEC more = (BITS_VEC)(bits > largest[v]);
                largest[v] = (bits & more) | (largest[v] & ~more);
            }
        }
        for (int i = 0; i < SAMPLE_BLOCK; i++)
            if (largest[i / LANES][i % LANES] > most) most = largest[i / LANES][i % LANES];
    }
    for (; down > 0; down--, x += row) {
        for (int64_t i = 0; i < across; i++) {
            WHOLE bits;
            memcpy(&bits, x + i * col, sizeof bits);
            bits &= LARGEST;
            if (bits > most) most = bits;
        }
    }
    return most;
}

/* The largest magnitude of all blocks and the smallest one of a nonzero block, as bits; and whether any
 * block is zero. */
typedef struct {
    WHOLE most, least;
    int zeros;
} NAME(magnitudes_t);

/* Updates these for all blocks of the axes from `axis` on; returns whether samples are finite. */
static int NAME(measure)(const T *x, const range_t *n, int axis, NAME(magnitudes_t) *found)
{
    if (axis < n->axes - 2) {
        for (int64_t i = 0; i < n->axis[axis].length; i++)
            if (!NAME(measure)(x + i * n->axis[axis].step, n, axis + 1, found)) return 0;
        return 1;
    }
    const int across = n->axis[axis].step == 1 ? axis : axis + 1, down = 2 * axis + 1 - across;
    const int64_t rows = n->axis[down].length, row = n->axis[down].step;
    const int64_t cols = n->axis[across].length, col = n->axis[across].step;
    const T infinity = INFINITY;
    WHOLE infinite;
    memcpy(&infinite, &infinity, sizeof infinite);
    for (int64_t top = 0; top < rows; top += SAMPLE_BLOCK) {
        const int64_t tall = rows - top < SAMPLE_BLOCK ? rows - top : SAMPLE_BLOCK;
        for (int64_t left = 0; left < cols; left += SAMPLE_BLOCK) {
            const int64_t wide = cols - left < SAMPLE_BLOCK ? cols - left : SAMPLE_BLOCK;
            const WHOLE most =
                NAME(largest_of_block)(x + top * row + left * col, tall, row, wide, col);
            if (most >= infinite) return 0;
            if (most > found->most) found->most = most;
            if (most == 0) found->zeros = 1;
            else if (most < found->least) found->least = most;
        }
    }
    return 1;
}

static int NAME(in_range)(const T *x, const range_t *n)
{
    const T infinity = INFINITY;
    NAME(magnitudes_t) found = {0};
    T most, least;
    memcpy(&found.least, &infinity, sizeof infinity);
    if (!NAME(measure)(x, n, 0, &found)) return 0;
    memcpy(&most, &found.most, sizeof most);
    memcpy(&least, &found.least, sizeof least);
    return n->limit == INFINITY || ((!found.zeros || most <= n->limit * n->limit) && least >= most / n->limit);
}

#undef T
#undef WHOLE
#undef LARGEST
#undef LANES
#undef NAME
#undef VEC
#undef BITS_VEC
#undef POSITIVE
