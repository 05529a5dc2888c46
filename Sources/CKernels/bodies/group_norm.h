// Group normalisation (Wu and He 2018): channels of an image in groups, each of mean 0 and variance 1.

INLINE float sum_of(const float *x, size_t n) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return sum;
}

INLINE float sum_of_squares_about(const float *x, float center, size_t n) {
#pragma clang fp reassociate(on)
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += (x[i] - center) * (x[i] - center);
    return sum;
}

VERSIONED void level_group_norm(float *out, float *statistics, const float *in, const float *gain, const float *bias,
                                const sordino_groups *shape, float epsilon) {
    const size_t size = shape->channels * shape->plane;
    for (size_t g = 0; g < shape->groups; g++, in += size, statistics += 2) {
        const float mean = sum_of(in, size) / (float)size;
        const float variance = sum_of_squares_about(in, mean, size) / (float)size;
        const float inverse = 1.0f / sqrtf(variance + epsilon);
        statistics[0] = mean;
        statistics[1] = inverse;
        for (size_t c = 0; c < shape->channels; c++, out += shape->plane) {
            const size_t channel = g * shape->channels + c;
            const float factor = gain[channel] * inverse, offset = bias[channel];
            const float *row = in + c * shape->plane;
            for (size_t i = 0; i < shape->plane; i++) out[i] = factor * (row[i] - mean) + offset;
        }
    }
}

// Sum of delta, and of delta times the normalised value.
INLINE void sums_of_channel(float *of_gain, float *of_bias, const float *delta, const float *in, float mean,
                            float inverse, size_t n) {
#pragma clang fp reassociate(on)
    float sum = 0, product = 0;
    for (size_t i = 0; i < n; i++) {
        sum += delta[i];
        product += delta[i] * (in[i] - mean);
    }
    *of_bias = sum;
    *of_gain = product * inverse;
}

VERSIONED void level_group_norm_sums(float *sums, const float *delta, const float *in, const float *statistics,
                                     const sordino_groups *shape) {
    const size_t channels = shape->groups * shape->channels;
    for (size_t c = 0; c < channels; c++, delta += shape->plane, in += shape->plane) {
        const float *own = statistics + c / shape->channels * 2;
        sums_of_channel(sums + c, sums + channels + c, delta, in, own[0], own[1], shape->plane);
    }
}

// With d = gain delta: (d - mean(d) - normal mean(d normal)) / deviation.
VERSIONED void level_group_norm_backward(float *in_delta, const float *delta, const float *in, const float *statistics,
                                         const float *sums, const float *gain, const sordino_groups *shape) {
    const size_t channels = shape->groups * shape->channels;
    const float count = (float)(shape->channels * shape->plane);
    for (size_t g = 0; g < shape->groups; g++, statistics += 2) {
        const float mean = statistics[0], inverse = statistics[1];
        float of_delta = 0, of_product = 0;
        for (size_t c = g * shape->channels; c < (g + 1) * shape->channels; c++) {
            of_product += gain[c] * sums[c];
            of_delta += gain[c] * sums[channels + c];
        }
        const float slope = -inverse * inverse * of_product / count, offset = -inverse * of_delta / count;
        for (size_t c = g * shape->channels; c < (g + 1) * shape->channels; c++) {
            const float factor = gain[c] * inverse;
            for (size_t i = 0; i < shape->plane; i++) {
                in_delta[i] = factor * delta[i] + (slope * (in[i] - mean) + offset);
            }
            in_delta += shape->plane;
            delta += shape->plane;
            in += shape->plane;
        }
    }
}
