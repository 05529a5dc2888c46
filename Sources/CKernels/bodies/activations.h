// Activations and the softmax cross-entropy, forward beside backward.

#include <math.h>

VERSIONED void level_rectify(float *out, const float *in, float slope, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = in[i] > 0 ? in[i] : slope * in[i];
}

VERSIONED void level_rectify_backward(float *input_delta, const float *output_delta, const float *output,
                                        float slope, size_t n) {
    for (size_t i = 0; i < n; i++) {
        input_delta[i] = output[i] > 0 ? output_delta[i] : slope * output_delta[i];
    }
}

VERSIONED void level_sigmoid(float *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = logistic(in[i]);
}

VERSIONED void level_sigmoid_backward(float *input_delta, const float *output_delta, const float *output,
                                        size_t n) {
    for (size_t i = 0; i < n; i++) input_delta[i] = output_delta[i] * output[i] * (1.0f - output[i]);
}

VERSIONED void level_tanh(float *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = hyperbolic_tangent(in[i]);
}

VERSIONED void level_tanh_backward(float *input_delta, const float *output_delta, const float *output,
                                     size_t n) {
    for (size_t i = 0; i < n; i++) input_delta[i] = output_delta[i] * (1.0f - output[i] * output[i]);
}

VERSIONED void level_gelu(float *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float density;
        out[i] = in[i] * normal_distribution(in[i], &density);
    }
}

VERSIONED void level_gelu_backward(float *input_delta, const float *output_delta, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float density;
        const float distribution = normal_distribution(in[i], &density);
        input_delta[i] = output_delta[i] * (distribution + in[i] * density);
    }
}

VERSIONED void level_dropout(float *out, const float *in, uint32_t *words, uint32_t threshold, float keep,
                               size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float mask = words[i] < threshold ? 0.0f : keep;
        memcpy(&words[i], &mask, sizeof mask);
        out[i] = in[i] * mask;
    }
}

INLINE float row_maximum(const float *row, size_t columns) {
    float maximum = row[0];
    for (size_t c = 1; c < columns; c++) maximum = row[c] > maximum ? row[c] : maximum;
    return maximum;
}

// out = exp(in - row maximum). The exponential runs over the whole matrix at once, because rows of ten
// classes alone would leave most of a vector unit idle.
INLINE void exponentials_of_rows(float *out, const float *in, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        const float maximum = row_maximum(in + r * columns, columns);
        for (size_t c = 0; c < columns; c++) out[r * columns + c] = in[r * columns + c] - maximum;
    }
    for (size_t i = 0; i < rows * columns; i++) out[i] = exponential(out[i]);
}

// Rows this long are handled one by one, in wide values, while they lie in the nearest cache: a vocabulary, not classes.
enum { long_row = 64 };

/// out = exp(in - maximum) of a long row; returns the sum.
INLINE float exponentials_of_long_row(float *out, const float *in, float maximum, size_t columns) {
    wide sum = (wide)0.0f;
    size_t c = 0;
    for (; c + wide_lanes <= columns; c += wide_lanes) {
        const wide value = exponential_of_wide(load_wide(in + c) - maximum);
        store_wide(out + c, value);
        sum += value;
    }
    float total = sum_of_wide(sum);
    for (; c < columns; c++) total += out[c] = exponential(in[c] - maximum);
    return total;
}

VERSIONED void level_softmax(float *out, const float *in, size_t rows, size_t columns) {
    if (columns >= long_row) {
        for (size_t r = 0; r < rows; r++) {
            float *row = out + r * columns;
            const float *from = in + r * columns;
            const float factor = 1.0f / exponentials_of_long_row(row, from, greatest_of(from, columns), columns);
            for (size_t c = 0; c < columns; c++) row[c] *= factor;
        }
        return;
    }
    exponentials_of_rows(out, in, rows, columns);
    for (size_t r = 0; r < rows; r++) {
        float sum = 0;
        for (size_t c = 0; c < columns; c++) sum += out[r * columns + c];
        const float factor = 1.0f / sum;
        for (size_t c = 0; c < columns; c++) out[r * columns + c] *= factor;
    }
}

VERSIONED double level_softmax_cross_entropy(float *delta, const float *logits, const int32_t *labels,
                                               size_t rows, size_t columns, float scale) {
    double loss = 0;
    if (columns >= long_row) {
        for (size_t r = 0; r < rows; r++) {
            const float *from = logits + r * columns;
            float *row = delta + r * columns;
            if (labels[r] < 0) {
                memset(row, 0, columns * sizeof(float));
                continue;
            }
            const float maximum = greatest_of(from, columns);
            loss += (double)maximum - (double)from[labels[r]];
            const float sum = exponentials_of_long_row(row, from, maximum, columns);
            loss += (double)logf(sum);
            const float factor = scale / sum;
            for (size_t c = 0; c < columns; c++) row[c] *= factor;
            row[labels[r]] -= scale;
        }
        return loss;
    }
    // The label's logit is read before `delta` overwrites it, for callers that pass one buffer for both.
    for (size_t r = 0; r < rows; r++) {
        const float *row = logits + r * columns;
        if (labels[r] >= 0) loss += (double)row_maximum(row, columns) - (double)row[labels[r]];
    }
    exponentials_of_rows(delta, logits, rows, columns);
    for (size_t r = 0; r < rows; r++) {
        float *row = delta + r * columns;
        if (labels[r] < 0) {
            for (size_t c = 0; c < columns; c++) row[c] = 0;
            continue;
        }
        float sum = 0;
        for (size_t c = 0; c < columns; c++) sum += row[c];
        loss += (double)logf(sum);
        const float factor = scale / sum;
        for (size_t c = 0; c < columns; c++) row[c] *= factor;
        row[labels[r]] -= scale;
    }
    return loss;
}
