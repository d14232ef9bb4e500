/* Fourier transforms of the compiled backend, a template: it is included once for each item type,
 * with
 *     T       the item type,
 *     LANES   items in a vector, a multiple of a quad,
 *     QUAD    items in 16 bytes,
 *     PLACE   an integer as wide as an item,
 *     NAME(f) the name of f for this type.
 *
 * LANES columns are transformed at a time, in a buffer that fits the L1 cache: each item of the
 * transform is a vector of real and a vector of imaginary parts.  Passes of radix 4 with twiddles, and a
 * last one without, decimate in frequency.  They leave frequencies in the order that the inverse reads,
 * which runs the transposed passes.  Swapping the real and the imaginary plane turns a transform into its
 * inverse.  In a negacyclic transform, rows are multiplied by `turns` in the first pass that reads them,
 * and by their conjugates in the last pass that writes them.
 */

typedef T NAME(item) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef T NAME(quad) __attribute__((vector_size(16), aligned(sizeof(T)), may_alias));
typedef PLACE NAME(places) __attribute__((vector_size(16)));
#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (NAME(places)){__VA_ARGS__})
#endif
#define VEC NAME(item)
#define AT(p) (*(VEC *)(p))

/* Real and imaginary parts of rows; a row begins `step` items after the one before, and a vector
 * `next` items after its neighbour. */
typedef struct {
    T *re, *im;
    int64_t step, next;
} NAME(rows);
#define ROWS NAME(rows)

#define LEAST(a, b) ((a) < (b) ? (a) : (b))
#define SWAPPED(x) ((ROWS){(x).im, (x).re, (x).step, (x).next})

static ALWAYS_INLINE void NAME(dft2)(VEC *ar, VEC *ai, VEC *br, VEC *bi)
{
    const VEC r = *ar, i = *ai;
    *ar = r + *br, *ai = i + *bi;
    *br = r - *br, *bi = i - *bi;
}

static ALWAYS_INLINE void NAME(dft3)(VEC *r, VEC *i, const int a, const int b, const int c)
{
    const T half = (T)0.5, sine = (T)0.86602540378443864676;
    const VEC sr = r[b] + r[c], dr = (r[b] - r[c]) * sine;
    const VEC si = i[b] + i[c], di = (i[b] - i[c]) * sine;
    const VEC mr = r[a] - sr * half, mi = i[a] - si * half;
    r[a] += sr, i[a] += si;
    r[b] = mr + di, i[b] = mi - dr;
    r[c] = mr - di, i[c] = mi + dr;
}

static ALWAYS_INLINE void NAME(dft4)(VEC *r, VEC *i, const int a, const int b, const int c,
                                     const int d)
{
    NAME(dft2)(r + a, i + a, r + c, i + c);
    NAME(dft2)(r + b, i + b, r + d, i + d);
    const VEC er = r[a], ei = i[a], ur = r[c], ui = i[c], tr = r[d], ti = i[d];
    r[a] = er + r[b], i[a] = ei + i[b];
    r[c] = er - r[b], i[c] = ei - i[b];
    r[b] = ur + ti, i[b] = ui - tr;
    r[d] = ur - ti, i[d] = ui + tr;
}

