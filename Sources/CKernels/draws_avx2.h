// Four draws for sampler.h, at the levels AVX2 and AVX-512. Instructions that gather from memory take longer on AMD's
// processors than four loads; vectors of eight draws were no faster.
#define HAS_DRAWS
enum { draw_lanes = 4 };
typedef uint64_t draws __attribute__((vector_size(32)));
typedef int64_t signed_draws __attribute__((vector_size(32)));

INLINE draws load_draws(const uint64_t *words, int stride) {
    if (stride == 1) return (draws)_mm256_loadu_si256((const __m256i_u *)words);
    return (draws){words[0], words[stride], words[2 * stride], words[3 * stride]};
}
// A column's pair of words is one load; two shuffles then part the entries from the bounds.
INLINE void look_up(const sordino_strips *strips, const uint64_t *words, int stride, draws *entry, draws *sure) {
    const __m128i_u *columns = (const __m128i_u *)strips->columns;
    const __m256i even = _mm256_setr_m128i(_mm_loadu_si128(columns + (words[0] >> 54)),
                                           _mm_loadu_si128(columns + (words[2 * stride] >> 54)));
    const __m256i odd = _mm256_setr_m128i(_mm_loadu_si128(columns + (words[stride] >> 54)),
                                          _mm_loadu_si128(columns + (words[3 * stride] >> 54)));
    *entry = (draws)_mm256_unpacklo_epi64(even, odd);
    *sure = (draws)_mm256_unpackhi_epi64(even, odd);
}
INLINE draws where_below(signed_draws a, signed_draws b) { return (draws)(a < b); }
INLINE draws choose(draws mask, draws a, draws b) { return (a & mask) | (b & ~mask); }
INLINE void store_draws(int64_t *noise, draws values) { _mm256_storeu_si256((__m256i_u *)noise, (__m256i)values); }
INLINE uint32_t lanes_of(draws mask) { return (uint32_t)_mm256_movemask_pd((__m256d)mask); }
