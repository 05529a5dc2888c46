// Attention of one example, softmax(q kT / sqrt(head size)) v for each head, in tiles: of the square of scores only
// `tile_rows` by `tile_keys` exist at a time (Dao et al. 2022, FlashAttention, algorithm 1; backward as its algorithm 4
// from each row's log-sum-exp). Products are those of products.h on parts of the fused matrix, which is not taken apart:
// keys and values only are turned, because a score's vector runs over keys.

enum { tile_rows = sordino_attention_tile_rows, tile_keys = sordino_attention_tile_keys };

/// Rows of a wider matrix: the first value, and the floats from one row to the next.
typedef struct {
    float *base;
    size_t row;
} rows_of;

/// What the tiles of one head read.
typedef struct {
    rows_of queries, keys, values;
    /// [blocks of tile_keys][head size][tile_keys]: keys turned, zero beyond the last.
    const float *turned_keys, *turned_values;
    size_t length, size;
    int is_causal;
    float scale;
} head_of;

/// out[block][l][key] = in[key][l], zero in the last block beyond `length`.
INLINE void turn(float *out, rows_of in, size_t length, size_t size) {
    for (size_t start = 0; start < length; start += tile_keys, out += size * tile_keys) {
        const size_t count = length - start < tile_keys ? length - start : tile_keys;
        if (count < tile_keys) memset(out, 0, size * tile_keys * sizeof(float));
        const float *from = in.base + start * in.row;
        for (size_t key = 0; key < count; key++) {
            for (size_t l = 0; l < size; l++) out[l * tile_keys + key] = from[key * in.row + l];
        }
    }
}

/// Turns the pairs (l, l + size / 2) of each row by the angles of its position (Su et al. 2021, RoFormer, section
/// 3.4.2, in the halves that Llama's code pairs), backwards where `direction` is -1. `out` may be `in`.
INLINE void rotate(rows_of out, rows_of in, const float *table, size_t length, size_t size, float direction) {
    const size_t half = size / 2;
    for (size_t t = 0; t < length; t++) {
        const float *cosines = table + t * size, *sines = cosines + half;
        const float *from = in.base + t * in.row;
        float *place = out.base + t * out.row;
        for (size_t l = 0; l < half; l++) {
            const float first = from[l], second = from[l + half], sine = direction * sines[l];
            place[l] = first * cosines[l] - second * sine;
            place[l + half] = second * cosines[l] + first * sine;
        }
    }
}

/// Keys of the block at `start` that the tile of `rows` rows at `row` sees.
INLINE size_t keys_seen(const head_of *head, size_t row, size_t rows, size_t start) {
    const size_t end = head->is_causal ? row + rows : head->length;
    return end <= start ? 0 : end - start < tile_keys ? end - start : tile_keys;
}

/// How many of the `count` keys from `start` on row `row` sees.
INLINE int32_t keys_of_row(const head_of *head, size_t row, size_t start, size_t count) {
    if (!head->is_causal) return (int32_t)count;
    const size_t seen = row + 1 <= start ? 0 : row + 1 - start;
    return (int32_t)(seen < count ? seen : count);
}

INLINE size_t whole_wides(size_t count) { return (count + wide_lanes - 1) / wide_lanes * wide_lanes; }

/// scores = scale * (rows of a) (turned b), for whole wides of keys.
INLINE void score(float *scores, rows_of a, const float *turned, const head_of *head, size_t row, size_t rows,
                  size_t start, size_t keys, float scale) {
    product_between(scores, tile_keys, a.base + row * a.row, a.row, 1, turned + start * head->size, tile_keys, rows,
                    whole_wides(keys), head->size, scale, 0);
}

/// Makes the first `seen` scores exp(score - the new maximum), those after them zero; returns what earlier sums must be
/// multiplied with, and moves maximum and sum on.
INLINE float soften(float *scores, int32_t seen, size_t keys, float *maximum, float *sum) {
    const wide none = (wide)-__builtin_inff(), zero = (wide)0.0f;
    const size_t covered = whole_wides((size_t)seen);
    wide top = none, total = zero;
    for (size_t c = 0; c < covered; c += wide_lanes) {
        top = larger(first_of(load_wide(scores + c), seen - (int32_t)c, none), top);
    }
    const float greatest = maximum_of_wide(top), next = greatest > *maximum ? greatest : *maximum;
    for (size_t c = 0; c < covered; c += wide_lanes) {
        const wide weight = first_of(exponential_of_wide(load_wide(scores + c) - next), seen - (int32_t)c, zero);
        store_wide(scores + c, weight);
        total += weight;
    }
    for (size_t c = covered; c < keys; c += wide_lanes) store_wide(scores + c, zero);
    const float factor = *maximum < next ? exponential(*maximum - next) : 1.0f;
    *sum = *sum * factor + sum_of_wide(total);
    *maximum = next;
    return factor;
}

