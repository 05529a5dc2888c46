// Convolutions as products whose right factor is read where it lies, in padded images, without a matrix of columns.
//
// A position is a place of the output; a tap is a pair of a weight's place and the shift at which every position reads
// the source. What strides and dilations do is in the taps and in how `level_pad` parts an image into phases: here all
// positions of a row are neighbours in the source. Rows that fill vectors badly (images of 4, 7 or 8 columns) are packed
// first, some taps at a time.
//
// A value is one chain of fused multiply-adds over the taps, the same bits at every level with fused multiply-adds.

/// Positions that one row of weights meets before the next row's turn, and taps that are packed at once: 128 KiB.
enum { block_positions = 256, packed_taps = 128, block_slots = block_positions / lanes / product_vectors * product_vectors };
/// Taps of one pass over positions that are read where they lie.
enum { direct_taps = 512 };

/// Neighbouring positions of one vector.
typedef struct {
    const float *source;
    float *place;
    size_t count;
} slot;

// MARK: Tiles

// Some rows of weights by some slots; `rows` and `vectors` are constants at every call.
INLINE void convolve_tile(const slot *slots, size_t plane, const float *weights, size_t weight_row,
                          const int32_t *weight_at, const int32_t *source_at, size_t taps, const float *bias,
                          int is_first, const int rows, const int vectors) {
    vector sum[product_rows + 2][product_vectors];
    const float *source[product_vectors];
    UNROLLED for (int j = 0; j < vectors; j++) source[j] = slots[j].source;
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < vectors; j++) {
            const float *place = slots[j].place + i * plane;
            if (is_first) sum[i][j] = spread(bias ? bias[i] : 0);
            else sum[i][j] = slots[j].count == lanes ? load(place) : load_part(place, first_lanes(slots[j].count));
        }
    }
    for (size_t l = 0; l < taps; l++) {
        const float *factor = weights + weight_at[l];
        const ptrdiff_t shift = source_at[l];
        vector line[product_vectors];
        UNROLLED for (int j = 0; j < vectors; j++) line[j] = load(source[j] + shift);
        UNROLLED for (int i = 0; i < rows; i++) {
            const vector weight = spread(factor[i * weight_row]);
            UNROLLED for (int j = 0; j < vectors; j++) sum[i][j] = multiply_add(weight, line[j], sum[i][j]);
        }
    }
    UNROLLED for (int j = 0; j < vectors; j++) {
        const size_t count = slots[j].count;
        UNROLLED for (int i = 0; i < rows; i++) {
            float *place = slots[j].place + i * plane;
            if (count == lanes) store(place, sum[i][j]);
            else store_part(place, sum[i][j], first_lanes(count));
        }
    }
}

// Sums over all positions of the products of some taps' values with some vectors of deltas.
INLINE void gradient_tile(float *sums, const sordino_convolution *shape, const float *source,
                          const int32_t *source_at, const float *deltas, const int rows, const int vectors) {
    vector sum[product_rows + 2][product_vectors];
    const float *from[product_rows + 2];
    UNROLLED for (int i = 0; i < rows; i++) {
        from[i] = source + source_at[i];
        UNROLLED for (int j = 0; j < vectors; j++) sum[i][j] = zeros();
    }
    for (size_t e = 0; e < shape->examples; e++) {
        for (size_t y = 0; y < shape->height; y++) {
            const size_t start = e * shape->source_example + y * shape->source_row;
            for (size_t at = start; at < start + shape->width; at++) {
                vector line[product_vectors];
                UNROLLED for (int j = 0; j < vectors; j++) line[j] = load(deltas + j * lanes);
                UNROLLED for (int i = 0; i < rows; i++) {
                    const vector value = spread(from[i][at]);
                    UNROLLED for (int j = 0; j < vectors; j++) sum[i][j] = multiply_add(value, line[j], sum[i][j]);
                }
                deltas += vectors * lanes;
            }
        }
    }
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < vectors; j++) store(sums + (i * vectors + j) * lanes, sum[i][j]);
    }
}

// Narrow tiles may be taller: registers allow it.
INLINE size_t tallest_tile(size_t vectors) { return vectors == product_vectors ? product_rows : product_rows + 2; }

