// Kernels of recurrences, beside the portable ones and plain sums; included by compare.c.

static void compare_panels(const sordino_kernels *k, size_t rows, size_t inner, size_t columns) {
    const size_t row = columns + 3, packed = (columns + sordino_panel_width - 1) / sordino_panel_width * inner;
    fill(a, rows * inner, 1);
    fill(b, inner * columns, 1);
    fill(c, columns, 1);
    fill(found, rows * row, 1);
    for (int transposed = 0; transposed < 2; transposed++) {
        for (size_t i = 0; i < packed * sordino_panel_width; i++) d[i] = NAN;
        k->pack_panels(d, b, transposed ? 1 : columns, transposed ? inner : 1, columns, inner);
        for (int start = 0; start < 3; start++) {
            memcpy(expected, found, 4 * rows * row);
            for (size_t i = 0; i < rows; i++) {
                for (size_t j = 0; j < columns; j++) {
                    double sum = start == 0 ? expected[i * row + j] : start == 1 ? c[j] : 0;
                    for (size_t l = 0; l < inner; l++) {
                        sum += (double)a[i * inner + l] * (double)b[transposed ? j * inner + l : l * columns + j];
                    }
                    expected[i * row + j] = (float)sum;
                }
            }
            k->panel_product(found, row, a, inner, d, start == 1 ? c : 0, start == 0, rows, columns, inner);
            close_to("panel_product", rows * columns, found, expected, rows * row, 1e-4, 1);
        }
    }
}

static void compare_cells(const sordino_kernels *k, const sordino_kernels *p, size_t units) {
    enum { rows = 3 };
    const size_t record = 9 * units + 5, deltas = rows * record;
    static const int32_t lengths[rows] = {4, 2, 3};
    for (int cell = 0; cell < 3; cell++) {
        for (int is_first = 0; is_first < 2; is_first++) {
            fill(a, deltas + 2 * rows * units, 2);
            float *const sides[2] = {found, expected};
            for (int side = 0; side < 2; side++) {
                const sordino_kernels *of = side ? p : k;
                float *base = sides[side];
                memcpy(base, a, 4 * (deltas + 2 * rows * units));
                const sordino_recurrent_step step = {
                    .rows = rows, .units = units, .record = record, .gates = base, .previous = base + 4 * units,
                    .following = base + 5 * units, .cell = cell == 2 ? base + 6 * units : 0,
                    .cell_before = cell == 2 && !is_first ? base + 7 * units : 0, .output = base + 8 * units,
                    .output_row = record, .lengths = lengths, .position = 2, .state_delta = base + deltas,
                    .cell_delta = cell == 2 ? base + deltas + rows * units : 0, .output_delta = a};
                (cell == 0 ? of->tanh_cell : cell == 1 ? of->gru_cell : of->lstm_cell)(&step);
                (cell == 0   ? of->tanh_cell_backward
                 : cell == 1 ? of->gru_cell_backward
                             : of->lstm_cell_backward)(&step);
            }
            static const char *const names[] = {"tanh_cell", "gru_cell", "lstm_cell"};
            close_to(names[cell], units, found, expected, deltas + 2 * rows * units, 1e-5, 1);
        }
    }
}

static void compare_rows_apart(const sordino_kernels *k, const sordino_kernels *p, size_t rows, size_t columns) {
    const size_t row = columns + 2;
    fill(found, rows * row, 1);
    memcpy(expected, found, 4 * rows * row);
    k->scale_rows_apart(found, row, 0.3f, rows, columns);
    p->scale_rows_apart(expected, row, 0.3f, rows, columns);
    close_to("scale_rows_apart", rows * columns, found, expected, rows * row, 0, 1);
    k->sum_rows_apart(a, found, row, rows, columns, 3, 0);
    p->sum_rows_apart(b, expected, row, rows, columns, 3, 0);
    close_to("sum_rows_apart", rows * columns, a, b, columns, 1e-5, 1);
    const float sums[2] = {(float)k->sum_of_products(found, 1, found, rows * columns),
                           (float)p->sum_of_products(expected, 1, expected, rows * columns)};
    close_to("sum_of_products", rows * columns, sums, sums + 1, 1, 1e-6, 0);
}