INLINE void multiply_by(float *x, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

/// The output rows from `row` on, and their log-sum-exps.
VERSIONED void attend_from(const head_of *head, size_t row, size_t rows, rows_of out, float *log_sums, float *scores) {
    float maxima[tile_rows], sums[tile_rows];
    for (size_t r = 0; r < rows; r++) maxima[r] = -__builtin_inff(), sums[r] = 0;
    float *place = out.base + row * out.row;
    for (size_t start = 0; start < head->length; start += tile_keys) {
        const size_t keys = keys_seen(head, row, rows, start);
        if (keys == 0) break;
        score(scores, head->queries, head->turned_keys, head, row, rows, start, keys, head->scale);
        for (size_t r = 0; r < rows; r++) {
            const int32_t seen = keys_of_row(head, row + r, start, keys);
            const float factor = soften(scores + r * tile_keys, seen, whole_wides(keys), maxima + r, sums + r);
            if (start > 0) multiply_by(place + r * out.row, factor, head->size);
        }
        product_between(place, out.row, scores, tile_keys, 1, head->values.base + start * head->values.row,
                        head->values.row, rows, head->size, keys, 1, start > 0 ? 1 : 0);
    }
    for (size_t r = 0; r < rows; r++) {
        multiply_by(place + r * out.row, 1.0f / sums[r], head->size);
        log_sums[row + r] = maxima[r] + logf(sums[r]);
    }
}

/// Sets `size` values of rows `first ..< end` to zero.
INLINE void clear(rows_of place, size_t first, size_t end, size_t size) {
    for (size_t t = first; t < end; t++) memset(place.base + t * place.row, 0, size * sizeof(float));
}

/// Asks for what will be read in strips, which no processor foresees, in the order in which it lies: of a short sequence,
/// which the second-level cache keeps until its last head.
INLINE void ask_for(const float *place, size_t count) {
    if (count > 1 << 18) return;
    for (size_t i = 0; i < count; i += 16) __builtin_prefetch(place + i, 0, 2);
}

VERSIONED void level_attention_forward(float *out, float *log_sums, const float *fused, size_t length,
                               const sordino_attention *shape, float *work) {
    const size_t size = shape->head_size, heads = shape->heads, keyed = shape->kv_heads;
    const size_t width = (heads + 2 * keyed) * size, area = (length + tile_keys - 1) / tile_keys * tile_keys * size;
    float *scores = work, *turned = scores + tile_rows * tile_keys;
    const rows_of rotated_keys = {turned + area, size}, rotated = {turned + 2 * area, size};
    float *from = (float *)(uintptr_t)fused;
    ask_for(fused, length * width);
    for (size_t k = 0; k < keyed; k++) {
        head_of head = {.keys = {from + (heads + k) * size, width},
                        .values = {from + (heads + keyed + k) * size, width},
                        .turned_keys = turned, .length = length, .size = size,
                        .is_causal = shape->is_causal, .scale = 1.0f / sqrtf((float)size)};
        if (shape->rotary) {
            rotate(rotated_keys, head.keys, shape->rotary, length, size, 1);
            head.keys = rotated_keys;
        }
        turn(turned, head.keys, length, size);
        for (size_t h = k * (heads / keyed); h < (k + 1) * (heads / keyed); h++) {
            head.queries = (rows_of){from + h * size, width};
            if (shape->rotary) {
                rotate(rotated, head.queries, shape->rotary, length, size, 1);
                head.queries = rotated;
            }
            const rows_of to = {out + h * size, heads * size};
            for (size_t row = 0; row < length; row += tile_rows) {
                const size_t rows = length - row < tile_rows ? length - row : tile_rows;
                attend_from(&head, row, rows, to, log_sums + h * shape->time, scores);
            }
        }
    }
    clear((rows_of){out, heads * size}, length, shape->time, heads * size);
}

/// Where the deltas of one head lie.
typedef struct {
    rows_of out, output, queries, keys, values;
    const float *log_sums;
} deltas_of;

/// Weights from scores, in place, and deltas of scores from deltas of weights, in place: weight (delta - dot).
INLINE void soften_backward(float *scores, float *deltas, int32_t seen, size_t keys, float log_sum, float dot) {
    const wide zero = (wide)0.0f;
    const size_t covered = whole_wides((size_t)seen);
    for (size_t c = 0; c < covered; c += wide_lanes) {
        const wide weight = exponential_of_wide(load_wide(scores + c) - log_sum);
        const wide delta = weight * (load_wide(deltas + c) - dot);
        store_wide(scores + c, first_of(weight, seen - (int32_t)c, zero));
        store_wide(deltas + c, first_of(delta, seen - (int32_t)c, zero));
    }
    for (size_t c = covered; c < keys; c += wide_lanes) store_wide(scores + c, zero), store_wide(deltas + c, zero);
}

/// Adds what the output rows from `row` on say to the deltas of keys and values, and sets those of their queries.
VERSIONED void attend_backward_from(const head_of *head, const deltas_of *of, size_t row, size_t rows, float *scores) {
    float *deltas = scores + tile_rows * tile_keys, dots[tile_rows];
    const float *out_delta = of->out.base + row * of->out.row;
    for (size_t r = 0; r < rows; r++) {
        dots[r] = dot_of(out_delta + r * of->out.row, of->output.base + (row + r) * of->output.row, head->size);
    }
    for (size_t start = 0; start < head->length; start += tile_keys) {
        const size_t keys = keys_seen(head, row, rows, start);
        if (keys == 0) break;
        score(scores, head->queries, head->turned_keys, head, row, rows, start, keys, head->scale);
        score(deltas, of->out, head->turned_values, head, row, rows, start, keys, 1);
        for (size_t r = 0; r < rows; r++) {
            soften_backward(scores + r * tile_keys, deltas + r * tile_keys, keys_of_row(head, row + r, start, keys),
                            whole_wides(keys), of->log_sums[row + r], dots[r]);
        }
        product_between(of->queries.base + row * of->queries.row, of->queries.row, deltas, tile_keys, 1,
                        head->keys.base + start * head->keys.row, head->keys.row, rows, head->size, keys, head->scale,
                        start > 0 ? 1 : 0);
        product_between(of->values.base + start * of->values.row, of->values.row, scores, 1, tile_keys, out_delta,
                        of->out.row, keys, head->size, rows, 1, 1);
        product_between(of->keys.base + start * of->keys.row, of->keys.row, deltas, 1, tile_keys,
                        head->queries.base + row * head->queries.row, head->queries.row, keys, head->size, rows,
                        head->scale, 1);
    }
}

VERSIONED void level_attention_backward(float *fused_delta, const float *out_delta, const float *out,
                                        const float *log_sums, const float *fused, size_t length,
                                        const sordino_attention *shape, float *work) {
    const size_t size = shape->head_size, heads = shape->heads, keyed = shape->kv_heads;
    const size_t width = (heads + 2 * keyed) * size, area = (length + tile_keys - 1) / tile_keys * tile_keys * size;
    float *scores = work, *turned = scores + 2 * tile_rows * tile_keys, *turned_values = turned + area;
    const rows_of rotated_keys = {turned + 2 * area, size}, rotated = {turned + 3 * area, size};
    float *from = (float *)(uintptr_t)fused;
    ask_for(fused, length * width);
    ask_for(out_delta, length * heads * size);
    ask_for(out, length * heads * size);
    clear((rows_of){fused_delta, width}, length, shape->time, width);
    clear((rows_of){fused_delta + heads * size, width}, 0, length, 2 * keyed * size);
    for (size_t k = 0; k < keyed; k++) {
        head_of head = {.keys = {from + (heads + k) * size, width},
                        .values = {from + (heads + keyed + k) * size, width},
                        .turned_keys = turned, .turned_values = turned_values, .length = length, .size = size,
                        .is_causal = shape->is_causal, .scale = 1.0f / sqrtf((float)size)};
        if (shape->rotary) {
            rotate(rotated_keys, head.keys, shape->rotary, length, size, 1);
            head.keys = rotated_keys;
        }
        turn(turned, head.keys, length, size);
        turn(turned_values, head.values, length, size);
        deltas_of of = {.keys = {fused_delta + (heads + k) * size, width},
                        .values = {fused_delta + (heads + keyed + k) * size, width}};
        for (size_t h = k * (heads / keyed); h < (k + 1) * (heads / keyed); h++) {
            head.queries = (rows_of){from + h * size, width};
            if (shape->rotary) {
                rotate(rotated, head.queries, shape->rotary, length, size, 1);
                head.queries = rotated;
            }
            of.out = (rows_of){(float *)(uintptr_t)out_delta + h * size, heads * size};
            of.output = (rows_of){(float *)(uintptr_t)out + h * size, heads * size};
            of.queries = (rows_of){fused_delta + h * size, width};
            of.log_sums = log_sums + h * shape->time;
            for (size_t row = 0; row < length; row += tile_rows) {
                const size_t rows = length - row < tile_rows ? length - row : tile_rows;
                attend_backward_from(&head, &of, row, rows, scores);
            }
            if (shape->rotary) rotate(of.queries, of.queries, shape->rotary, length, size, -1);
        }
        if (shape->rotary) rotate(of.keys, of.keys, shape->rotary, length, size, -1);
    }
}
