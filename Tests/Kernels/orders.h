// Order statistics of columns and sums of rows in double, beside plain loops; included by compare.c.

static int by_value(const void *x, const void *y) {
    const float a = *(const float *)x, b = *(const float *)y;
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

/// The mean of the `wanted` of `count` sorted values that are nearest their median, by taking the farther end away until so
/// many are left.
static double near_median(const float *column, size_t count, size_t wanted) {
    if (count == 0) return 0;
    const double median = ((double)column[(count - 1) / 2] + (double)column[count / 2]) / 2;
    size_t first = 0, last = count - 1;
    while (last - first + 1 > wanted) {
        if (column[last] - median >= median - column[first]) last--;
        else first++;
    }
    double sum = 0;
    for (size_t r = first; r <= last; r++) sum += column[r];
    return sum / (double)(last - first + 1);
}

/// The columns of sorted keys, those that hold an infinity apart.
static void compare_near_median(const sordino_kernels *k, const int32_t *keys, size_t rows, int is_missing) {
    enum { width = sordino_order_width, rows_most = 40 };
    static double means[width];
    for (size_t wanted = 1; wanted <= rows; wanted += 1 + rows / 5) {
        k->mean_near_median(means, keys, rows, wanted, is_missing);
        for (size_t c = 0; c < width; c++) {
            float column[rows_most];
            size_t count = 0;
            int is_finite = 1;
            for (; count < rows && keys[count * width + c] != INT32_MAX; count++) {
                const int32_t key = keys[count * width + c];
                const int32_t bits = key ^ (int32_t)((uint32_t)(key >> 31) >> 1);
                memcpy(column + count, &bits, sizeof bits);
                is_finite &= !isinf(column[count]);
            }
            const double expected_mean = near_median(column, count, wanted);
            if (is_finite && means[c] != expected_mean) differs("mean_near_median", rows, c, means[c], expected_mean);
        }
    }
}

/// Columns with ties, both zeros, infinities and what is not a number, sorted by exchanges of all neighbours.
static void compare_order(const sordino_kernels *k, size_t rows) {
    enum { width = sordino_order_width, stride = width + 3, rows_most = 40 };
    static _Alignas(64) int32_t keys[(rows_most + 1) * width];
    static uint32_t names[rows_most];
    static uint32_t pairs[2 * rows_most * rows_most];
    static double means[width];
    fill(a, rows * stride, 3);
    for (size_t i = 0; i < rows * stride; i += 7) a[i] = (float)(random_word() % 5) - 2;
    if (rows > 4) a[0] = NAN, a[stride] = -INFINITY, a[2 * stride + 1] = INFINITY, a[stride + 2] = -0.0f, a[2] = NAN;
    size_t count = 0;
    for (size_t round = 0; round < rows; round++) {
        for (size_t r = round % 2; r + 1 < rows; r += 2, count++) {
            pairs[2 * count] = (uint32_t)r;
            pairs[2 * count + 1] = (uint32_t)r + 1;
        }
    }
    // Rows in another order are the same columns.
    for (size_t r = 0; r < rows; r++) names[r] = (uint32_t)((r + 3) % rows);
    const int is_missing = k->order_groups(keys, a, stride, names, rows);
    if (is_missing != (rows > 4)) differs("order_groups", rows, 0, is_missing, rows > 4);
    for (size_t r = 0; r + 1 < rows; r++) {
        for (size_t c = 0; c < width && r % 8 < 7; c++) {
            if (keys[r * width + c] > keys[(r + 1) * width + c]) differs("order_groups", rows, r, 1, 0);
        }
    }
    same("order_groups", rows, keys, keys, 4 * rows * width);
    k->order_columns(keys, pairs, count);
    same("order_columns", rows, keys, keys, 4 * rows * width);
    compare_near_median(k, keys, rows, is_missing);
    k->mean_of_keys(means, keys, rows, is_missing);
    for (size_t c = 0; c < width; c++) {
        float column[rows_most];
        double sum = 0;
        int numbers = 0;
        for (size_t r = 0; r < rows; r++) column[r] = a[r * stride + c];
        qsort(column, rows, sizeof *column, by_value);
        for (size_t r = 0; r < rows; r++) {
            const int32_t key = keys[r * width + c];
            const int32_t bits = key ^ (int32_t)((uint32_t)(key >> 31) >> 1);
            float value;
            memcpy(&value, &bits, sizeof value);
            if (key == INT32_MAX) value = NAN;
            if (!(value == column[r] || (isnan(value) && isnan(column[r])))) differs("order", rows, r, value, column[r]);
            if (!isnan(column[r])) sum += column[r], numbers++;
        }
        found[c] = (float)means[c];
        expected[c] = (float)(sum / (numbers > 0 ? numbers : 1));
        if (isinf(expected[c]) && found[c] == expected[c]) found[c] = expected[c] = 0;
    }
    close_to("mean_of_keys", rows, found, expected, width, 0, 1);
}

static void compare_wide_sums(const sordino_kernels *k, size_t n) {
    static double sums[2][4096];
    fill(a, n, 4e4f);
    for (size_t i = 0; i < n; i++) sums[0][i] = sums[1][i] = (double)(random_word() % 1000) / 7;
    k->add_scaled_wide(sums[0], a, 1.0 / 3, n);
    for (size_t i = 0; i < n; i++) {
        const double term = (double)a[i] * (1.0 / 3);
        sums[1][i] += term;
    }
    same("add_scaled_wide", n, sums[0], sums[1], 8 * n);
    fill_for_grid(a, n, 30, 0x1.8p60f);
    if (n > 9) a[1] = INFINITY, a[2] = NAN, a[3] = 3e38f;
    k->on_grid(found, a, 4, n);
    for (size_t i = 0; i < n; i++) expected[i] = isfinite(rintf(4 * a[i])) ? rintf(4 * a[i]) : NAN;
    close_to("on_grid", n, found, expected, n, 0, 1);
}

static void compare_orders(const sordino_kernels *k) {
    static const size_t rows[] = {1, 2, 3, 5, 16, 17, 40};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) compare_order(k, rows[r]);
}
