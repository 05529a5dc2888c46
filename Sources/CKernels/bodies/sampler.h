// Draws of noise that are accepted at once: nearly all of them (Privacy's StripSampler, which decides the others).
//
// Noise is a function of its words, whatever the level: only integers are compared and shifted.

#ifndef HAS_DRAWS
typedef uint64_t draws;
typedef int64_t signed_draws;
enum { draw_lanes = 1 };
INLINE draws load_draws(const uint64_t *words, int stride) { return *words; }
INLINE void look_up(const sordino_strips *strips, const uint64_t *words, int stride, draws *entry, draws *sure) {
    const uint64_t *pair = strips->columns + 2 * (*words >> 54);
    *entry = pair[0];
    *sure = pair[1];
}
INLINE draws where_below(int64_t a, int64_t b) { return a < b; }
// What is random must not become a branch.
INLINE draws choose(draws mask, draws a, draws b) { return __builtin_unpredictable(mask != 0) ? a : b; }
INLINE void store_draws(int64_t *noise, draws values) { *noise = (int64_t)values; }
INLINE uint32_t lanes_of(draws mask) { return mask != 0; }
#endif

// All lanes at once: `noise` receives a value each, and the result has a bit for each that is accepted at once. A word
// holds, from the top, 10 bits of a column, 24 of a unit, one of the sign, and 29 of offset and acceptance; where offsets
// have more than 17 bits they have the next word for themselves, and `is_wide` says so.
INLINE uint32_t draw_some(int64_t *noise, const uint64_t *words, const sordino_strips *strips, const int is_wide) {
    const uint64_t cell_bits = strips->cell_bits;
    const int stride = is_wide ? 2 : 1;
    const draws word = load_draws(words, stride);
    const draws column = word >> 54;
    const draws unit = (word >> 30) & 0xFFFFFF;
    draws entry, sure;
    look_up(strips, words, stride, &entry, &sure);
    // Units below the column's own share stay in its strip.
    const draws is_own = where_below((signed_draws)unit, (signed_draws)(entry & 0xFFFFFFFF));
    const draws strip = choose(is_own, column, entry >> 32);
    const draws limit = choose(is_own, sure & 0xFFFFFFFF, sure >> 32);
    const draws spare = word & 0x1FFFFFFF;
    const draws offset = is_wide ? load_draws(words + 1, 2) >> (64 - cell_bits)
                                 : spare & (((uint64_t)1 << cell_bits) - 1);
    const draws acceptance = is_wide ? spare : spare >> cell_bits;
    const draws magnitude = ((strip << cell_bits) + offset + strips->half) >> (uint64_t)strips->fraction_bits;
    const draws sign = (word >> 29) & 1;
    store_draws(noise, (magnitude ^ (0 - sign)) + sign);
    return lanes_of(where_below((signed_draws)acceptance, (signed_draws)limit));
}

INLINE size_t draw_all(int64_t *noise, const uint64_t *words, size_t count, const sordino_strips *strips,
                       const int is_wide) {
    const size_t words_each = is_wide ? 2 : 1;
    const uint32_t all = (1u << draw_lanes) - 1;
    size_t made = 0;
    for (; count - made >= draw_lanes; made += draw_lanes) {
        const uint32_t accepted = draw_some(noise + made, words + words_each * made, strips, is_wide);
        if (accepted != all) return made + (size_t)__builtin_ctz(~accepted);
    }
    if (made < count) {
        // The last few, with zeros for the words that are not there.
        uint64_t rest[2 * draw_lanes] = {0};
        int64_t values[draw_lanes];
        memcpy(rest, words + words_each * made, 8 * words_each * (count - made));
        const uint32_t accepted = draw_some(values, rest, strips, is_wide) & ((1u << (count - made)) - 1);
        const size_t more = (size_t)__builtin_ctz(~accepted);
        memcpy(noise + made, values, 8 * more);
        made += more;
        // Whoever reads these knows the noise.
        memset(rest, 0, sizeof rest);
        memset(values, 0, sizeof values);
        __asm__ volatile("" : : "r"(rest), "r"(values) : "memory");
    }
    return made;
}

VERSIONED size_t level_draw_strips(int64_t *noise, const uint64_t *words, size_t count, const sordino_strips *strips) {
    return strips->cell_bits > 17 ? draw_all(noise, words, count, strips, 1)
                                  : draw_all(noise, words, count, strips, 0);
}
