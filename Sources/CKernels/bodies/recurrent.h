// Recurrent networks: a product with weights packed once for many time steps, and the cells' gates, forward beside
// backward.
//
// A step of a recurrence multiplies ten rows or so by all recurrent weights, and the next step waits for it. In panels
// of 32 columns the weights are read in the order in which they lie, once a step, by a tile that holds all rows.
// Products and cells are the same bits at every level with fused multiply-adds: a value of a product is one chain over
// `inner` that starts at what it is added to, and the cells are elementwise.
//
// Measured on a Zen 5 core for 10 rows and 256 units: 250 GFLOP/s with AVX-512 and 120 with AVX2 in both directions of
// a step, which is OpenBLAS's rate for the rows of all 80 steps at once (240 and 123).

// MARK: Packed weights

VERSIONED void level_pack_panels(float *panels, const float *b, size_t b_row, size_t b_column, size_t columns,
                                 size_t inner) {
    for (size_t first = 0; first < columns; first += sordino_panel_width) {
        const size_t width = columns - first < sordino_panel_width ? columns - first : sordino_panel_width;
        float *panel = panels + first * inner;
        if (width < sordino_panel_width) memset(panel, 0, inner * sordino_panel_width * sizeof(float));
        if (b_column == 1) {
            for (size_t l = 0; l < inner; l++) {
                memcpy(panel + l * sordino_panel_width, b + l * b_row + first, width * sizeof(float));
            }
            continue;
        }
        // Sixteen values of a column at a time, so that a line of the cache is read and written while it is there.
        for (size_t start = 0; start < inner; start += 16) {
            const size_t end = inner - start < 16 ? inner : start + 16;
            for (size_t c = 0; c < width; c++) {
                const float *column = b + (first + c) * b_column;
                for (size_t l = start; l < end; l++) panel[l * sordino_panel_width + c] = column[l * b_row];
            }
        }
    }
}

#ifdef HAS_PRODUCTS

enum { tile_width = panel_vectors * lanes };

// Accumulators live in registers: `rows` is a constant at every call, and the loops over it unroll.
INLINE void panel_tile(float *c, size_t c_row, const float *a, size_t a_row, const float *panel, const float *start,
                       size_t start_row, size_t inner, const int rows) {
    vector sum[panel_rows][panel_vectors];
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < panel_vectors; j++) {
            sum[i][j] = start ? load(start + i * start_row + j * lanes) : zeros();
        }
    }
    for (size_t l = 0; l < inner; l++) {
        vector line[panel_vectors];
        UNROLLED for (int j = 0; j < panel_vectors; j++) line[j] = load(panel + l * sordino_panel_width + j * lanes);
        UNROLLED for (int i = 0; i < rows; i++) {
            const vector factor = spread(a[i * a_row + l]);
            UNROLLED for (int j = 0; j < panel_vectors; j++) sum[i][j] = multiply_add(factor, line[j], sum[i][j]);
        }
    }
    UNROLLED for (int i = 0; i < rows; i++) {
        UNROLLED for (int j = 0; j < panel_vectors; j++) store(c + i * c_row + j * lanes, sum[i][j]);
    }
}

#define PANEL_CASE(r)                                                                \
    case r:                                                                          \
        panel_tile(c, c_row, a, a_row, panel, start, start_row, inner, r);           \
        break;

VERSIONED void panel_rows_of(float *c, size_t c_row, const float *a, size_t a_row, const float *panel,
                             const float *start, size_t start_row, size_t inner, size_t rows) {
    switch (rows) { PANEL_CASES(PANEL_CASE) }
}

VERSIONED void level_panel_product(float *c, size_t c_row, const float *a, size_t a_row, const float *panels,
                                   const float *bias, int keep, size_t rows, size_t columns, size_t inner) {
    const size_t tiles = (rows + panel_rows - 1) / panel_rows;
    for (size_t first = 0; first < columns; first += tile_width) {
        const size_t width = columns - first < tile_width ? columns - first : tile_width;
        const size_t within = first % sordino_panel_width;
        const float *panel = panels + (first - within) * inner + within;
        for (size_t t = 0; t < tiles; t++) {
            const size_t row = rows * t / tiles, count = rows * (t + 1) / tiles - row;
            float *place = c + row * c_row + first;
            const float *from = a + row * a_row;
            if (width == tile_width) {
                const float *start = keep ? place : bias ? bias + first : 0;
                panel_rows_of(place, c_row, from, a_row, panel, start, keep ? c_row : 0, inner, count);
                continue;
            }
            float edge[panel_rows * tile_width];
            for (size_t i = 0; i < count; i++) {
                const float *start = keep ? place + i * c_row : bias ? bias + first : 0;
                for (size_t j = 0; j < tile_width; j++) {
                    edge[i * tile_width + j] = start && j < width ? start[j] : 0;
                }
            }
            panel_rows_of(edge, tile_width, from, a_row, panel, edge, tile_width, inner, count);
            for (size_t i = 0; i < count; i++) memcpy(place + i * c_row, edge + i * tile_width, width * sizeof(float));
        }
    }
}

