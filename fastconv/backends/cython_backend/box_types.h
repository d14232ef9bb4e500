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

#include "box_bytes.h"
