/* Multiplies 16-bit sums by a weight, without floats, if this gives the same bytes as floats. */

#pragma once

#include "convert.h"

#define MOST_SUM 65535

/* `(sum + half) * factor`, shifted right by 16 bits and some more; the factor is 0 if floats would be
 * rounded differently. */
typedef struct {
    uint16_t half, factor;
    int more;
} share_t;

/* The result with floats: the product is rounded to a float, and then to an integer. */
static int64_t rounded_sum(int64_t sum, float w)
{
    return (int64_t)__builtin_rintf((float)sum * w);
}

/* The factor for a weight, for sums of a number of bytes.  Both results increase monotonically with the
 * sum, so they are the same if they change at the same sums. */
static share_t share_of(float w, float bias, int64_t bytes)
{
    const share_t none = {0, 0, 0};
    const int64_t most = bytes * UINT8_MAX;
    if (!(w > 0x1p-10f && w < 0.75f) || bias != 0 || most > MOST_SUM || most * w > UINT8_MAX + 1)
        return none;
    int more = 0;
    for (float scaled = w; scaled < 0.5f; scaled *= 2) more++;
    const int64_t one = (int64_t)1 << (16 + more);
    const int64_t half = (int64_t)(0.5f / w), factor = (int64_t)(w * one) + 1;
    if (factor > MOST_SUM || most + half > MOST_SUM)
        return none;
    for (int64_t value = 1; value <= (most + half) * factor / one; value++) {
        const int64_t first = (value * one + factor - 1) / factor - half;
        if (rounded_sum(first, w) < value || rounded_sum(first - 1, w) >= value)
            return none;
    }
    if (rounded_sum(most, w) > (most + half) * factor / one)
        return none;
    const share_t found = {(uint16_t)half, (uint16_t)factor, more};
    return found;
}

/* Stores shares of sums as bytes, as many as fill vectors, and returns how many. */
static int64_t shared(uint8_t *to, const uint16_t *sums, const share_t *share, int64_t n)
{
    int64_t i = 0;
    if (share->factor == 0)
        return 0;
#if defined(__AVX2__)
    const __m256i half = _mm256_set1_epi16((int16_t)share->half);
    const __m256i factor = _mm256_set1_epi16((int16_t)share->factor);
    const __m128i more = _mm_cvtsi32_si128(share->more);
    for (; i + 32 <= n; i += 32) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)(sums + i));
        const __m256i b = _mm256_loadu_si256((const __m256i *)(sums + i + 16));
        const __m256i low = _mm256_mulhi_epu16(_mm256_add_epi16(a, half), factor);
        const __m256i high = _mm256_mulhi_epu16(_mm256_add_epi16(b, half), factor);
        const __m256i bytes =
            _mm256_packus_epi16(_mm256_srl_epi16(low, more), _mm256_srl_epi16(high, more));
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_permute4x64_epi64(bytes, 0xd8));
    }
#elif defined(__SSE4_1__)
    const __m128i half = _mm_set1_epi16((int16_t)share->half);
    const __m128i factor = _mm_set1_epi16((int16_t)share->factor);
    const __m128i more = _mm_cvtsi32_si128(share->more);
    for (; i + 16 <= n; i += 16) {
        const __m128i a = _mm_loadu_si128((const __m128i *)(sums + i));
        const __m128i b = _mm_loadu_si128((const __m128i *)(sums + i + 8));
        const __m128i low = _mm_mulhi_epu16(_mm_add_epi16(a, half), factor);
        const __m128i high = _mm_mulhi_epu16(_mm_add_epi16(b, half), factor);
        const __m128i bytes = _mm_packus_epi16(_mm_srl_epi16(low, more), _mm_srl_epi16(high, more));
        _mm_storeu_si128((__m128i *)(to + i), bytes);
    }
#endif
    return i;
}
