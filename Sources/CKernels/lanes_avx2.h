// Vectors of 8 floats for products.h, and of 4 words for sampler.h. The 16 registers hold a tile of four rows by three vectors, a line of the other
// operand and a factor: 12 sums are what two units with a latency of four need, and more. Tiles of 6 x 2 took 1.1
// times as long for the weights' gradient of ten rows on a Zen 5 core.
#include <immintrin.h>

#define HAS_PRODUCTS
/// Storing some lanes of a vector takes dozens of steps on processors of AMD's before AVX-512.
#define PARTS_ARE_FREE 0
/// Whether there are 32 registers of vectors, not 16.
#define MANY_REGISTERS 0

enum { lanes = 8, product_rows = 4, product_vectors = 3, affine_rows = 3, asks_ahead = 1 };
/// Floats of a block of x in `level_affine`: 128 KiB, a quarter of the smallest second-level caches.
enum { affine_block = 1 << 15 };
#define PRODUCT_CASES_OF(CASE, r) CASE(r, 1) CASE(r, 2) CASE(r, 3)
#define PRODUCT_CASES(CASE) \
    PRODUCT_CASES_OF(CASE, 1) PRODUCT_CASES_OF(CASE, 2) PRODUCT_CASES_OF(CASE, 3) PRODUCT_CASES_OF(CASE, 4)
#define AFFINE_CASES_OF(CASE, r) CASE(r, 1) CASE(r, 2) CASE(r, 3) CASE(r, 4)
#define AFFINE_CASES(CASE) AFFINE_CASES_OF(CASE, 1) AFFINE_CASES_OF(CASE, 2) AFFINE_CASES_OF(CASE, 3)

/// A tile of recurrent.h: six rows by two vectors, two lines and a factor in 16 registers.
enum { panel_rows = 6, panel_vectors = 2 };
#define PANEL_CASES(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

typedef __m256 vector;
typedef __m256i part;
typedef __m128 quad;

INLINE part first_lanes(size_t count) {
    static const int32_t marks[2 * lanes] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i_u *)(marks + lanes - count));
}
INLINE vector zeros(void) { return _mm256_setzero_ps(); }
INLINE vector spread(float value) { return _mm256_set1_ps(value); }
INLINE vector load(const float *place) { return _mm256_loadu_ps(place); }
INLINE vector load_part(const float *place, part present) { return _mm256_maskload_ps(place, present); }
INLINE void store(float *place, vector value) { _mm256_storeu_ps(place, value); }
INLINE void store_part(float *place, vector value, part present) { _mm256_maskstore_ps(place, present, value); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }

// The four sums of the lanes of a, b, c and d.
INLINE quad sums_of_lanes(vector a, vector b, vector c, vector d) {
    const __m256 halves = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

// The first `count` values of four, `count` constant.
INLINE quad load_quad(const float *place, int count) {
    return (quad){place[0], count > 1 ? place[1] : 0, count > 2 ? place[2] : 0, count > 3 ? place[3] : 0};
}
INLINE void store_quad(float *place, quad value, int count) {
    if (count == 4) *(__m128_u *)place = value;
    else for (int i = 0; i < count; i++) place[i] = value[i];
}

#include "draws_avx2.h"
