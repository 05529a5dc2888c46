// Gathering, row and vector arithmetic, optimiser updates and bulk random words.

VERSIONED void level_gather_bytes(float *out, const uint8_t *table, const int32_t *indices, size_t rows,
                                    size_t columns, float scale) {
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *restrict row = table + (size_t)indices[r] * columns;
        float *restrict place = out + r * columns;
        for (size_t c = 0; c < columns; c++) place[c] = scale * (float)row[c];
    }
}

VERSIONED void level_gather_floats(float *out, const float *table, const int32_t *indices, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        memcpy(out + r * columns, table + (size_t)indices[r] * columns, columns * sizeof(float));
    }
}

VERSIONED void level_prefetch(const void *table, const int32_t *indices, size_t rows, size_t row_bytes) {
    for (size_t r = 0; r < rows; r++) {
        const char *row = (const char *)table + (size_t)indices[r] * row_bytes;
        for (size_t byte = 0; byte < row_bytes; byte += 64) __builtin_prefetch(row + byte, 0, 2);
    }
}

VERSIONED void level_add_to_rows(float *z, const float *bias, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict row = z + r * columns;
        for (size_t c = 0; c < columns; c++) row[c] += bias[c];
    }
}

VERSIONED void level_sum_rows(float *out, const float *x, size_t rows, size_t columns, float scale, float keep) {
    float sums[64];
    for (size_t start = 0; start < columns; start += 64) {
        const size_t width = columns - start < 64 ? columns - start : 64;
        for (size_t c = 0; c < width; c++) sums[c] = 0;
        for (size_t r = 0; r < rows; r++) {
            const float *row = x + r * columns + start;
            for (size_t c = 0; c < width; c++) sums[c] += row[c];
        }
        for (size_t c = 0; c < width; c++) {
            const float kept = keep == 0 ? 0 : keep * out[start + c];
            out[start + c] = kept + scale * sums[c];
        }
    }
}

VERSIONED void level_scale_rows(float *x, const float *factors, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float factor = factors[r];
        float *row = x + r * columns;
        for (size_t c = 0; c < columns; c++) row[c] *= factor;
    }
}

// The order of these additions is the compiler's, but fixed in the binary: results still reproduce.
INLINE float square_norm_of_row(const float *row, size_t columns) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t c = 0; c < columns; c++) sum += row[c] * row[c];
    return sum;
}

VERSIONED void level_add_outer_product_norms(float *out, const float *x, size_t x_columns, const float *y,
                                               size_t y_columns, float offset, size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        const float of_x = square_norm_of_row(x + r * x_columns, x_columns);
        const float of_y = square_norm_of_row(y + r * y_columns, y_columns);
        out[r] += (of_x + offset) * of_y;
    }
}

VERSIONED void level_multiply(float *out, const float *left, const float *right, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = left[i] * right[i];
}

VERSIONED void level_add_scaled(float *y, const float *x, float a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

VERSIONED void level_scale(float *x, float a, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= a;
}

VERSIONED void level_subtract(float *restrict x, const float *restrict y, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] -= y[i];
}

VERSIONED double level_square_norm(const float *x, size_t n) {
#pragma clang fp reassociate(on)
    double sum = 0;
    MORE_SUMS for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

VERSIONED void level_sgd(float *w, const float *g, float rate, float decay, size_t n) {
    for (size_t i = 0; i < n; i++) w[i] -= rate * (g[i] + decay * w[i]);
}

VERSIONED void level_momentum(float *restrict w, const float *restrict g, float *restrict v, float rate,
                                float momentum, float decay, int nesterov, size_t n) {
    // Classical: the direction is v. Nesterov: g' + momentum * v.
    const float of_gradient = nesterov ? 1.0f : 0.0f;
    const float of_velocity = nesterov ? momentum : 1.0f;
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] + decay * w[i];
        v[i] = momentum * v[i] + gradient;
        w[i] -= rate * (of_gradient * gradient + of_velocity * v[i]);
    }
}

VERSIONED void level_adam(float *restrict w, const float *restrict g, float *restrict m, float *restrict v,
                            float rate_over_correction1, float beta1, float beta2, float sqrt_correction2,
                            float epsilon, float coupled_decay, float shrink, size_t n) {
    const float rest1 = 1.0f - beta1;
    const float rest2 = 1.0f - beta2;
    const float inverse_correction2 = 1.0f / sqrt_correction2;
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] + coupled_decay * w[i];
        m[i] = beta1 * m[i] + rest1 * gradient;
        v[i] = beta2 * v[i] + rest2 * (gradient * gradient);
        const float spread = __builtin_elementwise_sqrt(v[i]) * inverse_correction2 + epsilon;
        w[i] = shrink * w[i] - rate_over_correction1 * m[i] / spread;
    }
}

VERSIONED void level_rmsprop(float *restrict w, const float *restrict g, float *restrict v, float rate,
                               float alpha, float epsilon, float decay, size_t n) {
    const float rest = 1.0f - alpha;
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] + decay * w[i];
        v[i] = alpha * v[i] + rest * (gradient * gradient);
        w[i] -= rate * gradient / (__builtin_elementwise_sqrt(v[i]) + epsilon);
    }
}

VERSIONED void level_adagrad(float *restrict w, const float *restrict g, float *restrict v, float rate,
                               float epsilon, float decay, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float gradient = g[i] + decay * w[i];
        v[i] += gradient * gradient;
        w[i] -= rate * gradient / (__builtin_elementwise_sqrt(v[i]) + epsilon);
    }
}

VERSIONED void level_regularise(float *restrict g, const float *restrict w, const float *restrict anchor,
                                  float l2, float l1, float proximal, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float sign = w[i] > 0 ? 1.0f : (w[i] < 0 ? -1.0f : 0.0f);
        g[i] += l2 * w[i] + l1 * sign;
    }
    if (proximal == 0) return;
    for (size_t i = 0; i < n; i++) g[i] += proximal * (w[i] - anchor[i]);
}

// Sixteen blocks side by side: the lanes of a vector are blocks, so that no word crosses lanes.
VERSIONED void level_philox(uint32_t *words, size_t blocks, uint32_t first_block, uint32_t purpose,
                              uint32_t client, uint32_t round, uint32_t key0, uint32_t key1) {
    enum { width = 16 };
    for (size_t start = 0; start < blocks; start += width) {
        uint32_t x0[width], x1[width], x2[width], x3[width];
        for (int lane = 0; lane < width; lane++) {
            x0[lane] = first_block + (uint32_t)start + (uint32_t)lane;
            x1[lane] = purpose;
            x2[lane] = client;
            x3[lane] = round;
        }
        uint32_t k0 = key0, k1 = key1;
        for (int turn = 0; turn < 10; turn++) {
            for (int lane = 0; lane < width; lane++) {
                const uint64_t p0 = (uint64_t)x0[lane] * 0xD2511F53u;
                const uint64_t p1 = (uint64_t)x2[lane] * 0xCD9E8D57u;
                const uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1[lane] ^ k0;
                const uint32_t y2 = (uint32_t)(p0 >> 32) ^ x3[lane] ^ k1;
                x0[lane] = y0;
                x1[lane] = (uint32_t)p1;
                x2[lane] = y2;
                x3[lane] = (uint32_t)p0;
            }
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        const size_t count = blocks - start < width ? blocks - start : width;
        for (size_t lane = 0; lane < count; lane++) {
            uint32_t *place = words + 4 * (start + lane);
            place[0] = x0[lane];
            place[1] = x1[lane];
            place[2] = x2[lane];
            place[3] = x3[lane];
        }
    }
}
