// Vectors of 16 floats for products.h, and of 4 words for sampler.h. The 32 registers hold a tile of six rows by four vectors, a line of the other
// operand and a factor.
#include <immintrin.h>

#define HAS_PRODUCTS
/// Whether a vector of which only the first lanes are there costs no more than a whole one.
#define PARTS_ARE_FREE 1
/// Whether there are 32 registers of vectors, not 16.
#define MANY_REGISTERS 1

enum { lanes = 16, product_rows = 6, product_vectors = 4, affine_rows = 6, asks_ahead = 0 };
/// Floats of a block of x in `level_affine`.
enum { affine_block = 1 << 30 };
#define PRODUCT_CASES_OF(CASE, r) CASE(r, 1) CASE(r, 2) CASE(r, 3) CASE(r, 4)
#define PRODUCT_CASES(CASE)                                                                             \
    PRODUCT_CASES_OF(CASE, 1) PRODUCT_CASES_OF(CASE, 2) PRODUCT_CASES_OF(CASE, 3) PRODUCT_CASES_OF(CASE, 4) \
    PRODUCT_CASES_OF(CASE, 5) PRODUCT_CASES_OF(CASE, 6)
#define AFFINE_CASES(CASE) PRODUCT_CASES(CASE)

/// A tile of recurrent.h: twelve rows, so that a federated batch is one tile.
enum { panel_rows = 12, panel_vectors = 2 };
#define PANEL_CASES(CASE) \
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)

typedef __m512 vector;
typedef __mmask16 part;
typedef __m128 quad;

INLINE part first_lanes(size_t count) { return (part)((1u << count) - 1); }
INLINE vector zeros(void) { return _mm512_setzero_ps(); }
INLINE vector spread(float value) { return _mm512_set1_ps(value); }
INLINE vector load(const float *place) { return _mm512_loadu_ps(place); }
INLINE vector load_part(const float *place, part present) { return _mm512_maskz_loadu_ps(present, place); }
INLINE void store(float *place, vector value) { _mm512_storeu_ps(place, value); }
INLINE void store_part(float *place, vector value, part present) { _mm512_mask_storeu_ps(place, present, value); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }

// The four sums of the lanes of a, b, c and d: fold within quarters by shuffles, then across quarters.
INLINE quad sums_of_lanes(vector a, vector b, vector c, vector d) {
    const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const __m512 quarters = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
    const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(quarters), _mm512_extractf32x8_ps(quarters, 1));
    return _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1));
}

// The first `count` values of four, `count` constant.
INLINE quad load_quad(const float *place, int count) { return _mm_maskz_loadu_ps((__mmask8)((1u << count) - 1), place); }
INLINE void store_quad(float *place, quad value, int count) {
    _mm_mask_storeu_ps(place, (__mmask8)((1u << count) - 1), value);
}

#include "draws_avx2.h"