#else

VERSIONED void level_panel_product(float *c, size_t c_row, const float *a, size_t a_row, const float *panels,
                                   const float *bias, int keep, size_t rows, size_t columns, size_t inner) {
    for (size_t first = 0; first < columns; first += sordino_panel_width) {
        const size_t width = columns - first < sordino_panel_width ? columns - first : sordino_panel_width;
        for (size_t i = 0; i < rows; i++) {
            float sum[sordino_panel_width] = {0};
            const float *start = keep ? c + i * c_row + first : bias ? bias + first : 0;
            if (start) memcpy(sum, start, width * sizeof(float));
            for (size_t l = 0; l < inner; l++) {
                const float factor = a[i * a_row + l];
                const float *line = panels + first * inner + l * sordino_panel_width;
                for (size_t j = 0; j < sordino_panel_width; j++) sum[j] += factor * line[j];
            }
            memcpy(c + i * c_row + first, sum, width * sizeof(float));
        }
    }
}

#endif

// MARK: Cells

// Values at one place of distinct arrays: no iteration reads what another wrote.
#define APART _Pragma("clang loop vectorize(assume_safety)")

// Whether an example has ended before this position.
INLINE int has_ended(const sordino_recurrent_step *step, size_t row) {
    return step->lengths && step->position >= step->lengths[row];
}

INLINE void store_state(const sordino_recurrent_step *step, size_t row, const float *state) {
    const size_t bytes = step->units * sizeof(float);
    if (step->following) memcpy(step->following + row * step->record, state, bytes);
}

INLINE void end_row(const sordino_recurrent_step *step, size_t row, size_t gates) {
    const size_t bytes = step->units * sizeof(float);
    memset(step->gates + row * step->record, 0, gates * bytes);
    if (step->cell) memset(step->cell + row * step->record, 0, bytes);
    if (step->following) memset(step->following + row * step->record, 0, bytes);
    memset(step->output + row * step->output_row, 0, bytes);
}

INLINE void end_row_backward(const sordino_recurrent_step *step, size_t row, size_t gates) {
    const size_t bytes = step->units * sizeof(float);
    memset(step->gates + row * step->record, 0, gates * bytes);
    memset(step->state_delta + row * step->units, 0, bytes);
    if (step->cell_delta) memset(step->cell_delta + row * step->units, 0, bytes);
}

// The delta of the state: what comes back from the next position and what comes from the output.
INLINE void gather_delta(const sordino_recurrent_step *step, size_t row) {
    if (!step->output_delta) return;
    float *delta = step->state_delta + row * step->units;
    const float *more = step->output_delta + row * step->output_row;
    APART for (size_t j = 0; j < step->units; j++) delta[j] += more[j];
}

VERSIONED void level_tanh_cell(const sordino_recurrent_step *step) {
    for (size_t row = 0; row < step->rows; row++) {
        if (has_ended(step, row)) {
            end_row(step, row, 1);
            continue;
        }
        float *state = step->gates + row * step->record, *output = step->output + row * step->output_row;
        APART for (size_t j = 0; j < step->units; j++) {
            const float value = hyperbolic_tangent(state[j]);
            state[j] = value;
            output[j] = value;
        }
        store_state(step, row, output);
    }
}

VERSIONED void level_tanh_cell_backward(const sordino_recurrent_step *step) {
    for (size_t row = 0; row < step->rows; row++) {
        if (has_ended(step, row)) {
            end_row_backward(step, row, 1);
            continue;
        }
        gather_delta(step, row);
        float *state = step->gates + row * step->record;
        const float *delta = step->state_delta + row * step->units;
        APART for (size_t j = 0; j < step->units; j++) state[j] = delta[j] * (1.0f - state[j] * state[j]);
    }
}

VERSIONED void level_lstm_cell(const sordino_recurrent_step *step) {
    const size_t units = step->units;
    for (size_t row = 0; row < step->rows; row++) {
        if (has_ended(step, row)) {
            end_row(step, row, 4);
            continue;
        }
        float *in = step->gates + row * step->record, *forget = in + units, *candidate = in + 2 * units,
              *out = in + 3 * units;
        float *cell = step->cell + row * step->record, *output = step->output + row * step->output_row;
        const float *before = step->cell_before ? step->cell_before + row * step->record : 0;
        for (size_t j = 0; j < 2 * units; j++) in[j] = logistic(in[j]);
        for (size_t j = 0; j < units; j++) candidate[j] = hyperbolic_tangent(candidate[j]);
        APART for (size_t j = 0; j < units; j++) cell[j] = in[j] * candidate[j];
        if (before) {
            APART for (size_t j = 0; j < units; j++) cell[j] += forget[j] * before[j];
        }
        APART for (size_t j = 0; j < units; j++) {
            const float gate = logistic(out[j]);
            out[j] = gate;
            output[j] = gate * hyperbolic_tangent(cell[j]);
        }
        store_state(step, row, output);
    }
}

