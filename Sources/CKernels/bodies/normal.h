// Layer norm and RMS norm of rows, forward beside backward. The normal values are computed again from x and two numbers
// a row, which costs less than to keep them.

/// Sum of (x - shift)^2, or of x - shift where not `is_squared`.
INLINE float sum_of_row(const float *x, float shift, size_t columns, const int is_squared) {
    wide sums[2] = {(wide)0.0f, (wide)0.0f};
    size_t c = 0;
    for (; c + 2 * wide_lanes <= columns; c += 2 * wide_lanes) {
        for (int i = 0; i < 2; i++) {
            const wide moved = load_wide(x + c + i * wide_lanes) - shift;
            sums[i] += is_squared ? moved * moved : moved;
        }
    }
    float sum = sum_of_wide(sums[0] + sums[1]);
    for (; c < columns; c++) {
        const float moved = x[c] - shift;
        sum += is_squared ? moved * moved : moved;
    }
    return sum;
}

VERSIONED void level_normalise(float *out, float *statistics, const float *x, const float *gain, const float *bias,
                               size_t rows, size_t columns, float epsilon) {
    const float share = 1.0f / (float)columns;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        float *place = out + r * columns;
        const float mean = bias ? sum_of_row(row, 0, columns, 0) * share : 0;
        const float inverse = 1.0f / sqrtf(sum_of_row(row, mean, columns, 1) * share + epsilon);
        statistics[2 * r] = mean;
        statistics[2 * r + 1] = inverse;
        if (bias) {
            for (size_t c = 0; c < columns; c++) place[c] = gain[c] * ((row[c] - mean) * inverse) + bias[c];
        } else {
            for (size_t c = 0; c < columns; c++) place[c] = gain[c] * (row[c] * inverse);
        }
    }
}

// With d = gain * output_delta: input_delta = (d - mean(d) - normal * mean(d * normal)) * inverse, and for RMS norm
// without mean(d).
VERSIONED void level_normalise_backward(float *input_delta, const float *output_delta, const float *x,
                                        const float *statistics, const float *gain, int is_centred, size_t rows,
                                        size_t columns) {
    const float share = 1.0f / (float)columns;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns, *delta = output_delta + r * columns;
        const float mean = statistics[2 * r], inverse = statistics[2 * r + 1];
        wide sums = (wide)0.0f, dots = (wide)0.0f;
        size_t c = 0;
        for (; c + wide_lanes <= columns; c += wide_lanes) {
            const wide value = load_wide(gain + c) * load_wide(delta + c);
            sums += value;
            dots += value * ((load_wide(row + c) - mean) * inverse);
        }
        float sum = sum_of_wide(sums), dot = sum_of_wide(dots);
        for (; c < columns; c++) {
            const float value = gain[c] * delta[c];
            sum += value;
            dot += value * ((row[c] - mean) * inverse);
        }
        sum = is_centred ? sum * share : 0;
        dot *= share;
        float *place = input_delta + r * columns;
        for (c = 0; c < columns; c++) {
            place[c] = (gain[c] * delta[c] - sum - (row[c] - mean) * inverse * dot) * inverse;
        }
    }
}

enum { strip = 64 };

/// of_gain[c] = sum of delta * normal, of_bias[c] = sum of delta, over `rows` rows of a strip of columns.
INLINE void sum_strip(float *of_gain, float *of_bias, const float *delta, const float *x, const float *statistics,
                      size_t rows, size_t columns, size_t width) {
    for (size_t c = 0; c < width; c++) of_gain[c] = of_bias[c] = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *from = delta + r * columns, *row = x + r * columns;
        const float mean = statistics[2 * r], inverse = statistics[2 * r + 1];
        for (size_t c = 0; c < width; c++) {
            of_gain[c] += from[c] * ((row[c] - mean) * inverse);
            of_bias[c] += from[c];
        }
    }
}

/// A whole strip stays in registers.
INLINE void sum_columns(float *of_gain, float *of_bias, const float *delta, const float *x, const float *statistics,
                        size_t rows, size_t columns, size_t width) {
    if (width == strip) sum_strip(of_gain, of_bias, delta, x, statistics, rows, columns, strip);
    else sum_strip(of_gain, of_bias, delta, x, statistics, rows, columns, width);
}

VERSIONED void level_normalise_gradient(float *of_gain, float *of_bias, const float *output_delta, const float *x,
                                        const float *statistics, size_t rows, size_t columns, float scale, float keep) {
    float gains[strip], biases[strip];
    for (size_t start = 0; start < columns; start += strip) {
        const size_t width = columns - start < strip ? columns - start : strip;
        sum_columns(gains, biases, output_delta + start, x + start, statistics, rows, columns, width);
        for (size_t c = 0; of_gain && c < width; c++) {
            of_gain[start + c] = (keep == 0 ? 0 : keep * of_gain[start + c]) + scale * gains[c];
        }
        for (size_t c = 0; of_bias && c < width; c++) {
            of_bias[start + c] = (keep == 0 ? 0 : keep * of_bias[start + c]) + scale * biases[c];
        }
    }
}

VERSIONED void level_add_normalise_norms(float *norms, const float *output_delta, const float *x,
                                         const float *statistics, size_t examples, size_t positions, size_t columns,
                                         int of_gain, int of_bias) {
    float gains[strip], biases[strip];
    for (size_t e = 0; e < examples; e++) {
        const float *delta = output_delta + e * positions * columns, *rows = x + e * positions * columns;
        float sum = 0;
        for (size_t start = 0; start < columns; start += strip) {
            const size_t width = columns - start < strip ? columns - start : strip;
            sum_columns(gains, biases, delta + start, rows + start, statistics + 2 * e * positions, positions, columns,
                        width);
            if (of_gain) sum += dot_of(gains, gains, width);
            if (of_bias) sum += dot_of(biases, biases, width);
        }
        norms[e] += sum;
    }
}