/* The transform of `radix` items, in place and in order. */
static ALWAYS_INLINE void NAME(dft)(VEC *r, VEC *i, const int radix)
{
    if (radix == 3) {
        NAME(dft3)(r, i, 0, 1, 2);
    } else if (radix == 4) {
        NAME(dft4)(r, i, 0, 1, 2, 3);
    } else if (radix == 5) {
        const T c1 = (T)0.30901699437494742410, c2 = (T)-0.80901699437494742410;
        const T s1 = (T)0.95105651629515357212, s2 = (T)0.58778525229247312917;
        NAME(dft2)(r + 1, i + 1, r + 4, i + 4);
        NAME(dft2)(r + 2, i + 2, r + 3, i + 3);
        const VEC ar = r[0] + r[1] * c1 + r[2] * c2, ai = i[0] + i[1] * c1 + i[2] * c2;
        const VEC br = r[0] + r[1] * c2 + r[2] * c1, bi = i[0] + i[1] * c2 + i[2] * c1;
        const VEC pr = i[4] * s1 + i[3] * s2, pi = r[4] * s1 + r[3] * s2;
        const VEC qr = i[4] * s2 - i[3] * s1, qi = r[4] * s2 - r[3] * s1;
        r[0] += r[1] + r[2], i[0] += i[1] + i[2];
        r[1] = ar + pr, i[1] = ai - pi;
        r[4] = ar - pr, i[4] = ai + pi;
        r[2] = br + qr, i[2] = bi - qi;
        r[3] = br - qr, i[3] = bi + qi;
    } else if (radix == 6) {
        /* Coprime factors: no twiddles between them. */
        NAME(dft2)(r, i, r + 3, i + 3);
        NAME(dft2)(r + 4, i + 4, r + 1, i + 1);
        NAME(dft2)(r + 2, i + 2, r + 5, i + 5);
        NAME(dft3)(r, i, 0, 2, 4);
        NAME(dft3)(r, i, 3, 5, 1);
        VEC t;
        t = r[2], r[2] = r[4], r[4] = t;
        t = i[2], i[2] = i[4], i[4] = t;
        t = r[1], r[1] = r[5], r[5] = t;
        t = i[1], i[1] = i[5], i[5] = t;
    } else {
        const T half = (T)0.70710678118654752440;
        UNROLL
        for (int k = 0; k < 4; k++) NAME(dft2)(r + k, i + k, r + k + 4, i + k + 4);
        VEC t;
        t = (r[5] + i[5]) * half, i[5] = (i[5] - r[5]) * half, r[5] = t;
        t = i[6], i[6] = -r[6], r[6] = t;
        t = (i[7] - r[7]) * half, i[7] = (r[7] + i[7]) * -half, r[7] = t;
        NAME(dft4)(r, i, 0, 1, 2, 3);
        NAME(dft4)(r, i, 4, 5, 6, 7);
        VEC u[8];
        UNROLL
        for (int k = 0; k < 8; k++) u[k] = r[k];
        UNROLL
        for (int k = 0; k < 8; k++) r[k] = u[k / 2 + k % 2 * 4];
        UNROLL
        for (int k = 0; k < 8; k++) u[k] = i[k];
        UNROLL
        for (int k = 0; k < 8; k++) i[k] = u[k / 2 + k % 2 * 4];
    }
}

static ALWAYS_INLINE void NAME(turn)(VEC *r, VEC *i, const T *w)
{
    const VEC re = *r * w[0] - *i * w[1];
    *i = *r * w[1] + *i * w[0];
    *r = re;
}

/* A pass of radix 4, which splits `length` rows into four blocks.  Rows of `in` from `rows` on are
 * zeros. */
static ALWAYS_INLINE void NAME(split)(const ROWS out, const ROWS in, const T *w, const T *turns,
                                      const int64_t n, const int64_t length, const int64_t rows,
                                      const int vectors)
{
    const VEC zero = {0};
    const int64_t quarter = length / 4;
    for (int64_t block = 0; block < n; block += length) {
        for (int64_t j = 0; j < quarter; j++) {
            for (int v = 0; v < vectors; v++) {
                VEC r[4], i[4];
                UNROLL
                for (int k = 0; k < 4; k++) {
                    const int64_t row = block + j + k * quarter;
                    const int64_t at = row * in.step + v * in.next;
                    r[k] = row < rows ? AT(in.re + at) : zero;
                    i[k] = row < rows ? AT(in.im + at) : zero;
                    if (turns) NAME(turn)(r + k, i + k, turns + 2 * row);
                }
                NAME(dft4)(r, i, 0, 1, 2, 3);
                UNROLL
                for (int k = 0; k < 4; k++) {
                    const int64_t at = (block + j + k * quarter) * out.step + v * out.next;
                    if (k) NAME(turn)(r + k, i + k, w + 6 * j + 2 * (k - 1));
                    AT(out.re + at) = r[k];
                    AT(out.im + at) = i[k];
                }
            }
        }
    }
}

/* The transposed pass, which writes the first `rows` rows only. */
static ALWAYS_INLINE void NAME(join)(const ROWS out, const ROWS in, const T *w, const T *turns,
                                     const int64_t n, const int64_t length, const int64_t rows,
                                     const int vectors)
{
    const int64_t quarter = length / 4;
    for (int64_t block = 0; block < n; block += length) {
        for (int64_t j = 0; j < quarter; j++) {
            for (int v = 0; v < vectors; v++) {
                VEC r[4], i[4];
                UNROLL
                for (int k = 0; k < 4; k++) {
                    const int64_t at = (block + j + k * quarter) * in.step + v * in.next;
                    r[k] = AT(in.re + at);
                    i[k] = AT(in.im + at);
                    if (k) NAME(turn)(r + k, i + k, w + 6 * j + 2 * (k - 1));
                }
                NAME(dft4)(r, i, 0, 1, 2, 3);
                UNROLL
                for (int k = 0; k < 4; k++) {
                    const int64_t row = block + j + k * quarter;
                    if (turns) NAME(turn)(r + k, i + k, turns + 2 * row);
                    if (row < rows) {
                        AT(out.re + row * out.step + v * out.next) = r[k];
                        AT(out.im + row * out.step + v * out.next) = i[k];
                    }
                }
            }
        }
    }
}