#define TILE_CASES_OF(CASE, v) CASE(1, v) CASE(2, v) CASE(3, v) CASE(4, v)
#if MANY_REGISTERS
#define TILE_CASES(CASE)                                                                                      \
    TILE_CASES_OF(CASE, 1) TILE_CASES_OF(CASE, 2) TILE_CASES_OF(CASE, 3) TILE_CASES_OF(CASE, 4)               \
    CASE(5, 1) CASE(6, 1) CASE(7, 1) CASE(8, 1) CASE(5, 2) CASE(6, 2) CASE(7, 2) CASE(8, 2)                   \
    CASE(5, 3) CASE(6, 3) CASE(7, 3) CASE(8, 3) CASE(5, 4) CASE(6, 4)
#else
#define TILE_CASES(CASE)                                                                                      \
    TILE_CASES_OF(CASE, 1) TILE_CASES_OF(CASE, 2) TILE_CASES_OF(CASE, 3)                                      \
    CASE(5, 1) CASE(6, 1) CASE(5, 2) CASE(6, 2)
#endif

// MARK: Forward

/// The runs of neighbours in the source of which the slots of one panel consist.
typedef struct {
    size_t count;
    const float *from[product_vectors * lanes];
    size_t to[product_vectors * lanes];
} runs;

/// Where the next slot starts.
typedef struct {
    size_t example, y, x;
} cursor;

INLINE int takes_packing(const sordino_convolution *shape) {
    if (shape->source_row == shape->width) return 0;
    const size_t wide = (shape->width + lanes - 1) / lanes * lanes;
    const size_t all = shape->height * shape->width, filled = (all + lanes - 1) / lanes * lanes;
    // Steps of a panel and tap: half its multiply-adds, and two for each run that is packed.
    const double work = 0.5 * (double)(shape->rows * product_vectors);
    const double packing = 2.0 * product_vectors * (1.0 + (double)lanes / (double)shape->width);
    return work * (double)filled / (double)all + packing < work * (double)wide / (double)shape->width;
}

// The next slots, at most `most`: whole vectors of an example's positions where they are packed, of a row's otherwise.
INLINE size_t next_slots(const sordino_convolution *shape, cursor *next, int is_packed, slot *slots, size_t most,
                         const float *source, float *out) {
    size_t found = 0;
    while (found < most && next->example < shape->examples) {
        const float *from = source + next->example * shape->source_example;
        float *to = out + next->example * shape->out_example;
        const size_t height = is_packed ? 1 : shape->height;
        const size_t width = is_packed ? shape->height * shape->width : shape->width;
        const size_t rest = width - next->x;
        slots[found++] = (slot){from + next->y * shape->source_row + next->x, to + next->y * shape->out_row + next->x,
                                rest < lanes ? rest : lanes};
        next->x += lanes;
        if (next->x < width) continue;
        next->x = 0;
        if (++next->y < height) continue;
        next->y = 0;
        next->example++;
    }
    return found;
}

INLINE void find_runs(const sordino_convolution *shape, const float *source, const float *out, const slot *slots,
                      size_t count, runs *found) {
    found->count = 0;
    for (size_t s = 0; s < count; s++) {
        const size_t at = (size_t)(slots[s].place - out);
        const size_t example = at / shape->out_example, first = at % shape->out_example;
        for (size_t lane = 0; lane < slots[s].count;) {
            const size_t y = (first + lane) / shape->width, x = (first + lane) % shape->width;
            found->from[found->count] = source + example * shape->source_example + y * shape->source_row + x;
            found->to[found->count++] = s * lanes + lane;
            lane += shape->width - x;
        }
    }
}

#define CONVOLVE_CASE(r, v)                                                                                 \
    case (r) * 8 + (v):                                                                                     \
        convolve_tile(tile, shape->out_plane, from, shape->weight_row, weight_at, shifts, taps, offset, is_first, r, v); \
        break;

