// Sixteen floats as one value at every level: sums and maxima along a row are then in one order everywhere.

// The warning is of calls between levels: every function that takes or gives a wide value is inlined.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float wide __attribute__((ext_vector_type(16)));
typedef int32_t wide_integers __attribute__((ext_vector_type(16)));
typedef wide wide_anywhere __attribute__((aligned(4)));

enum { wide_lanes = 16 };

INLINE wide load_wide(const float *place) { return *(const wide_anywhere *)place; }
INLINE void store_wide(float *place, wide value) { *(wide_anywhere *)place = value; }
/// `value` in the first `count` lanes, `other` in those after.
INLINE wide first_of(wide value, int32_t count, wide other) {
    const wide_integers lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return lane < (wide_integers)count ? value : other;
}
/// The `count` floats there, fewer than a wide has, then zeros; reads nothing beyond them.
INLINE wide load_rest(const float *place, size_t count) {
    float rest[wide_lanes] = {0};
    for (size_t lane = 0; lane < count; lane++) rest[lane] = place[lane];
    return load_wide(rest);
}
INLINE wide larger(wide a, wide b) { return a > b ? a : b; }

INLINE float sum_of_wide(wide x) {
    const __typeof__(x.lo) eight = x.lo + x.hi;
    const __typeof__(eight.lo) four = eight.lo + eight.hi;
    return (four.x + four.z) + (four.y + four.w);
}

INLINE float maximum_of_wide(wide x) {
    const __typeof__(x.lo) eight = x.lo > x.hi ? x.lo : x.hi;
    const __typeof__(eight.lo) four = eight.lo > eight.hi ? eight.lo : eight.hi;
    const float a = four.x > four.z ? four.x : four.z, b = four.y > four.w ? four.y : four.w;
    return a > b ? a : b;
}

// `exponential` of kernels.h in all lanes.
INLINE wide exponential_of_wide(wide x) {
    wide limited = x < (wide)-87.0f ? (wide)-87.0f : x;
    limited = limited > (wide)88.0f ? (wide)88.0f : limited;
    const wide shifted = limited * 1.44269504f + 12582912.0f;
    const wide power = shifted - 12582912.0f;
    const wide r = (limited - power * 0.693359375f) + power * 2.12194440e-4f;
    wide p = (wide)1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const wide_integers scale = (__builtin_convertvector(power, wide_integers) + 127) << 23;
    const wide scaled = p * (wide)scale;
    return x == x ? scaled : x;
}

/// The greatest of `count` values, -infinity where there is none; what is not a number is passed over.
INLINE float greatest_of(const float *x, size_t count) {
    wide first = (wide)-__builtin_inff(), second = first;
    size_t i = 0;
    for (; i + 2 * wide_lanes <= count; i += 2 * wide_lanes) {
        first = larger(load_wide(x + i), first);
        second = larger(load_wide(x + i + wide_lanes), second);
    }
    float greatest = maximum_of_wide(larger(first, second));
    for (; i < count; i++) greatest = x[i] > greatest ? x[i] : greatest;
    return greatest;
}

/// Sum of a[i] * b[i].
INLINE float dot_of(const float *a, const float *b, size_t count) {
    wide sum = (wide)0.0f;
    size_t i = 0;
    for (; i + wide_lanes <= count; i += wide_lanes) sum += load_wide(a + i) * load_wide(b + i);
    float total = sum_of_wide(sum);
    for (; i < count; i++) total += a[i] * b[i];
    return total;
}
