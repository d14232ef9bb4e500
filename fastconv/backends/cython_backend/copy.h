/* A copy between two arrays of any strides: a row at a time, by a function of `convert.h`. */

#include "convert.h"
#include "transpose.h"

/* An axis of both arrays: the number of items, and their distances in bytes.  With runs, the items of
 * `to` are copied in runs from `from`: the first item in `to`, the length, the first item in `from`
 * (negative for the constant), and the step from one item to the next. */
typedef struct {
    int64_t n, to, from;
    const int64_t *runs;
    int64_t n_runs;
} row_axis_t;

typedef struct {
    const row_axis_t *axes;
    int last;
    row_t *row;
    transpose_t *transpose;
    int64_t item;
    char constant[32]; /* repeated to fill the block */
} walk_t;

static void fill_row(const walk_t *w, char *to, int64_t n)
{
    const int64_t step = w->axes[w->last].to;
    if (w->item == 1) {
        for (int64_t i = 0; i < n; i++) to[i * step] = w->constant[0];
    } else if (step == w->item) {
        int64_t bytes = n * w->item;
        for (; bytes >= 32; bytes -= 32, to += 32) memcpy(to, w->constant, 32);
        for (; bytes >= 8; bytes -= 8, to += 8) memcpy(to, w->constant, 8);
        for (; bytes; bytes -= w->item, to += w->item) memcpy(to, w->constant, w->item);
    } else if (w->item == 4) {
        for (int64_t i = 0; i < n; i++) memcpy(to + i * step, w->constant, 4);
    } else {
        for (int64_t i = 0; i < n; i++) memcpy(to + i * step, w->constant, w->item);
    }
}

static void fill(const walk_t *w, int depth, char *to, int64_t n)
{
    if (depth == w->last) {
        fill_row(w, to, n);
        return;
    }
    const row_axis_t *axis = w->axes + depth;
    for (int64_t i = 0; i < n; i++) fill(w, depth + 1, to + i * axis->to, axis[1].n);
}

/* Copies `n` rows with runs: each run in all rows before the next run. */
static void walk_rows(const walk_t *w, char *to, const char *from, int64_t n, int64_t step)
{
    const row_axis_t axis = w->axes[w->last];
    const int64_t to_row = w->axes[w->last - 1].to;
    row_t *row = w->row;
    for (const int64_t *run = axis.runs; run < axis.runs + 4 * axis.n_runs; run += 4) {
        const int64_t items = run[1], from_step = run[3] * axis.from;
        char *t = to + run[0] * axis.to;
        if (run[2] >= 0) {
            const char *f = from + run[2] * axis.from;
            for (int64_t i = 0; i < n; i++)
                row(t + i * to_row, f + i * step, items, axis.to, from_step);
        } else if (items == 1 && w->item == 4) {
            int32_t constant;
            memcpy(&constant, w->constant, 4);
            for (int64_t i = 0; i < n; i++) memcpy(t + i * to_row, &constant, 4);
        } else {
            for (int64_t i = 0; i < n; i++) fill_row(w, t + i * to_row, items);
        }
    }
}

static void walk(const walk_t *w, int depth, char *to, const char *from);

/* Copies `n` items of the axis at `depth`, each with all items of the inner axes.  If the next axis is the
 * last one, adjacent rows are merged, and rows are transposed if the samples of this axis are contiguous.
 */
static void walk_run(const walk_t *w, int depth, char *to, const char *from, int64_t n, int64_t step)
{
    const row_axis_t *axis = w->axes + depth, *row = axis + 1;
    if (depth == w->last) {
        w->row(to, from, n, axis->to, step);
    } else if (depth == w->last - 1 && row->runs) {
        walk_rows(w, to, from, n, step);
    } else if (depth == w->last - 1 && axis->to == row->n * row->to && step == row->n * row->from) {
        w->row(to, from, n * row->n, row->to, row->from);
    } else if (depth == w->last - 1 && w->transpose && step == w->item && row->to == w->item) {
        w->transpose(to, from, n, axis->to, row->n, row->from);
    } else if (depth == w->last - 1) {
        for (int64_t i = 0; i < n; i++)
            w->row(to + i * axis->to, from + i * step, row->n, row->to, row->from);
    } else {
        for (int64_t i = 0; i < n; i++) walk(w, depth + 1, to + i * axis->to, from + i * step);
    }
}

/* Copies all items of the axes from `depth` on. */
static void walk(const walk_t *w, int depth, char *to, const char *from)
{
    const row_axis_t *axis = w->axes + depth;
    if (!axis->runs) {
        walk_run(w, depth, to, from, axis->n, axis->from);
        return;
    }
    for (const int64_t *run = axis->runs; run < axis->runs + 4 * axis->n_runs; run += 4) {
        char *t = to + run[0] * axis->to;
        if (run[2] < 0) fill(w, depth, t, run[1]);
        else walk_run(w, depth, t, from + run[2] * axis->from, run[1], run[3] * axis->from);
    }
}
