/* Sums of windows for every item type; to be included after correlate_types.h. */

#define T float
#define NAMED(f) f##_float32
#include "box.h"

#define T double
#define NAMED(f) f##_float64
#include "box.h"

#define T int64_t
#define NAMED(f) f##_int64
#include "box.h"

#define T uint16_t
#define NAMED(f) f##_uint16
#include "log_step.h"
#undef ALONG
#undef GET
#undef PUT
#undef T
#undef NAMED

#define T uint32_t
#define NAMED(f) f##_uint32
#include "log_step.h"
#undef ALONG
#undef GET
#undef PUT
#undef T
#undef NAMED

#include "box_share.h"

#define WEIGHED_BLOCK 64 /* sums that become floats at a time */
#define CACHE_LINE 64
#define NOT_SHARED(to, sums, share, n) 0

VECTOR(uint16_t, shorts, VECTOR_BYTES / 2)
VECTOR(uint8_t, bytes, VECTOR_BYTES / 2)
#if defined(__AVX512BW__)
#define AS_SHORTS(v) ((shorts)_mm512_cvtepu8_epi16((__m256i)(v)))
#elif defined(__AVX2__)
#define AS_SHORTS(v) ((shorts)_mm256_cvtepu8_epi16((__m128i)(v)))
#else
#define AS_SHORTS(v) AS(shorts, v)
#endif

#define T uint8_t
#define S uint16_t
#define GROWN(v) AS_SHORTS((bytes)(v))
#define FLOATS(v) AS(wf, GROW_H((wH)(v)))
#define FROM_FLOATS packed_B
#define ALONG_ROW along_row_uint16
#define SHARED shared
#define NAMED(f) f##_uint8_in_16
#include "box_integers.h"

#define T uint8_t
#define S uint32_t
#define GROWN(v) (wI)GROW_B((wB)(v))
#define FLOATS(v) AS(wf, (wi)(v))
#define FROM_FLOATS packed_B
#define ALONG_ROW along_row_uint32
#define SHARED NOT_SHARED
#define NAMED(f) f##_uint8_in_32
#include "box_integers.h"

#define T uint16_t
#define S uint32_t
#define GROWN(v) (wI)GROW_H((wH)(v))
#define FLOATS(v) AS(wf, (wi)(v))
#define FROM_FLOATS packed_H
#define ALONG_ROW along_row_uint32
#define SHARED NOT_SHARED
#define NAMED(f) f##_uint16
#include "box_integers.h"

/* Sums of bytes have 16 bits where they fit. */
static void window_sums_uint8(uint8_t *out, const uint8_t *x, const float w, const float bias,
                              const int64_t *planes, const nest_t *n, char *room,
                              const int64_t strip)
{
    const int few = n->n_planes * n->kh * n->kw * UINT8_MAX <= UINT16_MAX;
    (few ? window_sums_uint8_in_16 : window_sums_uint8_in_32)(out, x, w, bias, planes, n, room,
                                                              strip);
}
