// Small matrix products; OpenBLAS keeps the large ones. The loops are the same at every level that has them; what a
// vector is and how large a tile its registers hold is in lanes_*.h.
//
// No operand is packed: that is what OpenBLAS spends more than half of its time on where ten rows meet 50,000 weights.
// Measured on a Zen 5 core for 10 to 128 rows of 64 to 784 values, OpenBLAS 0.3.21:
// AVX-512 1.0 to 2.5 times as fast as its SkylakeX kernels (from 1.0 where its small-matrix kernels apply to 1.8 at
// 32 x 784 x 64 and 2.5 at 128 x 64 x 10, where they do not); AVX2 beside its Haswell kernels 1.1 (128 rows) to 2.4
// (10 rows) times as fast forward, 1.05 to 1.7 for the input's delta, and 0.9 (10 x 784 x 64) to 1.8 for the weights'.
//
// A value of `level_product` is one chain of fused multiply-adds over `inner`, the same bits at every level and tile;
// one of `level_affine` is the sum of as many chains as a vector has lanes, and so differs between levels.
#ifdef HAS_PRODUCTS

// MARK: c = keep * c + scale * a b, with rows of b read as vectors and values of a spread over all lanes

// Accumulators live in registers: `rows`, `vectors` and `is_whole` are constants at every call, and the loops unroll.
INLINE void product_tile(float *c, size_t c_row, const float *a, size_t a_row, size_t a_column, const float *b,
                         size_t b_row, size_t inner, float scale, float keep, part last, const int rows,
                         const int vectors, const int is_whole) {
    vector sum[product_rows][product_vectors];
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < vectors; j++) sum[i][j] = zeros();
        if (asks_ahead) {
            UNROLLED for (int j = 0; j < vectors; j += 2) __builtin_prefetch(c + i * c_row + j * lanes, 1, 3);
        }
    }
    for (size_t l = 0; l < inner; l++) {
        vector line[product_vectors];
        UNROLLED for (int j = 0; j < vectors; j++) {
            const float *place = b + l * b_row + j * lanes;
            line[j] = is_whole || j < vectors - 1 ? load(place) : load_part(place, last);
        }
        UNROLLED for (int i = 0; i < rows; i++) {
            const vector factor = spread(a[i * a_row + l * a_column]);
            UNROLLED for (int j = 0; j < vectors; j++) sum[i][j] = multiply_add(factor, line[j], sum[i][j]);
        }
    }
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < vectors; j++) {
            const int is_full = is_whole || j < vectors - 1;
            float *place = c + i * c_row + j * lanes;
            vector value = spread(scale) * sum[i][j];
            if (keep != 0) {
                value = multiply_add(spread(keep), is_full ? load(place) : load_part(place, last), value);
            }
            if (is_full) store(place, value);
            else store_part(place, value, last);
        }
    }
}

#define PRODUCT_TILE(r, v, whole)                                                                                   \
    case ((r) * 8 + (v)) * 2 + (whole):                                                                             \
        product_tile(place, c_row, from, a_row, a_column, line, b_row, inner, scale, keep, last, r, v, whole);      \
        break;
#if PARTS_ARE_FREE
#define PRODUCT_CASE(r, v) PRODUCT_TILE(r, v, 0)
#else
#define PRODUCT_CASE(r, v) PRODUCT_TILE(r, v, 0) PRODUCT_TILE(r, v, 1)
#endif

// Panels of columns (outer) and tiles of rows (inner): a panel of b stays in the nearest caches while all rows
// of a pass over it. Panels and tiles are balanced: 10 rows are 5 + 5, not 6 + 4. Rows of c lie `c_row` floats apart and
// those of b `b_row`, as in a part of a wider matrix.
VERSIONED void product_between(float *c, size_t c_row, const float *a, size_t a_row, size_t a_column, const float *b,
                               size_t b_row, size_t rows, size_t columns, size_t inner, float scale, float keep) {
    const size_t vectors = (columns + lanes - 1) / lanes;
    const size_t panels = (vectors + product_vectors - 1) / product_vectors;
    const size_t tiles = (rows + product_rows - 1) / product_rows;
    for (size_t p = 0; p < panels; p++) {
        const size_t first = vectors * p / panels, end = vectors * (p + 1) / panels;
        const size_t rest = end == vectors ? columns - (vectors - 1) * lanes : lanes;
        const size_t whole = !PARTS_ARE_FREE && rest == lanes;
        const part last = first_lanes(rest);
        const float *line = b + first * lanes;
        for (size_t t = 0; t < tiles; t++) {
            const size_t row = rows * t / tiles, next = rows * (t + 1) / tiles;
            float *place = c + row * c_row + first * lanes;
            const float *from = a + row * a_row;
            switch (((next - row) * 8 + (end - first)) * 2 + whole) { PRODUCT_CASES(PRODUCT_CASE) }
        }
    }
}

