/* Sums on their last step: a bias is added, and what is not finite is noticed.  To be included after
 * tiles.h, a template for each float type, with
 *     T        the item type,
 *     LANES    items in a vector,
 *     NAME(f)  the name of f for this type.
 */

#if VECTOR_BYTES
typedef T NAME(items) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
#endif

/* Rows of items, some steps apart; whether all are finite afterwards. */
static int NAME(finish)(T *out, int64_t rows, int64_t row, int64_t cols, int64_t col, const T bias)
{
    T zero = 0; /* unless a sum is not finite */
#if VECTOR_BYTES
    NAME(items) zeros = {0};
#endif
    for (int64_t r = 0; r < rows; r++) {
        T *item = out + r * row;
        int64_t c = 0;
#if VECTOR_BYTES
        for (; col == 1 && c + LANES <= cols; c += LANES) {
            const NAME(items) sum = *(NAME(items) *)(item + c) + bias;
            *(NAME(items) *)(item + c) = sum;
            zeros += sum * 0;
        }
#endif
        for (; c < cols; c++) {
            item[c * col] += bias;
            zero += item[c * col] * 0;
        }
    }
#if VECTOR_BYTES
    for (int lane = 0; lane < LANES; lane++) zero += ((const T *)&zeros)[lane];
#endif
    return zero == 0;
}

#undef T
#undef LANES
#undef NAME
