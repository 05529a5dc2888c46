// Between floating-point updates and the integers of a report.

VERSIONED void level_add_rounded(uint64_t *restrict sum, const float *restrict x, double factor, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] += (uint64_t)(int64_t)__builtin_rint((double)x[i] * factor);
}

// Adds a square to the sum. Split at bit 31, not 32: there the compiler takes a detour over 32-bit lanes that
// takes twice the time.
INLINE void add_square(sordino_squares *sum, int32_t x) {
    const int64_t wide = x;
    const uint64_t square = (uint64_t)(wide * wide);
    sum->low += square & 0x7FFFFFFFu;
    sum->high += square >> 31;
}

VERSIONED sordino_squares level_round_to_nearest(int32_t *restrict out, const float *restrict x, double factor,
                                                   size_t n) {
    sordino_squares sum = {0, 0};
    for (size_t i = 0; i < n; i++) {
        const int32_t rounded = (int32_t)__builtin_ceil((double)x[i] * factor - 0.5);
        out[i] = rounded;
        add_square(&sum, rounded);
    }
    return sum;
}

VERSIONED double level_add_nearest(uint32_t *restrict sum, const float *restrict x, double factor, size_t n) {
#pragma clang fp reassociate(on)
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double rounded = __builtin_ceil((double)x[i] * factor - 0.5);
        sum[i] += (uint32_t)(int32_t)rounded;
        squares += rounded * rounded;
    }
    return squares;
}

VERSIONED sordino_squares level_round_randomly(int32_t *restrict out, const float *restrict x, double factor,
                                                 const uint32_t *restrict coins, size_t n) {
    sordino_squares sum = {0, 0};
    for (size_t i = 0; i < n; i++) {
        const double value = (double)x[i] * factor;
        const double floor = __builtin_floor(value);
        // Exact: floor differs from value by less than one. The comparison adds one with that probability.
        const double above = (double)coins[i] < (value - floor) * 0x1p32 ? 1.0 : 0.0;
        const int32_t rounded = (int32_t)(floor + above);
        out[i] = rounded;
        add_square(&sum, rounded);
    }
    return sum;
}

VERSIONED void level_add_integers(uint32_t *restrict sum, const int32_t *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] += (uint32_t)x[i];
}

VERSIONED void level_add_noise_on_grid(float *restrict sum, const int64_t *restrict noise, double scale, size_t n) {
    const double step = 1 / scale;
    for (size_t i = 0; i < n; i++) {
        const double scaled = (double)sum[i] * scale;
        const int fits = __builtin_fabs(scaled) < 0x1p53;
        const int64_t cell = (int64_t)__builtin_round(fits ? scaled : 0.0);
        const float noisy = (float)((double)(int64_t)((uint64_t)cell + (uint64_t)noise[i]) * step);
        sum[i] = fits ? noisy : __builtin_nanf("");
    }
}