VERSIONED void level_product(float *c, const float *a, size_t a_row, size_t a_column, const float *b, size_t rows,
                             size_t columns, size_t inner, float scale, float keep) {
    product_between(c, columns, a, a_row, a_column, b, columns, rows, columns, inner, scale, keep);
}

// MARK: y = x wT + bias, with rows of both operands read as vectors

enum { affine_outputs = 4 };

INLINE void affine_tile(float *y, const float *x, const float *w, const float *bias, size_t y_columns,
                        size_t inputs, const int rows, const int outputs) {
    vector sum[affine_rows][affine_outputs];
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < affine_outputs; j++) sum[i][j] = zeros();
    }
    // Parts that cost nothing need no loop of their own, which short rows would notice.
    const size_t whole = PARTS_ARE_FREE ? 0 : inputs / lanes * lanes;
    for (size_t l = 0; l < whole; l += lanes) {
        vector line[affine_rows];
        UNROLLED for (int i = 0; i < rows; i++) line[i] = load(x + i * inputs + l);
        UNROLLED for (int j = 0; j < outputs; j++) {
            const vector weight = load(w + j * inputs + l);
            UNROLLED for (int i = 0; i < rows; i++) sum[i][j] = multiply_add(line[i], weight, sum[i][j]);
        }
    }
    for (size_t l = whole; l < inputs; l += lanes) {
        const part present = first_lanes(inputs - l < lanes ? inputs - l : lanes);
        vector line[affine_rows];
        UNROLLED for (int i = 0; i < rows; i++) line[i] = load_part(x + i * inputs + l, present);
        UNROLLED for (int j = 0; j < outputs; j++) {
            const vector weight = load_part(w + j * inputs + l, present);
            UNROLLED for (int i = 0; i < rows; i++) sum[i][j] = multiply_add(line[i], weight, sum[i][j]);
        }
    }
    const quad offset = bias ? load_quad(bias, outputs) : (quad){0};
    UNROLLED for (int i = 0; i < rows; i++) {
        const quad sums = sums_of_lanes(sum[i][0], sum[i][1], sum[i][2], sum[i][3]);
        store_quad(y + i * y_columns, sums + offset, outputs);
    }
}

#define AFFINE_CASE(r, o)                                                 \
    case (r) * 8 + (o):                                                   \
        affine_tile(place, from, weights, offset, outputs, inputs, r, o); \
        break;

// Four rows of w stay in the first-level cache while the rows of x pass over them; rows of x come in blocks, so that
// with many of them a block stays in the second-level cache while all of w passes.
VERSIONED void level_affine(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t outputs,
                            size_t inputs) {
    size_t step = rows;
    if (rows * inputs > affine_block) {
        const size_t fit = affine_block / inputs / affine_rows * affine_rows;
        step = fit > affine_rows ? fit : affine_rows;
    }
    for (size_t start = 0; start < rows; start += step) {
        const size_t count = rows - start < step ? rows - start : step;
        const size_t tiles = (count + affine_rows - 1) / affine_rows;
        for (size_t first = 0; first < outputs; first += affine_outputs) {
            const size_t present = outputs - first < affine_outputs ? outputs - first : affine_outputs;
            const float *weights = w + first * inputs, *offset = bias ? bias + first : 0;
            for (size_t t = 0; t < tiles; t++) {
                const size_t row = count * t / tiles, next = count * (t + 1) / tiles;
                float *place = y + (start + row) * outputs + first;
                const float *from = x + (start + row) * inputs;
                switch ((next - row) * 8 + present) { AFFINE_CASES(AFFINE_CASE) }
            }
        }
    }
}

#else

// The same without vectors of its own, for what works in parts of matrices (attention.h).
VERSIONED void product_between(float *c, size_t c_row, const float *a, size_t a_row, size_t a_column, const float *b,
                               size_t b_row, size_t rows, size_t columns, size_t inner, float scale, float keep) {
    for (size_t i = 0; i < rows; i++) {
        float *restrict place = c + i * c_row;
        for (size_t j = 0; j < columns; j++) place[j] = keep == 0 ? 0 : keep * place[j];
        for (size_t l = 0; l < inner; l++) {
            const float factor = scale * a[i * a_row + l * a_column];
            const float *restrict line = b + l * b_row;
            for (size_t j = 0; j < columns; j++) place[j] += factor * line[j];
        }
    }
}

#endif
