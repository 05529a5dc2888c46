// Between floating-point updates and the integers of a report.

#ifndef HAS_WIDE_CONVERSIONS
// The bits of a bound as a float, finite: infinities are above every bound.
INLINE uint32_t greatest_magnitude(double bound) {
    const uint32_t bits = bits_of_float((float)bound);
    return bits < 0x7F800000u ? bits : 0x7F7FFFFFu;
}
#endif

#ifdef HAS_WIDE_CONVERSIONS
VERSIONED void level_add_rounded(uint64_t *restrict sum, const float *restrict x, double factor, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] += (uint64_t)(int64_t)__builtin_rint((double)x[i] * factor);
}
#else
// Without an instruction from numbers to integers of 64 bits the compiler goes through scalars. Below 2^51, adding
// 1.5 * 2^52 rounds in the same way, ties to even, and leaves the integer in the low bits. Blocks with a value that is
// too large for that take the long way.
VERSIONED void level_add_rounded(uint64_t *restrict sum, const float *restrict x, double factor, size_t n) {
    enum { block = 1024 };
    const double magic = 0x1.8p52;
    const uint64_t offset = bits_of_double(magic);
    const uint32_t largest = greatest_magnitude(0x1p50 / __builtin_fabs(factor));
    for (size_t start = 0; start < n; start += block) {
        const size_t end = n - start < block ? n : start + block;
        // Bits of magnitudes are in their order, and those of NaN above all.
        uint32_t greatest = 0;
        for (size_t i = start; i < end; i++) {
            const uint32_t magnitude = bits_of_float(x[i]) & 0x7FFFFFFFu;
            greatest = magnitude > greatest ? magnitude : greatest;
        }
        if (greatest <= largest) {
            for (size_t i = start; i < end; i++) {
                // Two statements: a fused multiply-add would round once where the definition rounds twice.
                const double value = (double)x[i] * factor;
                sum[i] += bits_of_double(value + magic) - offset;
            }
        } else {
            for (size_t i = start; i < end; i++) {
                sum[i] += (uint64_t)(int64_t)__builtin_rint((double)x[i] * factor);
            }
        }
    }
}
#endif

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

// One value as the interface defines it.
INLINE float noisy_on_grid(float value, int64_t noise, double scale, double step) {
    const double scaled = (double)value * scale;
    const int fits = __builtin_fabs(scaled) < 0x1p53;
    const int64_t cell = (int64_t)__builtin_round(fits ? scaled : 0.0);
    const float noisy = (float)((double)(int64_t)((uint64_t)cell + (uint64_t)noise) * step);
    return fits ? noisy : __builtin_nanf("");
}

#ifdef HAS_WIDE_CONVERSIONS
VERSIONED void level_add_noise_on_grid(float *restrict sum, const int64_t *restrict noise, double scale, size_t n) {
    const double step = 1 / scale;
    for (size_t i = 0; i < n; i++) sum[i] = noisy_on_grid(sum[i], noise[i], scale, step);
}
#else
// As in `level_add_rounded`: where cells and noise lie below 2^51 their sums are exact in floating point.
VERSIONED void level_add_noise_on_grid(float *restrict sum, const int64_t *restrict noise, double scale, size_t n) {
    enum { block = 256 };
    const double step = 1 / scale;
    const double magic = 0x1.8p52;
    const uint64_t offset = bits_of_double(magic);
    const uint32_t largest = greatest_magnitude(0x1p50 / scale);
    for (size_t start = 0; start < n; start += block) {
        const size_t end = n - start < block ? n : start + block;
        uint32_t greatest = 0;
        // A bit above the 50th for each noise that is not within -2^50 ..< 2^50.
        uint64_t beyond = 0;
        for (size_t i = start; i < end; i++) {
            const uint32_t magnitude = bits_of_float(sum[i]) & 0x7FFFFFFFu;
            greatest = magnitude > greatest ? magnitude : greatest;
            beyond |= (uint64_t)noise[i] + ((uint64_t)1 << 50);
        }
        if (greatest <= largest && beyond >> 51 == 0) {
            for (size_t i = start; i < end; i++) {
                const double cell = __builtin_round((double)sum[i] * scale);
                sum[i] = (float)((cell + (double_from_bits((uint64_t)noise[i] + offset) - magic)) * step);
            }
        } else {
            for (size_t i = start; i < end; i++) sum[i] = noisy_on_grid(sum[i], noise[i], scale, step);
        }
    }
}
#endif