/* The pass without twiddles, in place; with a spectrum, the pass, a product with it and the inverse. */
static ALWAYS_INLINE void NAME(turning_point)(const ROWS at, const ROWS *spectrum, const int same,
                                              const int64_t n, const int vectors, const int radix)
{
    for (int64_t row = 0; row < n; row += radix) {
        for (int v = 0; v < vectors; v++) {
            VEC r[8], i[8];
            UNROLL
            for (int k = 0; k < radix; k++) {
                r[k] = AT(at.re + (row + k) * at.step + v * at.next);
                i[k] = AT(at.im + (row + k) * at.step + v * at.next);
            }
            NAME(dft)(r, i, radix);
            if (spectrum) {
                UNROLL
                for (int k = 0; k < radix; k++) {
                    const VEC zero = {0};
                    const int64_t s = (row + k) * spectrum->step + v * spectrum->next;
                    VEC sr = zero + spectrum->re[s], si = zero + spectrum->im[s];
                    if (!same) sr = AT(spectrum->re + s), si = AT(spectrum->im + s);
                    const VEC re = r[k] * sr - i[k] * si;
                    i[k] = r[k] * si + i[k] * sr;
                    r[k] = re;
                }
                NAME(dft)(i, r, radix);
            }
            UNROLL
            for (int k = 0; k < radix; k++) {
                AT(at.re + (row + k) * at.step + v * at.next) = r[k];
                AT(at.im + (row + k) * at.step + v * at.next) = i[k];
            }
        }
    }
}

static ALWAYS_INLINE void NAME(turn_back)(const ROWS at, const ROWS *spectrum, const int same,
                                          const int64_t n, const int vectors, const int radix)
{
#define TURN(radix)                                                          \
    do {                                                                     \
        if (!spectrum) NAME(turning_point)(at, 0, 0, n, vectors, radix);     \
        else if (same) NAME(turning_point)(at, spectrum, 1, n, vectors, radix); \
        else NAME(turning_point)(at, spectrum, 0, n, vectors, radix);        \
    } while (0)
    switch (radix) {
    case 3: TURN(3); break;
    case 4: TURN(4); break;
    case 5: TURN(5); break;
    case 6: TURN(6); break;
    default: TURN(8);
    }
#undef TURN
}

/* Transposes a square of items. */
static ALWAYS_INLINE void NAME(transpose)(T *out, const int64_t out_step, const T *in,
                                          const int64_t in_step)
{
    typedef NAME(quad) quad;
#define QUAD_AT(p) (*(quad *)(p))
#if QUAD == 4
    const quad a = QUAD_AT(in), b = QUAD_AT(in + in_step);
    const quad c = QUAD_AT(in + 2 * in_step), d = QUAD_AT(in + 3 * in_step);
    const quad e = PICK(a, b, 0, 4, 1, 5), f = PICK(a, b, 2, 6, 3, 7);
    const quad g = PICK(c, d, 0, 4, 1, 5), h = PICK(c, d, 2, 6, 3, 7);
    QUAD_AT(out) = PICK(e, g, 0, 1, 4, 5);
    QUAD_AT(out + out_step) = PICK(e, g, 2, 3, 6, 7);
    QUAD_AT(out + 2 * out_step) = PICK(f, h, 0, 1, 4, 5);
    QUAD_AT(out + 3 * out_step) = PICK(f, h, 2, 3, 6, 7);
#else
    const quad a = QUAD_AT(in), b = QUAD_AT(in + in_step);
    QUAD_AT(out) = PICK(a, b, 0, 2);
    QUAD_AT(out + out_step) = PICK(a, b, 1, 3);
#endif
}
#undef QUAD_AT

/* Copies rows and columns between any strides. */
static void NAME(copy)(T *out, const int64_t row_out, const int64_t col_out, const T *in,
                       const int64_t row_in, const int64_t col_in, const int64_t rows,
                       const int64_t cols)
{
    int64_t row = 0;
    if (cols == LANES && col_out == 1 && col_in == 1) {
        for (; row < rows; row++) AT(out + row * row_out) = AT(in + row * row_in);
    } else if (cols == LANES && col_out == 1 && row_in == 1) {
        for (; row + QUAD <= rows; row += QUAD)
            for (int c = 0; c < LANES; c += QUAD)
                NAME(transpose)(out + row * row_out + c, row_out, in + row + c * col_in, col_in);
    } else if (cols == LANES && row_out == 1 && col_in == 1) {
        for (; row + QUAD <= rows; row += QUAD)
            for (int c = 0; c < LANES; c += QUAD)
                NAME(transpose)(out + row + c * col_out, col_out, in + row * row_in + c, row_in);
    }
    for (; row < rows; row++)
        for (int64_t col = 0; col < cols; col++)
            out[row * row_out + col * col_out] = in[row * row_in + col * col_in];
}

