/* Sums of neighbours of a row, a template: it is included once for each item type, with
 *     T         the item type,
 *     NAMED(f)  the name of f for this type.
 */

typedef T NAMED(row_vec) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias));

/* The statements for each item of a row, as vectors and one by one; V is the type of either. */
#define ALONG(n, ...)                                                              \
    do {                                                                           \
        int64_t j = 0;                                                             \
        {                                                                          \
            typedef NAMED(row_vec) V;                                              \
            const int64_t lanes = sizeof(V) / sizeof(T);                           \
            for (; j + lanes <= (n); j += lanes) { __VA_ARGS__ }                   \
        }                                                                          \
        {                                                                          \
            typedef T V;                                                           \
            for (; j < (n); j++) { __VA_ARGS__ }                                   \
        }                                                                          \
    } while (0)
#define GET(p) (*(const V *)((p) + j))
#define PUT(p) (*(V *)((p) + j))

/* Sums of kw items, tap apart, of a row; spare may be out. */
static void NAMED(along_row)(T *out, const T *row, T *spare, const T bias, const int64_t kw,
                             const int64_t tap, const int64_t cols)
{
    int64_t length = 1, bit = 1;
    const T *sums = row;
    while (2 * bit <= kw) bit *= 2;
    if (bit == 1) ALONG(cols, PUT(out) = GET(row) + bias;);
    while (bit > 1) {
        bit /= 2;
        const int odd = (kw & bit) != 0, last = bit == 1;
        const int64_t width = cols + (kw - 2 * length - odd) * tap;
        const T *next = sums + length * tap, *one = row + 2 * length * tap;
        T *to = last ? out : spare;
        const T offset = last ? bias : 0;
        if (odd) {
            ALONG(width, PUT(to) = GET(sums) + GET(next) + GET(one) + offset;);
        } else {
            ALONG(width, PUT(to) = GET(sums) + GET(next) + offset;);
        }
        length = 2 * length + odd;
        sums = to;
    }
}