// All rows of weights by the slots of a block, for some taps. `source_at` is theirs, and `panels` says where each panel's
// values are packed, where they are.
INLINE void convolve_block(const sordino_convolution *shape, slot *slots, size_t count, const float *weights,
                           const float *bias, const int32_t *weight_at, const int32_t *source_at, size_t taps,
                           int is_first, const int32_t (*packed_at)[packed_taps], float *const *panels) {
    const size_t groups = (count + product_vectors - 1) / product_vectors;
    const size_t most = count / groups + (count % groups != 0);
    const size_t tiles = (shape->rows + tallest_tile(most) - 1) / tallest_tile(most);
    for (size_t t = 0; t < tiles; t++) {
        const size_t row = shape->rows * t / tiles, next = shape->rows * (t + 1) / tiles;
        const float *from = weights + row * shape->weight_row, *offset = bias ? bias + row : 0;
        for (size_t g = 0; g < groups; g++) {
            const size_t first = count * g / groups, end = count * (g + 1) / groups;
            slot tile[product_vectors];
            const int32_t *shifts = panels ? packed_at[end - first - 1] : source_at;
            for (size_t s = first; s < end; s++) {
                tile[s - first] = slots[s];
                tile[s - first].place += row * shape->out_plane;
                if (panels) tile[s - first].source = panels[g] + (s - first) * lanes;
            }
            switch ((next - row) * 8 + (end - first)) { TILE_CASES(CONVOLVE_CASE) }
        }
    }
}

VERSIONED void level_convolve(const sordino_convolution *given, float *out, const float *source, const float *weights,
                              const float *bias, float *room) {
    sordino_convolution flat = *given;
    if (flat.source_row == flat.width && flat.out_row == flat.width) {
        flat.width *= flat.height;
        flat.height = 1;
        flat.source_row = flat.out_row = flat.width;
    }
    const sordino_convolution *shape = &flat;
    const int is_packed = flat.out_row == flat.width && takes_packing(shape);
    int32_t packed_at[product_vectors][packed_taps];
    if (is_packed) {
        for (int v = 0; v < product_vectors; v++) {
            for (int l = 0; l < packed_taps; l++) packed_at[v][l] = l * (v + 1) * lanes;
        }
    }
    cursor next = {0, 0, 0};
    slot slots[block_slots];
    for (;;) {
        const size_t count = next_slots(shape, &next, is_packed, slots, block_slots, source, out);
        if (count == 0) return;
        const size_t most = is_packed ? packed_taps : direct_taps;
        const size_t passes = (shape->taps + most - 1) / most;
        for (size_t pass = 0; pass < passes; pass++) {
            const size_t first = shape->taps * pass / passes, taps = shape->taps * (pass + 1) / passes - first;
            const int32_t *source_at = shape->source_at + first;
            float *panels[block_slots];
            if (is_packed) {
                const size_t groups = (count + product_vectors - 1) / product_vectors;
                float *place = room;
                for (size_t g = 0; g < groups; g++) {
                    const size_t start = count * g / groups, end = count * (g + 1) / groups;
                    const size_t step = (end - start) * lanes;
                    runs parts;
                    find_runs(shape, source, out, slots + start, end - start, &parts);
                    panels[g] = place;
                    // A run is stored as a whole vector; what is too much of it is overwritten by the next.
                    for (size_t l = 0; l < taps; l++, place += step) {
                        const ptrdiff_t shift = source_at[l];
                        for (size_t r = 0; r < parts.count; r++) store(place + parts.to[r], load(parts.from[r] + shift));
                    }
                }
            }
            convolve_block(shape, slots, count, weights, bias, shape->weight_at + first, source_at, taps, pass == 0,
                           packed_at, is_packed ? panels : 0);
        }
    }
}

// MARK: The weights' gradient

// out[c * step + r] = in[r * row + c].
INLINE void transpose_part(float *out, size_t step, const float *in, size_t row, size_t rows, size_t columns) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *line = in + r * row;
        size_t c = 0;
        for (; c + 4 <= columns; c += 4) {
            const four a = *(const unaligned_four *)(line + c), b = *(const unaligned_four *)(line + row + c);
            const four p = *(const unaligned_four *)(line + 2 * row + c), q = *(const unaligned_four *)(line + 3 * row + c);
            const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), pq = __builtin_shufflevector(p, q, 0, 4, 1, 5);
            const four ba = __builtin_shufflevector(a, b, 2, 6, 3, 7), qp = __builtin_shufflevector(p, q, 2, 6, 3, 7);
            float *place = out + c * step + r;
            *(unaligned_four *)place = __builtin_shufflevector(ab, pq, 0, 1, 4, 5);
            *(unaligned_four *)(place + step) = __builtin_shufflevector(ab, pq, 2, 3, 6, 7);
            *(unaligned_four *)(place + 2 * step) = __builtin_shufflevector(ba, qp, 0, 1, 4, 5);
            *(unaligned_four *)(place + 3 * step) = __builtin_shufflevector(ba, qp, 2, 3, 6, 7);
        }
        for (; c < columns; c++) {
            for (size_t i = 0; i < 4; i++) out[c * step + r + i] = line[i * row + c];
        }
    }
    for (; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) out[c * step + r] = in[r * row + c];
    }
}

