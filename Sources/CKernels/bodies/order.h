// Order statistics of many columns at once, and weighted sums of rows: what robust rules do with single updates.
//
// Columns are sorted by a network of compare-exchanges, each of which is a minimum and a maximum of two rows: no
// branch depends on the values, and as many columns go through it as a vector has lanes.

enum { order_width = sordino_order_width };

// Keys are the bits of floats as integers in the order of the values, and above them all INT32_MAX for what is not a number.
INLINE float value_of_key(int32_t key) {
    const uint32_t bits = (uint32_t)(key ^ (int32_t)((uint32_t)(key >> 31) >> 1));
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

VERSIONED void level_on_grid(float *out, const float *x, float factor, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float scaled = __builtin_rintf(x[i] * factor);
        out[i] = __builtin_fabsf(scaled) <= __FLT_MAX__ ? scaled : __builtin_nanf("");
    }
}

// Columns of one cache line of keys: as many as the widest vectors hold; narrower ones take several.
typedef int32_t order_lanes __attribute__((vector_size(64)));
typedef float order_floats __attribute__((vector_size(64), aligned(4)));
enum { order_lane_count = 16, order_group = 8 };

INLINE void order_exchange(order_lanes *first, order_lanes *second) {
    const order_lanes a = *first, b = *second;
    *first = __builtin_elementwise_min(a, b);
    *second = __builtin_elementwise_max(a, b);
}

// The best network for eight values: 19 exchanges (Knuth, The Art of Computer Programming 3, section 5.3.4).
INLINE void order_eight(order_lanes *v) {
    static const uint8_t pairs[19][2] = {{0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7}, {0, 1}, {2, 3},
                                         {4, 5}, {6, 7}, {2, 4}, {3, 5}, {1, 4}, {3, 6}, {1, 2}, {3, 4}, {5, 6}};
#pragma clang loop unroll(full)
    for (int p = 0; p < 19; p++) order_exchange(v + pairs[p][0], v + pairs[p][1]);
}

VERSIONED int level_order_groups(int32_t *keys, const float *x, size_t x_row, const uint32_t *rows, size_t count) {
    order_lanes missing = {0};
    for (size_t c = 0; c < order_width; c += order_lane_count) {
        for (size_t start = 0; start < count; start += order_group) {
            const size_t filled = count - start < order_group ? count - start : order_group;
            order_lanes v[order_group];
            for (size_t r = 0; r < order_group; r++) {
                if (r >= filled) {
                    v[r] = (order_lanes){0} + INT32_MAX;
                    continue;
                }
                const order_floats value = *(const order_floats *)(x + (size_t)rows[start + r] * x_row + c);
                const order_lanes bits = (order_lanes)value;
                const order_lanes is_number = value == value;
                v[r] = ((bits ^ ((bits >> 31) & INT32_MAX)) & is_number) | (~is_number & INT32_MAX);
                missing |= ~is_number;
            }
            order_eight(v);
            for (size_t r = 0; r < filled; r++) {
                *(order_lanes *)(keys + (start + r) * order_width + c) = v[r];
            }
        }
    }
    int any = 0;
    for (int lane = 0; lane < order_lane_count; lane++) any |= missing[lane];
    return any != 0;
}

VERSIONED void level_order_columns(int32_t *keys, const uint32_t *pairs, size_t count) {
    for (size_t p = 0; p < count; p++) {
        order_lanes *first = (order_lanes *)(keys + (size_t)pairs[2 * p] * order_width);
        order_lanes *second = (order_lanes *)(keys + (size_t)pairs[2 * p + 1] * order_width);
        for (size_t c = 0; c < order_width / order_lane_count; c++) order_exchange(first + c, second + c);
    }
}

