/* Sums and checks of whole arrays for both float types. */

#pragma once

#include <math.h>

#include "vectors.h"

#define MAX_RANGE_AXES 8
#define SAMPLE_BLOCK 16 /* samples along each side of a block whose largest magnitude counts */

/* Sums `(channels, *axes)`, of three axes, and the step of their bias, in items. */
typedef struct {
    int64_t lengths[4], steps[4];
    int64_t bias;
    int relu;
} sums_t;

/* One array, or two of the same shape: extents, steps in items, and the limit of `in_range`. */
typedef struct {
    int64_t length, step, other;
} range_axis_t;
typedef struct {
    int axes;
    range_axis_t axis[MAX_RANGE_AXES];
    double limit;
} range_t;

#define T float
#define WHOLE int32_t
#define LARGEST INT32_MAX
#define LANES (VECTOR_BYTES / 4)
#define NAME(f) f##_float32
#include "sums.h"

#define T double
#define WHOLE int64_t
#define LARGEST INT64_MAX
#define LANES (VECTOR_BYTES / 8)
#define NAME(f) f##_float64
#include "sums.h"