VERSIONED void level_transpose(float *out, const float *in, size_t matrices, size_t rows, size_t columns) {
    for (size_t m = 0; m < matrices; m++) {
        transpose_part(out + m * rows * columns, rows, in + m * rows * columns, columns, rows, columns);
    }
}

/// Taps whose sums are turned at once.
enum { turned_taps = 4 * (product_rows + 2) };

#define GRADIENT_CASE(r, v)                                                                            \
    case (r) * 8 + (v):                                                                                \
        gradient_tile(place, shape, source, shape->source_at + row, room, r, v);                       \
        break;

// Sums of the taps from `start`, `taps` of them, with the deltas in `room`: sums[tap][output of the panel].
INLINE void gradient_block(float *sums, const sordino_convolution *shape, const float *source, const float *room,
                           size_t start, size_t taps, size_t vectors) {
    const size_t tiles = (taps + tallest_tile(vectors) - 1) / tallest_tile(vectors);
    for (size_t t = 0; t < tiles; t++) {
        const size_t row = start + taps * t / tiles, next = start + taps * (t + 1) / tiles;
        float *place = sums + (row - start) * vectors * lanes;
        switch ((next - row) * 8 + vectors) { TILE_CASES(GRADIENT_CASE) }
    }
}

// With a target: target = keep * target + scale * gradient. Without: the sum of squares of the gradient.
INLINE double gradient(const sordino_convolution *given, float *target, const float *source, const float *deltas,
                       float scale, float keep, float *room) {
    sordino_convolution flat = *given;
    const size_t positions = flat.height * flat.width;
    if (flat.source_row == flat.width) {
        flat.width = positions;
        flat.height = 1;
    }
    const sordino_convolution *shape = &flat;
    const size_t vectors = (shape->rows + lanes - 1) / lanes, panels = (vectors + product_vectors - 1) / product_vectors;
    double squares = 0;
    for (size_t p = 0; p < panels; p++) {
        const size_t first = vectors * p / panels, width = (vectors * (p + 1) / panels - first) * lanes;
        const size_t base = first * lanes, outputs = shape->rows - base < width ? shape->rows - base : width;
        for (size_t e = 0; e < shape->examples; e++) {
            transpose_part(room + e * positions * width, width, deltas + e * shape->out_example + base * shape->out_plane,
                 shape->out_plane, outputs, positions);
        }
        if (outputs < width) {
            for (size_t row = 0; row < shape->examples * positions; row++) {
                for (size_t o = outputs; o < width; o++) room[row * width + o] = 0;
            }
        }
        for (size_t start = 0; start < shape->taps; start += turned_taps) {
            float sums[turned_taps * product_vectors * lanes];
            const size_t rest = shape->taps - start, taps = rest < turned_taps ? rest : turned_taps;
            gradient_block(sums, shape, source, room, start, taps, width / lanes);
            if (!target) {
#pragma clang fp reassociate(on)
                float sum = 0;
                for (size_t i = 0; i < taps * width; i++) sum += sums[i] * sums[i];
                squares += sum;
                continue;
            }
            float turned[product_vectors * lanes * turned_taps];
            transpose_part(turned, turned_taps, sums, width, taps, width);
            for (size_t o = 0; o < outputs; o++) {
                float *place = target + (base + o) * shape->weight_row + start;
                const float *line = turned + o * turned_taps;
                if (keep == 0) {
                    for (size_t l = 0; l < taps; l++) place[l] = scale * line[l];
                } else {
                    for (size_t l = 0; l < taps; l++) place[l] = keep * place[l] + scale * line[l];
                }
            }
        }
    }
    return squares;
}

VERSIONED void level_convolution_gradient(const sordino_convolution *shape, float *target, const float *source,
                                          const float *deltas, float scale, float keep, float *room) {
    gradient(shape, target, source, deltas, scale, keep, room);
}

VERSIONED double level_convolution_gradient_norm(const sordino_convolution *shape, const float *source,
                                                 const float *deltas, float *room) {
    return gradient(shape, 0, source, deltas, 1, 0, room);
}

// MARK: Padding and phases

