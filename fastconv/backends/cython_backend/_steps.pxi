"""Steps: calls of kernels with all arguments but the addresses of their operands."""

cdef enum:
    COPY
    NEST
    BYTE_NEST
    WINDOWS
    PRODUCT
    MIX
    WEIGHTS
    SAMPLES
    OUTPUTS
    FOURIER
    EPILOGUE
    IN_RANGE
    ACCUMULATE
    AT_MOST
    DROP
    DEDUCT
    DIVIDE
    BELOW
    BLUR

ctypedef union extents_t:  # of a kernel; a program may have thousands of steps
    walk_t walk
    nest_t tile
    bytes_t bytes
    windows_t windows
    blur_t blur
    contract_t product
    mix_t mix
    panels_t panels
    planes_t planes_and_tiles
    fourier_t fourier
    sums_t sums
    range_t range
    drop_t drop
    deduct_t deduct
    shares_t shares

ctypedef struct step_t:
    int kernel
    char kind
    extents_t extents
    const int64_t *planes
    const void *twiddles
    const int64_t *loops
    Py_ssize_t n_loops


cdef bint run_step(const step_t *s, char *const *at) noexcept nogil:
    """Run a step with operands at the given addresses, and return whether its results are valid."""
    if s.kernel == COPY:
        walk(&s.extents.walk, 0, at[0], at[1])
    elif s.kernel == MIX and s.kind == b"f":
        mix_float32(
            <float *> at[0], <const float *> at[1], <const float *> at[2], <const float *> at[3],
            &s.extents.mix,
        )
    elif s.kernel == MIX and s.kind == b"B":
        mix_uint8(
            <uint8_t *> at[0], <const uint8_t *> at[1], <const float *> at[2],
            <const float *> at[3], &s.extents.mix,
        )
    elif s.kernel == MIX and s.kind == b"H":
        mix_uint16(
            <uint16_t *> at[0], <const uint16_t *> at[1], <const float *> at[2],
            <const float *> at[3], &s.extents.mix,
        )
    elif s.kernel == MIX:
        mix_float64(
            <double *> at[0], <const double *> at[1], <const double *> at[2],
            <const double *> at[3], &s.extents.mix,
        )
    elif s.kernel == WEIGHTS:
        run_weights(<float *> at[0], <const float *> at[1], &s.extents.panels)
    elif s.kernel == SAMPLES:
        run_samples(<float *> at[0], <const float *> at[1], &s.extents.planes_and_tiles)
    elif s.kernel == OUTPUTS:
        return run_outputs(
            <float *> at[0], <const float *> at[1], <const float *> at[2],
            &s.extents.planes_and_tiles,
        )
    elif s.kernel == FOURIER and s.kind == b"f":
        fft_fourier_float32(
            &s.extents.fourier, <float *> at[0], <const float *> at[1], <const float *> at[2],
            <const float *> s.twiddles, <float *> at[3],
        )
    elif s.kernel == FOURIER:
        fft_fourier_float64(
            &s.extents.fourier, <double *> at[0], <const double *> at[1], <const double *> at[2],
            <const double *> s.twiddles, <double *> at[3],
        )
    elif s.kernel == EPILOGUE and s.kind == b"f":
        return run_epilogue(<float *> at[0], <const float *> at[1], &s.extents.sums)
    elif s.kernel == EPILOGUE:
        return run_epilogue(<double *> at[0], <const double *> at[1], &s.extents.sums)
    elif s.kernel == IN_RANGE and s.kind == b"f":
        return run_in_range(<const float *> at[0], &s.extents.range)
    elif s.kernel == IN_RANGE and s.kind == b"d":
        return run_in_range(<const double *> at[0], &s.extents.range)
    elif s.kernel == IN_RANGE:
        return True
    elif s.kernel == ACCUMULATE and s.kind == b"f":
        run_accumulate(<float *> at[0], <const float *> at[1], &s.extents.range)
    elif s.kernel == ACCUMULATE:
        run_accumulate(<double *> at[0], <const double *> at[1], &s.extents.range)
    elif s.kernel == AT_MOST and s.kind == b"f":
        run_at_most(<float *> at[0], &s.extents.range, 0)
    elif s.kernel == AT_MOST and s.kind == b"d":
        run_at_most(<double *> at[0], &s.extents.range, 0)
    elif s.kernel == AT_MOST:
        run_at_most(<int64_t *> at[0], &s.extents.range, 0)
    elif s.kernel == DROP:
        run_drop(s.kind, at, &s.extents.drop)
    elif s.kernel == DEDUCT:
        return run_deduct(s.kind, at, &s.extents.deduct)
    elif s.kernel == DIVIDE:
        run_divide(s.kind, at, &s.extents.shares)
    elif s.kernel == BELOW:
        run_below(s.kind, at, &s.extents.shares)
    elif s.kernel == NEST:
        if s.kind == b"f":
            run_loops(
                <float *> at[0], <const float *> at[1], <const float *> at[2],
                <const float *> at[3], s.loops, s.n_loops, s.planes, &s.extents.tile,
            )
        elif s.kind == b"d":
            run_loops(
                <double *> at[0], <const double *> at[1], <const double *> at[2],
                <const double *> at[3], s.loops, s.n_loops, s.planes, &s.extents.tile,
            )
        else:
            run_loops(
                <int64_t *> at[0], <const int64_t *> at[1], <const int64_t *> at[2],
                <const int64_t *> at[3], s.loops, s.n_loops, s.planes, &s.extents.tile,
            )
    elif s.kernel == BYTE_NEST:
        correlate_bytes(
            at[0], <const uint8_t *> at[1], <const float *> at[2], <const float *> at[3],
            s.loops, s.n_loops, s.planes, &s.extents.bytes, at[4],
        )
    elif s.kernel == BLUR:
        run_blur(
            <uint8_t *> at[0], <const uint8_t *> at[1], <const uint16_t *> at[2],
            <uint16_t *> at[3], s.loops, s.n_loops, &s.extents.blur,
        )
    elif s.kernel == WINDOWS:
        if s.kind == b"f":
            run_windows(
                <float *> at[0], <const float *> at[1], <const float *> at[2],
                <const float *> at[3], <float *> at[4], s.loops, s.n_loops, s.planes,
                &s.extents.windows,
            )
        elif s.kind == b"d":
            run_windows(
                <double *> at[0], <const double *> at[1], <const double *> at[2],
                <const double *> at[3], <double *> at[4], s.loops, s.n_loops, s.planes,
                &s.extents.windows,
            )
        elif s.kind == b"B":
            run_narrow_windows(
                <uint8_t *> at[0], <const uint8_t *> at[1], <const float *> at[2],
                <const float *> at[3], at[4], s.loops, s.n_loops, s.planes, &s.extents.windows,
            )
        elif s.kind == b"H":
            run_narrow_windows(
                <uint16_t *> at[0], <const uint16_t *> at[1], <const float *> at[2],
                <const float *> at[3], at[4], s.loops, s.n_loops, s.planes, &s.extents.windows,
            )
        else:
            run_windows(
                <int64_t *> at[0], <const int64_t *> at[1], <const int64_t *> at[2],
                <const int64_t *> at[3], <int64_t *> at[4], s.loops, s.n_loops, s.planes,
                &s.extents.windows,
            )
    elif s.kind == b"f":
        run_products(
            <float *> at[0], <const float *> at[1], <const float *> at[2],
            <const float *> at[3], s.loops, s.n_loops, &s.extents.product,
        )
    else:
        run_products(
            <double *> at[0], <const double *> at[1], <const double *> at[2],
            <const double *> at[3], s.loops, s.n_loops, &s.extents.product,
        )
    return True