VERSIONED void level_mean_of_keys(double *restrict out, const int32_t *restrict keys, size_t rows, int has_missing) {
    double sums[order_width];
    for (size_t c = 0; c < order_width; c++) sums[c] = 0;
    if (!has_missing) {
        for (size_t r = 0; r < rows; r++) {
            const int32_t *restrict row = keys + r * order_width;
            for (size_t c = 0; c < order_width; c++) sums[c] += (double)value_of_key(row[c]);
        }
        for (size_t c = 0; c < order_width; c++) out[c] = sums[c] / (double)(rows > 0 ? rows : 1);
        return;
    }
    int32_t counts[order_width];
    for (size_t c = 0; c < order_width; c++) counts[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const int32_t *restrict row = keys + r * order_width;
        for (size_t c = 0; c < order_width; c++) {
            const int32_t is_number = row[c] != INT32_MAX;
            sums[c] += (double)value_of_key(is_number ? row[c] : 0);
            counts[c] += is_number;
        }
    }
    for (size_t c = 0; c < order_width; c++) out[c] = sums[c] / (double)(counts[c] > 0 ? counts[c] : 1);
}

// Of sorted values v the k nearest their median m are k in a row, and the first of them has as many before it as there are l with
// m - v[l] > v[l + k] - m: of v[l] and v[l + k] one is too much, and that is v[l] where it is the farther.
INLINE double mean_near_median(const int32_t *keys, size_t rows, size_t wanted, size_t column) {
    size_t filled = rows;
    while (filled > 0 && keys[(filled - 1) * order_width + column] == INT32_MAX) filled--;
    if (filled == 0) return 0;
    const size_t kept = wanted < 1 ? 1 : wanted < filled ? wanted : filled;
    const int32_t *own = keys + column;
    const double median = ((double)value_of_key(own[(filled - 1) / 2 * order_width]) +
                           (double)value_of_key(own[filled / 2 * order_width])) / 2;
    size_t first = 0;
    for (size_t l = 0; l + kept < filled; l++) {
        first += median - (double)value_of_key(own[l * order_width]) >
                 (double)value_of_key(own[(l + kept) * order_width]) - median;
    }
    double sum = 0;
    for (size_t r = first; r < first + kept; r++) sum += (double)value_of_key(own[r * order_width]);
    return sum / (double)kept;
}

VERSIONED void level_mean_near_median(double *restrict out, const int32_t *restrict keys, size_t rows, size_t wanted,
                                      int has_missing) {
    if (has_missing || rows == 0 || wanted < 1 || wanted > rows) {
        for (size_t c = 0; c < order_width; c++) out[c] = mean_near_median(keys, rows, wanted, c);
        return;
    }
    double medians[order_width], sums[order_width];
    int32_t firsts[order_width];
    for (size_t c = 0; c < order_width; c++) {
        medians[c] = ((double)value_of_key(keys[(rows - 1) / 2 * order_width + c]) +
                      (double)value_of_key(keys[rows / 2 * order_width + c])) / 2;
        sums[c] = 0;
        firsts[c] = 0;
    }
    for (size_t l = 0; l + wanted < rows; l++) {
        const int32_t *restrict low = keys + l * order_width, *restrict high = keys + (l + wanted) * order_width;
        for (size_t c = 0; c < order_width; c++) {
            firsts[c] += medians[c] - (double)value_of_key(low[c]) > (double)value_of_key(high[c]) - medians[c];
        }
    }
    for (size_t r = 0; r < rows; r++) {
        const int32_t *restrict row = keys + r * order_width;
        for (size_t c = 0; c < order_width; c++) {
            const int is_kept = (uint32_t)((int32_t)r - firsts[c]) < (uint32_t)wanted;
            sums[c] += is_kept ? (double)value_of_key(row[c]) : 0.0;
        }
    }
    for (size_t c = 0; c < order_width; c++) out[c] = sums[c] / (double)wanted;
}

VERSIONED void level_add_scaled_wide(double *restrict sum, const float *restrict x, double factor, size_t n) {
    for (size_t i = 0; i < n; i++) {
        // Two statements: fused, the portable level would round once more than the others.
        const double term = (double)x[i] * factor;
        sum[i] += term;
    }
}
