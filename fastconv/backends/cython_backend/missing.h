/* Missing samples: replace them by zeros, deduct their weights from shares, and divide sums by shares.
 * `DROP`, `DEDUCT`, `DIVIDE` and `BELOW` define the functions for item type T, in vectors V
 * of LANES, with integers B of the same size and bytes K.
 */

#include "convert.h"
#include "sums_types.h"

#include <math.h>

#define MISSING_BLOCK 64 /* samples, a multiple of every vector */

/* The number of ones among MISSING_BLOCK bytes, zeros and ones. */
INLINE int count_ones(const uint8_t *bytes)
{
    uint64_t total = 0, word;
    UNROLL for (int i = 0; i < MISSING_BLOCK; i += 8) {
        memcpy(&word, bytes + i, 8);
        total += word;
    }
    return (int)((total * UINT64_C(0x0101010101010101)) >> 56);
}

/* Eight bytes, zeros and ones: a bit for each zero, at eight times its place. */
INLINE uint64_t gaps_of(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word ^ UINT64_C(0x0101010101010101);
}

/* Whether all bits of a vector are one. */
INLINE int all_ones(const void *vector)
{
    uint64_t all = UINT64_MAX, word;
    UNROLL for (int i = 0; i < VECTOR_BYTES; i += 8) {
        memcpy(&word, (const char *)vector + i, 8);
        all &= word;
    }
    return all == UINT64_MAX;
}

/* Bytes, zeros and ones, as masks of items, and masks as bytes: two of 32 bits, or one of 64. */
INLINE wi wide_masks(const uint8_t *bytes)
{
    nq pairs;
    UNROLL for (int i = 0; i < N; i++) {
        uint16_t pair;
        memcpy(&pair, bytes + 2 * i, 2);
        pairs[i] = pair;
    }
    return -BITS(wi, (pairs | pairs << 24) & INT64_C(0x0000000100000001));
}
INLINE void wide_bytes(uint8_t *bytes, wi masks)
{
    const nq ones = BITS(nq, masks) & INT64_C(0x0000000100000001), pairs = ones | ones >> 24;
    UNROLL for (int i = 0; i < N; i++) {
        const uint16_t pair = (uint16_t)pairs[i];
        memcpy(bytes + 2 * i, &pair, 2);
    }
}
INLINE nq narrow_masks(const uint8_t *bytes)
{
    nq masks;
    UNROLL for (int i = 0; i < N; i++) masks[i] = -(int64_t)bytes[i];
    return masks;
}
INLINE void narrow_bytes(uint8_t *bytes, nq masks)
{
    UNROLL for (int i = 0; i < N; i++) bytes[i] = masks[i] & 1;
}

#define DROP(T, V, B, LANES, MASKS, BYTES)                                             \
    static int64_t drop_##T(T *x, uint8_t *valid, int nan, int told, int64_t n)        \
    {                                                                                  \
        const B keeps = (B){0} + (nan ? 0 : -1);                                       \
        int64_t i = 0, missing = 0;                                                    \
        for (; i + MISSING_BLOCK <= n; i += MISSING_BLOCK) {                           \
            B kept = (B){0} - 1;                                                       \
            UNROLL for (int64_t at = i; at < i + MISSING_BLOCK; at += LANES) {         \
                const V sample = *(const V *)(x + at);                                 \
                kept &= BITS(B, sample == sample) | keeps;                             \
            }                                                                          \
            if (!told) memset(valid + i, 1, MISSING_BLOCK);                            \
            if (all_ones(&kept) && count_ones(valid + i) == MISSING_BLOCK) continue;   \
            UNROLL for (int64_t at = i; at < i + MISSING_BLOCK; at += LANES) {         \
                const V sample = *(const V *)(x + at);                                 \
                B stays = BITS(B, sample == sample) | keeps;                           \
                if (told) stays &= MASKS(valid + at);                                  \
                *(V *)(x + at) = BITS(V, BITS(B, sample) & stays);                     \
                BYTES(valid + at, stays);                                              \
            }                                                                          \
            missing += MISSING_BLOCK - count_ones(valid + i);                          \
        }                                                                              \
        for (; i < n; i++) {                                                           \
            valid[i] = (!told || valid[i]) && !(nan && x[i] != x[i]);                  \
            if (valid[i]) continue;                                                    \
            x[i] = 0;                                                                  \
            missing++;                                                                 \
        }                                                                              \
        return missing;                                                                \
    }
DROP(float, wf, wi, W, wide_masks, wide_bytes)
DROP(double, nd, nq, N, narrow_masks, narrow_bytes)

/* Shares of weight: what `deduct` is told beside its operands. */
typedef struct {
    int64_t items;              /* of shares */
    int64_t samples;            /* each with a byte of `valid` */
    int64_t rows, width, pitch; /* of weights */
    int64_t most;               /* missing samples */
    double least;               /* share */
} deduct_t;

