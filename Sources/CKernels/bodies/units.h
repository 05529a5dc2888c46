// The units of transformers' feed-forward layers: GELU's approximation, SiLU and SwiGLU.

// x / 2 * (1 + tanh(u)) = x * logistic(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
static const float twice_root_of_2_over_pi = 1.59576912f, cubic_of_gelu = 0.044715f;

VERSIONED void level_gelu_tanh(float *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float x = in[i];
        out[i] = x * logistic(twice_root_of_2_over_pi * x * (1.0f + cubic_of_gelu * x * x));
    }
}

VERSIONED void level_gelu_tanh_backward(float *input_delta, const float *output_delta, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float x = in[i], square = cubic_of_gelu * x * x;
        const float gate = logistic(twice_root_of_2_over_pi * x * (1.0f + square));
        const float slope = twice_root_of_2_over_pi * (1.0f + 3.0f * square);
        input_delta[i] = output_delta[i] * gate * (1.0f + x * slope * (1.0f - gate));
    }
}

INLINE float silu_slope(float x, float gate) { return gate * (1.0f + x * (1.0f - gate)); }

VERSIONED void level_silu(float *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = in[i] * logistic(in[i]);
}

VERSIONED void level_silu_backward(float *input_delta, const float *output_delta, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) input_delta[i] = output_delta[i] * silu_slope(in[i], logistic(in[i]));
}

VERSIONED void level_swiglu(float *out, const float *in, size_t rows, size_t half) {
    for (size_t r = 0; r < rows; r++) {
        const float *gates = in + 2 * r * half, *values = gates + half;
        float *restrict place = out + r * half;
        for (size_t c = 0; c < half; c++) place[c] = gates[c] * logistic(gates[c]) * values[c];
    }
}

VERSIONED void level_swiglu_backward(float *input_delta, const float *output_delta, const float *in, size_t rows,
                                     size_t half) {
    for (size_t r = 0; r < rows; r++) {
        const float *gates = in + 2 * r * half, *values = gates + half, *delta = output_delta + r * half;
        float *restrict of_gates = input_delta + 2 * r * half, *restrict of_values = of_gates + half;
        for (size_t c = 0; c < half; c++) {
            const float gate = logistic(gates[c]);
            of_gates[c] = delta[c] * values[c] * silu_slope(gates[c], gate);
            of_values[c] = delta[c] * gates[c] * gate;
        }
    }
}
