// Keystream to words of a ring. Sections, not bits one behind the other: 64 lanes in a row then want the same shift.

enum { lane_group = 64 };

// words += `count` lanes of one group, with `first` and `second` bits above the low 16 at these places of a and b.
INLINE void add_group(uint32_t *restrict words, const uint16_t *restrict low, const uint8_t *restrict a, unsigned place_a,
                      unsigned first, const uint8_t *restrict b, unsigned place_b, unsigned second, uint32_t sign,
                      size_t count) {
    const uint32_t mask_a = (1u << first) - 1, mask_b = (1u << second) - 1;
    for (size_t j = 0; j < count; j++) {
        uint32_t lane = low[j];
        if (first) lane |= ((uint32_t)a[j] >> place_a & mask_a) << 16;
        if (second) lane |= ((uint32_t)b[j] >> place_b & mask_b) << (16 + first);
        words[j] += (lane ^ sign) - sign;
    }
}

// words += lanes; `first` and `second` are constants at the call.
INLINE void add_sections(uint32_t *restrict words, const uint8_t *restrict lanes, unsigned first, unsigned second,
                         uint32_t sign, size_t n) {
    const unsigned one = first ? first : 1, other = second ? second : 1;
    for (size_t start = 0; start < n; start += sordino_lane_block) {
        const uint16_t *low = (const uint16_t *)lanes;
        const uint8_t *upper = lanes + 2 * sordino_lane_block;
        const uint8_t *uppermost = upper + sordino_lane_block / 8 * first;
        for (unsigned k = 0; k < sordino_lane_block / lane_group; k++) {
            const size_t place = start + k * lane_group;
            if (place >= n) return;
            const uint8_t *a = upper + k % one * lane_group, *b = uppermost + k % other * lane_group;
            const uint16_t *of_group = low + k * lane_group;
            // Whole groups with a constant count: no loops for what is left over.
            if (n - place >= lane_group) {
                add_group(words + place, of_group, a, k / one * one, first, b, k / other * other, second, sign, lane_group);
            } else {
                add_group(words + place, of_group, a, k / one * one, first, b, k / other * other, second, sign, n - place);
            }
        }
        lanes += sordino_lane_block / 8 * (16 + first + second);
    }
}

// The same with sections of 16 and 16 bits.
INLINE void add_halves(uint32_t *restrict words, const uint8_t *restrict lanes, uint32_t sign, size_t n) {
    for (size_t start = 0; start < n; start += sordino_lane_block) {
        const uint16_t *low = (const uint16_t *)lanes, *high = low + sordino_lane_block;
        const size_t count = n - start < sordino_lane_block ? n - start : sordino_lane_block;
        uint32_t *target = words + start;
        for (size_t j = 0; j < count; j++) target[j] += ((low[j] | (uint32_t)high[j] << 16) ^ sign) - sign;
        lanes += 4 * sordino_lane_block;
    }
}

VERSIONED void level_add_lanes(uint32_t *words, const uint8_t *lanes, unsigned high_bits, uint32_t sign, size_t n) {
    switch (high_bits) {
    case 0: return add_sections(words, lanes, 0, 0, sign, n);
    case 1: return add_sections(words, lanes, 1, 0, sign, n);
    case 2: return add_sections(words, lanes, 2, 0, sign, n);
    case 3: return add_sections(words, lanes, 2, 1, sign, n);
    case 4: return add_sections(words, lanes, 4, 0, sign, n);
    case 8: return add_sections(words, lanes, 8, 0, sign, n);
    default: return add_halves(words, lanes, sign, n);
    }
}