VERSIONED void level_lstm_cell_backward(const sordino_recurrent_step *step) {
    const size_t units = step->units;
    for (size_t row = 0; row < step->rows; row++) {
        if (has_ended(step, row)) {
            end_row_backward(step, row, 4);
            continue;
        }
        gather_delta(step, row);
        float *in = step->gates + row * step->record, *forget = in + units, *candidate = in + 2 * units,
              *out = in + 3 * units;
        const float *cell = step->cell + row * step->record, *delta = step->state_delta + row * units;
        const float *before = step->cell_before ? step->cell_before + row * step->record : 0;
        float *cell_delta = step->cell_delta + row * units;
        APART for (size_t j = 0; j < units; j++) {
            const float squashed = hyperbolic_tangent(cell[j]);
            const float of_cell = cell_delta[j] + delta[j] * out[j] * (1.0f - squashed * squashed);
            out[j] = delta[j] * squashed * out[j] * (1.0f - out[j]);
            const float i = in[j], f = forget[j], g = candidate[j];
            in[j] = of_cell * g * i * (1.0f - i);
            candidate[j] = of_cell * i * (1.0f - g * g);
            cell_delta[j] = of_cell * f;
            // Less the cell before, which the next loop multiplies in.
            forget[j] = of_cell * f * (1.0f - f);
        }
        APART for (size_t j = 0; j < units; j++) forget[j] = before ? forget[j] * before[j] : 0.0f;
    }
}

VERSIONED void level_gru_cell(const sordino_recurrent_step *step) {
    const size_t units = step->units;
    for (size_t row = 0; row < step->rows; row++) {
        if (has_ended(step, row)) {
            end_row(step, row, 4);
            continue;
        }
        float *reset = step->gates + row * step->record, *update = reset + units, *candidate = reset + 3 * units;
        const float *recurrent = reset + 2 * units, *before = step->previous + row * step->record;
        float *output = step->output + row * step->output_row;
        for (size_t j = 0; j < 2 * units; j++) reset[j] = logistic(reset[j]);
        APART for (size_t j = 0; j < units; j++) {
            const float value = hyperbolic_tangent(candidate[j] + reset[j] * recurrent[j]);
            candidate[j] = value;
            output[j] = value + update[j] * (before[j] - value);
        }
        store_state(step, row, output);
    }
}

VERSIONED void level_gru_cell_backward(const sordino_recurrent_step *step) {
    const size_t units = step->units;
    for (size_t row = 0; row < step->rows; row++) {
        if (has_ended(step, row)) {
            end_row_backward(step, row, 4);
            continue;
        }
        gather_delta(step, row);
        float *reset = step->gates + row * step->record, *update = reset + units, *recurrent = reset + 2 * units,
              *candidate = reset + 3 * units;
        const float *before = step->previous + row * step->record;
        float *state_delta = step->state_delta + row * units;
        APART for (size_t j = 0; j < units; j++) {
            const float r = reset[j], z = update[j], n = candidate[j], delta = state_delta[j];
            const float of_candidate = delta * (1.0f - z) * (1.0f - n * n);
            reset[j] = of_candidate * recurrent[j] * r * (1.0f - r);
            update[j] = delta * (before[j] - n) * z * (1.0f - z);
            recurrent[j] = of_candidate * r;
            candidate[j] = of_candidate;
            state_delta[j] = delta * z;
        }
    }
}

// MARK: Rows apart

VERSIONED void level_sum_rows_apart(float *out, const float *x, size_t x_row, size_t rows, size_t columns,
                                    float scale, float keep) {
    enum { most = 256 };
    float sums[most];
    for (size_t start = 0; start < columns; start += most) {
        const size_t width = columns - start < most ? columns - start : most;
        for (size_t c = 0; c < width; c++) sums[c] = 0;
        for (size_t r = 0; r < rows; r++) {
            const float *row = x + r * x_row + start;
            for (size_t c = 0; c < width; c++) sums[c] += row[c];
        }
        for (size_t c = 0; c < width; c++) {
            const float kept = keep == 0 ? 0 : keep * out[start + c];
            out[start + c] = kept + scale * sums[c];
        }
    }
}

VERSIONED void level_scale_rows_apart(float *x, size_t x_row, float factor, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *row = x + r * x_row;
        for (size_t c = 0; c < columns; c++) row[c] *= factor;
    }
}

VERSIONED double level_sum_of_products(const float *x, float offset, const float *y, size_t n) {
#pragma clang fp reassociate(on)
    double sum = 0;
    MORE_SUMS for (size_t i = 0; i < n; i++) sum += (double)(x[i] + offset) * (double)y[i];
    return sum;
}