#define DEDUCT(T, V, B, LANES)                                                         \
    static int deduct_##T(                                                             \
        T *shares, const uint8_t *valid, int64_t missing, const T *w,                  \
        const int64_t *starts, const deduct_t *n                                       \
    )                                                                                  \
    {                                                                                  \
        if (missing == 0) return 1;                                                    \
        if (missing > n->most) return 0;                                               \
        const int64_t samples = n->samples, rows = n->rows, width = n->width;          \
        const int64_t pitch = n->pitch, items = n->items;                              \
        const T least = (T)n->least;                                                   \
        const V ones = (V){0} + 1;                                                     \
        B below = {0}; /* a sign bit where a share fell below the least */             \
        const int64_t ahead = items - samples + 8; /* ones, so that they are still near */\
        int64_t filled = 0;                                                            \
        *(V *)(shares + items - LANES) = ones;                                         \
        for (int64_t first = 0; first < samples; first += 8) {                         \
            for (; filled < first + ahead && filled + LANES <= items; filled += LANES) \
                *(V *)(shares + filled) = ones;                                        \
            uint64_t gaps = 0;                                                         \
            for (int64_t i = first; i < first + 8 && first + 8 > samples; i++)         \
                gaps |= (uint64_t)(i < samples && !valid[i]) << 8 * (i - first);       \
            if (first + 8 <= samples) gaps = gaps_of(valid + first);                   \
            for (; gaps; gaps &= gaps - 1) {                                           \
                T *shared = shares + first + (__builtin_ctzll(gaps) >> 3);             \
                const T *of = w;                                                       \
                for (int64_t row = 0; row < rows; row++, of += pitch) {                \
                    T *to = shared + starts[row];                                      \
                    for (int64_t at = 0; at < width; at += LANES) {                    \
                        const V left = *(V *)(to + at) - *(const V *)(of + at);        \
                        below |= BITS(B, left - least);                                \
                        *(V *)(to + at) = left;                                        \
                    }                                                                  \
                }                                                                      \
            }                                                                          \
        }                                                                              \
        int kept = 1;                                                                  \
        for (int lane = 0; lane < LANES; lane++) kept &= below[lane] >= 0;             \
        return kept;                                                                   \
    }
DEDUCT(float, wf, wi, W)
DEDUCT(double, nd, nq, N)

/* Sums are divided by shares below `full`; results are NaN for shares below `least`. */
typedef struct {
    range_t axes; /* of sums and shares, or of bytes and shares */
    int64_t items;
    double full, least;
} shares_t;

#define DIVIDE(T, V, B, LANES)                                                         \
    static void divide_##T(                                                            \
        T *out, const T *shares, int64_t missing, const shares_t *n, int axis          \
    )                                                                                  \
    {                                                                                  \
        const range_axis_t *a = &n->axes.axis[axis];                                   \
        const T full = (T)n->full, least = (T)n->least;                                \
        const V nothing = (V){0} + (T)NAN;                                             \
        const int64_t length = a->length, step = a->step, other = a->other;            \
        const int few = missing < n->items / 2048; /* that a branch is predicted */   \
        int64_t i = 0;                                                                 \
        if (axis < n->axes.axes - 1) {                                                 \
            for (; i < length; i++)                                                    \
                divide_##T(out + i * step, shares + i * other, missing, n, axis + 1);  \
            return;                                                                    \
        }                                                                              \
        for (; step == 1 && other == 1 && i + LANES <= length; i += LANES) {           \
            const V share = *(const V *)(shares + i), sum = *(const V *)(out + i);     \
            const B near = BITS(B, share >= full), none = BITS(B, share < least);      \
            if (few && all_ones(&near)) continue;                                      \
            const B part = (BITS(B, sum / share) & ~none) | (BITS(B, nothing) & none); \
            *(V *)(out + i) = BITS(V, (BITS(B, sum) & near) | (part & ~near));         \
        }                                                                              \
        for (; i < length; i++) {                                                      \
            const T share = shares[i * other];                                         \
            T *sum = out + i * step;                                                   \
            if (!(share >= full)) *sum = share < least ? (T)NAN : *sum / share;        \
        }                                                                              \
    }
DIVIDE(float, wf, wi, W)
DIVIDE(double, nd, nq, N)

#define BELOW(T)                                                                       \
    static void below_##T(uint8_t *out, const T *x, const shares_t *n, int axis)       \
    {                                                                                  \
        const range_axis_t *a = &n->axes.axis[axis];                                   \
        const T least = (T)n->least;                                                   \
        int64_t i = 0;                                                                 \
        if (axis < n->axes.axes - 1)                                                   \
            for (; i < a->length; i++)                                                 \
                below_##T(out + i * a->step, x + i * a->other, n, axis + 1);           \
        else if (a->step == 1 && a->other == 1)                                        \
            for (; i < a->length; i++) out[i] = x[i] < least;                          \
        else                                                                           \
            for (; i < a->length; i++) out[i * a->step] = x[i * a->other] < least;     \
    }
BELOW(float)
BELOW(double)
