/* Samples without those that are missing, and sums over the shares of weight that are left.
 * `SELECT` and `DIVIDE` define the functions for item type T, in vectors V of LANES, with integers B of the
 * same size and bytes K.
 */

#include "convert.h"

#include <math.h>

#define SELECT_BLOCK 64 /* samples, a multiple of every vector */

/* Whether so many bytes are all one. */
INLINE int all_ones(const uint8_t *bytes)
{
    uint64_t all = UINT64_MAX, word;
    UNROLL for (int i = 0; i < SELECT_BLOCK; i += 8) {
        memcpy(&word, bytes + i, 8);
        all &= word;
    }
    return all == UINT64_C(0x0101010101010101);
}

#define SELECT(T, V, B, K, LANES)                                                      \
    static void select_##T(T *out, const T *x, const uint8_t *valid, int64_t n)        \
    {                                                                                  \
        int64_t i = 0;                                                                 \
        for (; i + SELECT_BLOCK <= n; i += SELECT_BLOCK) {                             \
            if (all_ones(valid + i)) {                                                 \
                memcpy(out + i, x + i, SELECT_BLOCK * sizeof(T));                      \
                continue;                                                              \
            }                                                                          \
            UNROLL for (int64_t at = i; at < i + SELECT_BLOCK; at += LANES) {          \
                const B kept = -AS(B, *(const K *)(valid + at));                       \
                *(V *)(out + at) = BITS(V, *(const B *)(x + at) & kept);               \
            }                                                                          \
        }                                                                              \
        for (; i < n; i++) out[i] = valid[i] ? x[i] : 0;                               \
    }
SELECT(float, wf, wi, wB, W)
SELECT(double, nd, nq, nB, N)

#define DIVIDE(T, V, B, LANES)                                                         \
    static void divide_##T(T *out, const T *shares, T full, T least, int64_t n)        \
    {                                                                                  \
        const V nothing = (V){0} + (T)NAN;                                             \
        int64_t i = 0;                                                                 \
        for (; i + LANES <= n; i += LANES) {                                           \
            const V share = *(const V *)(shares + i), sum = *(const V *)(out + i);     \
            const B near = BITS(B, share >= full), none = BITS(B, share < least);      \
            const B part = (BITS(B, sum / share) & ~none) | (BITS(B, nothing) & none); \
            *(V *)(out + i) = BITS(V, (BITS(B, sum) & near) | (part & ~near));         \
        }                                                                              \
        for (; i < n; i++)                                                             \
            if (!(shares[i] >= full))                                                  \
                out[i] = shares[i] < least ? (T)NAN : out[i] / shares[i];              \
    }
DIVIDE(float, wf, wi, W)
DIVIDE(double, nd, nq, N)