/* Copy both planes of a few vectors, of which the last may be narrow. */
static void NAME(copy_planes)(const ROWS out, const int64_t col_out, const ROWS in,
                              const int64_t col_in, const int64_t rows, const int64_t cols)
{
    for (int64_t v = 0; v * LANES < cols; v++) {
        const int64_t to = v * out.next, at = v * in.next, few = LEAST(LANES, cols - v * LANES);
        NAME(copy)(out.re + to, out.step, col_out, in.re + at, in.step, col_in, rows, few);
        NAME(copy)(out.im + to, out.step, col_out, in.im + at, in.step, col_in, rows, few);
    }
}

/* Transforms columns from `col` to `stop`, some vectors at a time; with a spectrum, filters them block
 * by block of rows. */
static ALWAYS_INLINE void NAME(columns)(const fourier_t *f, T *out, const T *x, const T *spectrum,
                                        const T *twiddles, T *buffer, int64_t col,
                                        const int64_t stop, const int vectors)
{
    const int64_t n = f->n;
    for (; col < stop; col += vectors * LANES) {
        const int64_t cols = LEAST(vectors * LANES, stop - col);
        const ROWS work = {buffer, buffer + LANES, vectors * 2 * LANES, 2 * LANES};
        for (int64_t row = 0; row < f->rows_out; row += f->block) {
            T *x_re = (T *)x + row * f->row_x + col * f->col_x;
            T *out_re = out + row * f->row_out + col * f->col_out;
            const ROWS to = {out_re, out_re + f->plane_out, f->row_out, LANES * f->col_out};
            ROWS from = {x_re, x_re + f->plane_x, f->row_x, LANES * f->col_x};
            const int64_t samples = LEAST(n, f->rows_x - row);
            const int64_t outputs = LEAST(f->block, f->rows_out - row);
            if (!f->forward || cols < LANES || f->col_x != 1) {
                if (cols < LANES) memset(buffer, 0, 2 * LANES * n * sizeof(T));
                NAME(copy_planes)(work, 1, from, f->col_x, samples, cols);
                from = work;
            }
            const T *w = twiddles + 2 * n;
            int64_t length = n;
            for (; length > 8; length /= 4) {
                if (f->forward && length == n && f->negacyclic)
                    NAME(split)(work, from, w, twiddles, n, length, samples, vectors);
                else if (f->forward)
                    NAME(split)(work, from, w, 0, n, length, length < n ? n : samples, vectors);
                w += length / 4 * 6;
                from = work;
            }
            if (f->forward && f->inverse) {
                T *s = (T *)spectrum + col * f->col_s;
                ROWS factors = {s, s + f->plane_s, f->row_s, LANES * f->col_s};
                if (cols < LANES && f->col_s) {
                    T *room = buffer + 2 * LANES * n;
                    const ROWS copied = {room, room + LANES, 2 * LANES, 0};
                    memset(room, 0, 2 * LANES * n * sizeof(T));
                    NAME(copy_planes)(copied, 1, factors, 1, n, cols);
                    factors = copied;
                }
                NAME(turn_back)(work, &factors, f->col_s == 0, n, vectors, length);
            } else {
                NAME(turn_back)(f->inverse ? SWAPPED(work) : work, 0, 0, n, vectors, length);
            }
            int stored = 0;
            while (f->inverse && length < n) {
                length *= 4;
                w -= length / 4 * 6;
                stored = length == n && cols >= LANES && f->col_out == 1;
                const ROWS target = stored ? to : work;
                const int64_t rows = stored ? outputs : n;
                if (length == n && f->negacyclic)
                    NAME(join)(SWAPPED(target), SWAPPED(work), w, twiddles, n, length, rows, vectors);
                else
                    NAME(join)(SWAPPED(target), SWAPPED(work), w, 0, n, length, rows, vectors);
            }
            if (!stored) NAME(copy_planes)(to, f->col_out, work, 1, outputs, cols);
        }
    }
}

/* Rows of an image are so far apart that cache lines are evicted before they are read again.  A
 * transform in one direction therefore takes the columns of a whole cache line at a time. */
static void NAME(fourier)(const fourier_t *f, T *out, const T *x, const T *spectrum,
                          const T *twiddles, T *buffer)
{
    const int line = 64 / (int)sizeof(T);
    const int64_t whole = f->forward && f->inverse ? 0 : f->cols / line * line;
    buffer = (T *)(((uintptr_t)buffer + 63) & ~(uintptr_t)63);
    NAME(columns)(f, out, x, spectrum, twiddles, buffer, 0, whole, line / LANES);
    NAME(columns)(f, out, x, spectrum, twiddles, buffer, whole, f->cols, 1);
}

#undef LEAST
#undef PICK
#undef SWAPPED
#undef ROWS
#undef AT
#undef VEC
#undef T
#undef LANES
#undef QUAD
#undef PLACE
#undef NAME
