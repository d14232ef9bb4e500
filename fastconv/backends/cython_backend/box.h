/* Sums of windows for the compiled backend, a template: it is included once for each item type, with
 *     T         the item type,
 *     NAMED(f)  the name of f for this type.
 *
 * A window is kh rows by kw columns of weighted samples.  Along columns, rows are grouped in blocks of
 * kh: a window that begins in one block ends in the next, so it is the sum of the last rows of the first
 * and the first rows of the second, and nothing is ever subtracted.  Along rows, sums double in length: a
 * sum of 2w items is that of two adjacent sums of w items.  Each addition processes a row of a strip that
 * stays in the cache.
 */

#include "log_step.h"

/* One row of weighted samples; those of several planes are summed. */
static void NAMED(weigh)(T *row, const T *x, const T w, const int64_t *planes, const nest_t *n,
                         const int64_t width)
{
    for (int64_t p = 0; p < n->n_planes; p++) {
        const T *from = x + planes[2 * p];
        if (n->col_x != 1) {
            for (int64_t i = 0; i < width; i++)
                row[i] = from[i * n->col_x] * w + (p ? row[i] : 0);
        } else if (p) {
            ALONG(width, PUT(row) += GET(from) * w;);
        } else {
            ALONG(width, PREFETCH(from + n->row_x + j); PUT(row) = GET(from) * w;);
        }
    }
}

/* All windows of a slab, in strips of columns.  room holds kh + 5 rows of a strip, including the columns
 * that its windows read beyond it. */
static void NAMED(window_sums)(T *out, const T *x, const T w, const T bias, const int64_t *planes,
                               const nest_t *n, T *room, const int64_t strip)
{
    const int64_t kh = n->kh;
    const int64_t tap = n->tap_col_x;
    const int64_t longest = strip + (n->kw - 1) * tap;
    T *firsts = room + kh * longest, *both = firsts + longest, *spare = both + longest;
    for (int64_t left = 0; left < n->cols; left += strip) {
        const int64_t cols = n->cols - left < strip ? n->cols - left : strip;
        const int64_t width = cols + (n->kw - 1) * tap;
        const T *from = x + left * n->col_x;
        for (int64_t row = 0; row < kh - 1; row++)
            NAMED(weigh)(room + row * longest, from + row * n->row_x, w, planes, n, width);
        for (int64_t row = 0; row < n->rows; row++) {
            const int64_t at = row % kh;
            T *fresh = room + (at ? at - 1 : kh - 1) * longest;
            const T *sums = at ? both : room, *lasts = room + at * longest;
            const T *next = from + (row + kh - 1) * n->row_x;
            T factor = w;
            if (at == 0 || n->n_planes > 1 || n->col_x != 1) {
                NAMED(weigh)(fresh, next, w, planes, n, width);
                next = fresh;
                factor = 1;
            } else {
                next += planes[0];
            }
            if (at == 0) {
                for (int64_t above = kh - 2; above >= 0; above--) {
                    T *to = room + above * longest;
                    ALONG(width, PUT(to) += GET(to + longest););
                }
                memset(firsts, 0, width * sizeof(T));
            } else {
                ALONG(width, PREFETCH(next + n->row_x + j); const V last = GET(next) * factor;
                             const V first = GET(firsts) + last; PUT(fresh) = last;
                             PUT(firsts) = first; PUT(both) = GET(lasts) + first;);
            }
            T *to = out + row * n->row_out + left * n->col_out;
            T *done = n->col_out == 1 ? to : spare;
            NAMED(along_row)(done, sums, spare, bias, n->kw, tap, cols);
            if (n->relu)
                for (int64_t i = 0; i < cols; i++) done[i] = done[i] < 0 ? 0 : done[i];
            if (done == spare)
                for (int64_t i = 0; i < cols; i++) to[i * n->col_out] = done[i];
        }
    }
}

#undef ALONG
#undef GET
#undef PUT
#undef T
#undef NAMED
