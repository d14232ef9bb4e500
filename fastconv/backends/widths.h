/* The tiles of one item type T of BYTES bytes in the widths that its rows may want: vectors as wide as the machine
 * has them, narrow ones for short rows, and single items for what is left or not in a row. */

#if VECTOR_BYTES
#define LANES (VECTOR_BYTES / BYTES)
#define NAME(f) NAMED(f##_wide)
#define FROZEN 1
#include "tile.h"
#endif

#if VECTOR_BYTES > 16
#define LANES (16 / BYTES)
#define NAME(f) NAMED(f##_narrow)
#define FROZEN 0
#include "tile.h"
#endif

#define LANES 1
#define NAME(f) NAMED(f##_single)
#define FROZEN 0
#include "tile.h"

static void NAMED(slab)(T *out, const T *x, const T *w, T bias, const int64_t *planes,
                        const nest_t *n)
{
#if VECTOR_BYTES
    if (n->col_out == 1 && n->col_x == 1) {
        if (n->cols >= VECTOR_BYTES / BYTES) {
            NAMED(slab_wide)(out, x, w, bias, planes, n);
            return;
        }
#if VECTOR_BYTES > 16
        if (n->cols >= 16 / BYTES) {
            NAMED(slab_narrow)(out, x, w, bias, planes, n);
            return;
        }
#endif
    }
#endif
    NAMED(slab_single)(out, x, w, bias, planes, n);
}

#undef T
#undef BYTES
#undef NAMED
