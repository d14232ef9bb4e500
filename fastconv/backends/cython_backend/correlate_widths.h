/* The tiles of one item type in the widths that its rows may want, a template: it is included once
 * for each item type, with
 *     T         the item type,
 *     WIDE      items in the widest vector, or 1 where vectors do not pay,
 *     NARROW    items in a vector of 16 bytes, or 1,
 *     NAMED(f)  the name of f for this type.
 */

#define PHASES WIDE

#if WIDE > 1
#define LANES WIDE
#define NAME(f) NAMED(f##_wide)
#define FROZEN 1
#include "correlate.h"
#endif

#if NARROW > 1 && NARROW < WIDE
#define LANES NARROW
#define NAME(f) NAMED(f##_narrow)
#define FROZEN 0
#include "correlate.h"
#endif

#define LANES 1
#define NAME(f) NAMED(f##_single)
#define FROZEN 0
#include "correlate.h"

static void NAMED(slab)(T *out, const T *x, const T *w, T bias, const int64_t *planes,
                        const nest_t *n)
{
#if WIDE > 1
    if (n->col_out == 1 && (n->col_x == 1 || n->col_x == 2) && n->cols >= WIDE) {
        NAMED(slab_wide)(out, x, w, bias, planes, n);
        return;
    }
#endif
#if NARROW > 1 && NARROW < WIDE
    if (n->col_out == 1 && (n->col_x == 1 || n->col_x == 2) && n->cols >= NARROW) {
        NAMED(slab_narrow)(out, x, w, bias, planes, n);
        return;
    }
#endif
    NAMED(slab_single)(out, x, w, bias, planes, n);
}

#undef PHASES
#undef T
#undef WIDE
#undef NARROW
#undef NAMED
