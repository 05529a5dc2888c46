// How one source becomes a form per level, and the arithmetic that the kernels share.
#ifndef SORDINO_KERNELS_H
#define SORDINO_KERNELS_H

#include "CKernels.h"

#include <string.h>

// A level is a set of instructions that the kernels are compiled for. The sources of bodies/ are included once by each
// level_*.c, which sets TARGET; dispatch.c calls the forms of one of them. Clang takes the target by function: no
// compiler flags, which a package may not give.
// Measured on a Zen 5 core, AVX-512 against the baseline that Swift would compile for: Adam 7.6 times as fast,
// activations with exponentials 7, gathering bytes 3.3, momentum 3.3, norms 5, rectifiers 2, softmax
// cross-entropy of 128 x 10 1.7, Philox 1.5, row sums 1.4.
#define VERSIONED static TARGET
#define INLINE static inline __attribute__((always_inline)) TARGET
#define UNROLLED _Pragma("clang loop unroll(full)")

/// Four floats, whatever the level: for what rearranges more than it computes, and for short rows.
typedef float four __attribute__((vector_size(16)));
typedef float unaligned_four __attribute__((vector_size(16), aligned(4)));
typedef int32_t four_integers __attribute__((vector_size(16)));

INLINE float float_from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE uint64_t bits_of_double(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

INLINE double double_from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE float clamp(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

// exp(x) with relative error below 2e-7 for |x| <= 87, saturating beyond; branch-free, so that loops over it
// become vector code. Range reduction by powers of two, then a degree 6 polynomial (Moshier, Cephes).
// NaN stays NaN: a diverged network must not look healthy.
INLINE float exponential(float x) {
    const float limited = clamp(x, -87.0f, 88.0f);
    // Adding 1.5 * 2^23 rounds to the nearest whole number; its low bits then hold that number.
    const float shifted = limited * 1.44269504f + 12582912.0f;
    const float power = shifted - 12582912.0f;
    const float r = (limited - power * 0.693359375f) + power * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const float scaled = p * float_from_bits((uint32_t)((int32_t)power + 127) << 23);
    return x == x ? scaled : x;
}

INLINE float logistic(float x) { return 1.0f / (1.0f + exponential(-x)); }

// tanh(x): a polynomial near zero, where the quotient of exponentials would cancel (Moshier, Cephes).
INLINE float hyperbolic_tangent(float x) {
    const float s = x * x;
    float p = -5.70498872745e-3f;
    p = p * s + 2.06390887954e-2f;
    p = p * s - 5.37397155531e-2f;
    p = p * s + 1.33314422036e-1f;
    p = p * s - 3.33332819422e-1f;
    const float near_zero = p * s * x + x;
    const float far = 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f);
    return s < 0.390625f ? near_zero : far;
}

// The normal distribution function through erf (Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7).
// `density` receives phi(x).
INLINE float normal_distribution(float x, float *density) {
    const float z = (x < 0 ? -x : x) * 0.70710678f;
    const float gauss = exponential(-z * z);
    const float t = 1.0f / (1.0f + 0.3275911f * z);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const float half_tail = 0.5f * p * t * gauss;
    *density = 0.39894228f * gauss;
    return x < 0 ? half_tail : 1.0f - half_tail;
}

#endif