// Row `line` of an image at every `stride`-th column from `first` on, zeros outside.
INLINE void pad_row(float *out, const float *line, size_t columns, ptrdiff_t first, size_t width, const size_t stride) {
    size_t start = first < 0 ? ((size_t)-first + stride - 1) / stride : 0;
    if (start > width) start = width;
    const ptrdiff_t left = (ptrdiff_t)columns - first;
    size_t end = left <= 0 ? 0 : ((size_t)left + stride - 1) / stride;
    if (end > width) end = width;
    if (end < start) end = start;
    for (size_t x = 0; x < start; x++) out[x] = 0;
    const float *from = line + first;
    for (size_t x = start; x < end; x++) out[x] = from[x * stride];
    for (size_t x = end; x < width; x++) out[x] = 0;
}

// A plane at stride 1. Rows go in whole vectors: what is too much of one lies where the next row, or the slack behind the
// source, comes to lie. The last row of all may not be read too far.
INLINE void pad_plane(float *out, const float *in, const sordino_padding *shape, int is_last) {
    const size_t width = shape->width, out_width = shape->out_width, left = shape->left;
    for (size_t y = 0; y < shape->out_height; y++, out += out_width) {
        const size_t row = y - shape->top;
        if (y < shape->top || row >= shape->height) {
            for (size_t x = 0; x < out_width; x += lanes) store(out + x, zeros());
            continue;
        }
        for (size_t x = 0; x < left; x++) out[x] = 0;
        const float *line = in + row * width;
        const size_t count = width < out_width - left ? width : out_width - left;
        size_t x = 0;
        const size_t whole = is_last && row + 1 == shape->height ? count / lanes * lanes : count;
        for (; x < whole; x += lanes) store(out + left + x, load(line + x));
        for (; x < count; x++) out[left + x] = line[x];
        for (x = left + count; x < out_width; x += lanes) store(out + x, zeros());
    }
}

VERSIONED void level_pad(float *out, const float *in, size_t planes, const sordino_padding *shape) {
    const int is_plain = shape->vertical_stride == 1 && shape->horizontal_stride == 1 && shape->left < shape->out_width;
    for (size_t plane = 0; plane < planes; plane++, in += shape->height * shape->width) {
        if (is_plain) {
            pad_plane(out, in, shape, plane + 1 == planes);
            out += shape->out_height * shape->out_width;
            continue;
        }
        for (size_t v = 0; v < shape->vertical_phases; v++) {
            for (size_t h = 0; h < shape->horizontal_phases; h++) {
                for (size_t y = 0; y < shape->out_height; y++, out += shape->out_width) {
                    const ptrdiff_t line = (ptrdiff_t)(y * shape->vertical_stride + v) - (ptrdiff_t)shape->top;
                    const ptrdiff_t first = (ptrdiff_t)h - (ptrdiff_t)shape->left;
                    if (line < 0 || line >= (ptrdiff_t)shape->height) {
                        for (size_t x = 0; x < shape->out_width; x++) out[x] = 0;
                        continue;
                    }
                    const float *from = in + (size_t)line * shape->width;
                    const size_t stride = shape->horizontal_stride;
                    if (stride == 2) pad_row(out, from, shape->width, first, shape->out_width, 2);
                    else pad_row(out, from, shape->width, first, shape->out_width, stride);
                }
            }
        }
    }
}

VERSIONED void level_place_phase(float *out, const float *in, size_t planes, const sordino_phase *shape) {
    const size_t stride = shape->horizontal_stride, columns = shape->columns;
    for (size_t plane = 0; plane < planes; plane++, out += shape->height * shape->width) {
        float *row = out + shape->top * shape->width + shape->left;
        for (size_t y = 0; y < shape->rows; y++, row += shape->vertical_stride * shape->width, in += columns) {
            for (size_t x = 0; x < columns; x++) row[x * stride] = in[x];
        }
    }
}

VERSIONED void level_gather_columns(const sordino_convolution *shape, float *out, const float *source) {
    for (size_t e = 0; e < shape->examples; e++) {
        for (size_t y = 0; y < shape->height; y++) {
            const float *from = source + e * shape->source_example + y * shape->source_row;
            for (size_t x = 0; x < shape->width; x++, from++, out += shape->taps) {
                for (size_t l = 0; l < shape->taps; l++) out[l] = from[shape->source_at[l]];
            }
        }
    }
}

// MARK: Sums

VERSIONED double level_inner_product(const float *x, const float *y, size_t n) {
#pragma clang fp reassociate(on)
    double sum = 0;
    MORE_SUMS for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return sum;
}
