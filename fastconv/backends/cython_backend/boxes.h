/* Sums of windows for every item type; to be included after tiles.h. */

#include <string.h>

/* Have the processor bring memory that the next row will read. */
#if defined(__GNUC__) || defined(__clang__)
#define FETCH(p) __builtin_prefetch(p)
#else
#define FETCH(p) (void)(p)
#endif

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
#include "doublings.h"
#undef ALONG
#undef GET
#undef PUT
#undef T
#undef NAMED

#include "box_bytes.h"
