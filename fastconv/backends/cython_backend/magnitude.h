/* Magnitudes of vectors of two components: the square root of the sum of squares, by `hypot` if squares
 * exceed the range of floats.  `out` may be one of the components.
 */

#include "convert.h"

#include <float.h>
#include <math.h>

#define MAGNITUDE_BLOCK 1024

#if defined(__AVX512F__)
#define ROOTS_float(v) (wf)_mm512_sqrt_ps((__m512)(v))
#define ROOTS_double(v) (nd)_mm512_sqrt_pd((__m512d)(v))
#elif defined(__AVX__)
#define ROOTS_float(v) (wf)_mm256_sqrt_ps((__m256)(v))
#define ROOTS_double(v) (nd)_mm256_sqrt_pd((__m256d)(v))
#elif defined(__SSE4_1__)
#define ROOTS_float(v) (wf)_mm_sqrt_ps((__m128)(v))
#define ROOTS_double(v) (nd)_mm_sqrt_pd((__m128d)(v))
#endif

/* Defines the function for item type T, in vectors V of LANES, whose bits B are vectors of integers I, the
 * `greatest` of which has all bits but that of the sign.
 * Since squares are not negative, their bits have the same order; NaN is above all of them. */
#if defined(ROOTS_float)
#define SUMS_OF_SQUARES(T, V, B, I, LANES, greatest)                                   \
    B most_bits = {0}, all_bits = {0};                                                 \
    for (; i + LANES <= some; i += LANES) {                                            \
        const V a = *(const V *)(x + i), b = *(const V *)(y + i);                      \
        const V square = a * a + b * b;                                                \
        const B bits = BITS(B, square) & greatest;                                     \
        *(V *)(squares + i) = square;                                                  \
        all_bits |= BITS(B, a) | BITS(B, b);                                           \
        const B more = bits > most_bits;                                               \
        most_bits = (bits & more) | (most_bits & ~more);                               \
    }                                                                                  \
    for (int lane = 0; lane < LANES; lane++) {                                         \
        T each;                                                                        \
        const I bits = most_bits[lane];                                                \
        memcpy(&each, &bits, sizeof(T));                                               \
        if (most == most && !(each <= most)) most = each;                              \
        zeros &= (all_bits[lane] & greatest) == 0;                                     \
    }
#define ROOTS_OF_VECTORS(T, V, LANES)                                                  \
    for (; i + LANES <= some; i += LANES)                                              \
        *(V *)(out + i) = ROOTS_##T(*(const V *)(squares + i));
#else
#define SUMS_OF_SQUARES(T, V, B, I, LANES, greatest)
#define ROOTS_OF_VECTORS(T, V, LANES)
#endif
#define MAGNITUDE(T, V, B, I, LANES, greatest, root, length, least)                      \
    static void magnitude_##T(T *out, const T *x, const T *y, int64_t n)                 \
    {                                                                                  \
        T squares[MAGNITUDE_BLOCK];                                                      \
        for (int64_t some; n > 0; n -= some, out += some, x += some, y += some) {      \
            T most = 0;                                                                \
            int zeros = 1;                                                             \
            int64_t i = 0;                                                             \
            some = n < MAGNITUDE_BLOCK ? n : MAGNITUDE_BLOCK;                              \
            SUMS_OF_SQUARES(T, V, B, I, LANES, greatest)                               \
            for (; i < some; i++) {                                                    \
                squares[i] = x[i] * x[i] + y[i] * y[i];                                \
                if (most == most && !(squares[i] <= most)) most = squares[i];          \
                zeros &= x[i] == 0 && y[i] == 0;                                       \
            }                                                                          \
            i = 0;                                                                     \
            if (zeros) {                                                               \
                memset(out, 0, some * sizeof(T));                                      \
            } else if (most > least && most < INFINITY) {                              \
                ROOTS_OF_VECTORS(T, V, LANES)                                          \
                for (; i < some; i++) out[i] = root(squares[i]);                       \
            } else {                                                                   \
                for (; i < some; i++) out[i] = length(x[i], y[i]);                     \
            }                                                                          \
        }                                                                              \
    }

MAGNITUDE(float, wf, wi, int32_t, W, INT32_MAX, sqrtf, hypotf,
        FLT_MIN / (FLT_EPSILON * FLT_EPSILON))
MAGNITUDE(double, nd, nq, int64_t, N, INT64_MAX, sqrt, hypot,
        DBL_MIN / (DBL_EPSILON * DBL_EPSILON))
