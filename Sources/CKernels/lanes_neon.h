// Vectors of 4 floats for products.h, and of 2 words for sampler.h. The 32 registers hold a tile of six rows by four vectors, a line of the other
// operand and a factor.
#define HAS_PRODUCTS
#define PARTS_ARE_FREE 0
/// Whether there are 32 registers of vectors, not 16.
#define MANY_REGISTERS 1

enum { lanes = 4, product_rows = 6, product_vectors = 4, affine_rows = 6, asks_ahead = 0 };
/// Floats of a block of x in `level_affine`: 128 KiB, a quarter of the smallest second-level caches.
enum { affine_block = 1 << 15 };
#define PRODUCT_CASES_OF(CASE, r) CASE(r, 1) CASE(r, 2) CASE(r, 3) CASE(r, 4)
#define PRODUCT_CASES(CASE)                                                                             \
    PRODUCT_CASES_OF(CASE, 1) PRODUCT_CASES_OF(CASE, 2) PRODUCT_CASES_OF(CASE, 3) PRODUCT_CASES_OF(CASE, 4) \
    PRODUCT_CASES_OF(CASE, 5) PRODUCT_CASES_OF(CASE, 6)
#define AFFINE_CASES(CASE) PRODUCT_CASES(CASE)

/// A tile of recurrent.h: six rows by four vectors.
enum { panel_rows = 6, panel_vectors = 4 };
#define PANEL_CASES(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

typedef float vector __attribute__((vector_size(16)));
typedef float unaligned_vector __attribute__((vector_size(16), aligned(4)));
typedef size_t part;
typedef vector quad;

INLINE part first_lanes(size_t count) { return count; }
INLINE vector zeros(void) { return (vector){0}; }
INLINE vector spread(float value) { return (vector){value, value, value, value}; }
INLINE vector load(const float *place) { return *(const unaligned_vector *)place; }
INLINE vector load_part(const float *place, part present) {
    return (vector){place[0], present > 1 ? place[1] : 0, present > 2 ? place[2] : 0, present > 3 ? place[3] : 0};
}
INLINE void store(float *place, vector value) { *(unaligned_vector *)place = value; }
INLINE void store_part(float *place, vector value, part present) {
    for (size_t lane = 0; lane < present; lane++) place[lane] = value[lane];
}
INLINE vector multiply_add(vector a, vector b, vector c) { return __builtin_elementwise_fma(a, b, c); }

// The four sums of the lanes of a, b, c and d.
INLINE quad sums_of_lanes(vector a, vector b, vector c, vector d) {
    const vector ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const vector cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

// The first `count` values of four, `count` constant.
INLINE quad load_quad(const float *place, int count) {
    return (quad){place[0], count > 1 ? place[1] : 0, count > 2 ? place[2] : 0, count > 3 ? place[3] : 0};
}
INLINE void store_quad(float *place, quad value, int count) {
    if (count == 4) *(unaligned_vector *)place = value;
    else for (int i = 0; i < count; i++) place[i] = value[i];
}

// MARK: Two draws for sampler.h

#define HAS_DRAWS
enum { draw_lanes = 2 };
typedef uint64_t draws __attribute__((vector_size(16)));
typedef int64_t signed_draws __attribute__((vector_size(16)));
typedef draws unaligned_draws __attribute__((aligned(8)));

INLINE draws load_draws(const uint64_t *words, int stride) { return (draws){words[0], words[stride]}; }
INLINE void look_up(const sordino_strips *strips, const uint64_t *words, int stride, draws *entry, draws *sure) {
    const draws first = *(const unaligned_draws *)(strips->columns + 2 * (words[0] >> 54));
    const draws second = *(const unaligned_draws *)(strips->columns + 2 * (words[stride] >> 54));
    *entry = __builtin_shufflevector(first, second, 0, 2);
    *sure = __builtin_shufflevector(first, second, 1, 3);
}
INLINE draws where_below(signed_draws a, signed_draws b) { return (draws)(a < b); }
INLINE draws choose(draws mask, draws a, draws b) { return (a & mask) | (b & ~mask); }
INLINE void store_draws(int64_t *noise, draws values) { *(unaligned_draws *)noise = values; }
INLINE uint32_t lanes_of(draws mask) { return (uint32_t)((mask[0] & 1) | (mask[1] & 2)); }
