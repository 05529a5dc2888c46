// Pooling windows over images: the largest value of each with its place, or the mean.

/// Outputs of a row whose window has column `column` inside the image.
typedef struct {
    size_t start, end;
} span;

INLINE span outputs_with(size_t column, size_t left, size_t size, size_t stride, size_t outputs) {
    const size_t first = column >= left ? 0 : (left - column + stride - 1) / stride;
    const size_t last = size + left <= column ? 0 : (size + left - column - 1) / stride + 1;
    const size_t end = last < outputs ? last : outputs;
    return (span){first < end ? first : end, end};
}

// A row of windows that lie inside the image; sizes are constants at every call.
INLINE void max_row(float *restrict out, uint8_t *restrict winners, const float *restrict in, size_t width,
                    size_t start, size_t outputs, const int kernel, const int stride) {
    for (size_t x = start; x < outputs; x++) {
        float best = in[x * stride];
        uint32_t winner = 0;
        for (int i = 0; i < kernel; i++) {
            for (int j = 0; j < kernel; j++) {
                const float value = in[(size_t)i * width + x * stride + j];
                // NaN wins and stays: a diverged network must not look healthy.
                const int wins = (value > best) | (value != value);
                best = wins ? value : best;
                winner = wins ? (uint32_t)(i * kernel + j) : winner;
            }
        }
        out[x] = best;
        winners[x] = (uint8_t)winner;
    }
}

typedef int32_t four_integers_unaligned __attribute__((vector_size(16), aligned(4)));
typedef uint8_t four_bytes __attribute__((vector_size(4), aligned(1)));

INLINE four choose_four(four_integers mask, four a, four b) {
    return (four)((mask & (four_integers)a) | (~mask & (four_integers)b));
}

// Windows of two by two side by side, four at a time; the last four may overlap those before.
INLINE void max_row_of_pairs(float *out, uint8_t *winners, const float *in, size_t width, size_t outputs) {
    if (outputs < 4) return max_row(out, winners, in, width, 0, outputs, 2, 2);
    for (size_t x = 0; x < outputs; x += 4) {
        const size_t at = x + 4 <= outputs ? x : outputs - 4;
        four best = {0};
        four_integers winner = {0};
        UNROLLED for (int i = 0; i < 2; i++) {
            const float *line = in + (size_t)i * width + 2 * at;
            const four a = *(const unaligned_four *)line, b = *(const unaligned_four *)(line + 4);
            UNROLLED for (int j = 0; j < 2; j++) {
                const four value = j ? __builtin_shufflevector(a, b, 1, 3, 5, 7) : __builtin_shufflevector(a, b, 0, 2, 4, 6);
                const int32_t place = 2 * i + j;
                const four_integers all = {-1, -1, -1, -1};
                const four_integers wins = place == 0 ? all : (value > best) | (value != value);
                best = choose_four(wins, value, best);
                winner = (wins & (four_integers){place, place, place, place}) | (~wins & winner);
            }
        }
        *(unaligned_four *)(out + at) = best;
        *(four_bytes *)(winners + at) = __builtin_convertvector(winner, four_bytes);
    }
}

// A row of windows some of whose places are outside the image.
INLINE void max_row_at_border(float *out, uint8_t *winners, const float *plane, const sordino_window *shape, size_t y) {
    for (size_t x = 0; x < shape->out_width; x++) out[x] = -INFINITY, winners[x] = 0;
    int is_first = 1;
    for (size_t i = 0; i < shape->kernel_height; i++) {
        const size_t row = y * shape->vertical_stride + i;
        if (row < shape->top || row - shape->top >= shape->height) continue;
        const float *line = plane + (row - shape->top) * shape->width;
        for (size_t j = 0; j < shape->kernel_width; j++) {
            const span some = outputs_with(j, shape->left, shape->width, shape->horizontal_stride, shape->out_width);
            const uint8_t place = (uint8_t)(i * shape->kernel_width + j);
            for (size_t x = some.start; x < some.end; x++) {
                const float value = line[x * shape->horizontal_stride + j - shape->left];
                if (value > out[x] || value != value || (is_first && out[x] == -INFINITY)) {
                    out[x] = value;
                    winners[x] = place;
                }
            }
        }
        is_first = 0;
    }
}

VERSIONED void level_max_pool(float *out, uint8_t *winners, const float *in, size_t planes,
                              const sordino_window *shape) {
    const int is_inside = shape->top == 0 && shape->left == 0 && shape->kernel_height == shape->kernel_width &&
                          shape->vertical_stride == shape->horizontal_stride;
    const size_t kernel = shape->kernel_height, stride = shape->vertical_stride;
    for (size_t plane = 0; plane < planes; plane++, in += shape->height * shape->width) {
        for (size_t y = 0; y < shape->out_height; y++, out += shape->out_width, winners += shape->out_width) {
            const float *row = in + y * stride * shape->width;
            if (is_inside && kernel == 2 && stride == 2) max_row_of_pairs(out, winners, row, shape->width, shape->out_width);
            else if (is_inside && kernel == 3 && stride == 2) max_row(out, winners, row, shape->width, 0, shape->out_width, 3, 2);
            else max_row_at_border(out, winners, in, shape, y);
        }
    }
}

// Of such windows every value of the input is in one, or in none behind the last.
INLINE void split_pairs(float *delta, const float *out_delta, const uint8_t *winners, size_t outputs, const int first) {
    size_t x = 0;
    for (; outputs >= 4 && x < outputs; x += 4) {
        const size_t at = x + 4 <= outputs ? x : outputs - 4;
        const four_integers winner = __builtin_convertvector(*(const four_bytes *)(winners + at), four_integers);
        const four_integers given = *(const four_integers_unaligned *)(out_delta + at);
        const four a = (four)((winner == first) & given), b = (four)((winner == first + 1) & given);
        *(unaligned_four *)(delta + 2 * at) = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        *(unaligned_four *)(delta + 2 * at + 4) = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    }
    for (; x < outputs; x++) {
        delta[2 * x] = winners[x] == first ? out_delta[x] : 0;
        delta[2 * x + 1] = winners[x] == first + 1 ? out_delta[x] : 0;
    }
}

VERSIONED void level_max_pool_backward(float *in_delta, const float *out_delta, const uint8_t *winners, size_t planes,
                                       const sordino_window *shape) {
    const int is_halving = shape->top == 0 && shape->left == 0 && shape->kernel_height == 2 &&
                           shape->kernel_width == 2 && shape->vertical_stride == 2 && shape->horizontal_stride == 2;
    const size_t width = shape->width, outputs = shape->out_width;
    for (size_t plane = 0; plane < planes; plane++, in_delta += shape->height * width) {
        if (!is_halving) memset(in_delta, 0, shape->height * width * sizeof(float));
        for (size_t y = 0; y < shape->out_height; y++, out_delta += outputs, winners += outputs) {
            if (is_halving) {
                float *row = in_delta + 2 * y * width;
                split_pairs(row, out_delta, winners, outputs, 0);
                split_pairs(row + width, out_delta, winners, outputs, 2);
                for (size_t x = 2 * outputs; x < width; x++) row[x] = row[width + x] = 0;
                continue;
            }
            for (size_t x = 0; x < outputs; x++) {
                const size_t i = winners[x] / shape->kernel_width, j = winners[x] % shape->kernel_width;
                in_delta[(y * shape->vertical_stride + i - shape->top) * width + x * shape->horizontal_stride + j -
                         shape->left] += out_delta[x];
            }
        }
        if (is_halving) {
            const size_t done = 2 * shape->out_height;
            memset(in_delta + done * width, 0, (shape->height - done) * width * sizeof(float));
        }
    }
}

VERSIONED void level_average_pool(float *out, const float *in, size_t planes, const sordino_window *shape) {
    const float share = 1.0f / (float)(shape->kernel_height * shape->kernel_width);
    const size_t stride = shape->horizontal_stride;
    for (size_t plane = 0; plane < planes; plane++, in += shape->height * shape->width) {
        for (size_t y = 0; y < shape->out_height; y++, out += shape->out_width) {
            for (size_t x = 0; x < shape->out_width; x++) out[x] = 0;
            for (size_t i = 0; i < shape->kernel_height; i++) {
                const size_t row = y * shape->vertical_stride + i;
                if (row < shape->top || row - shape->top >= shape->height) continue;
                const float *line = in + (row - shape->top) * shape->width;
                for (size_t j = 0; j < shape->kernel_width; j++) {
                    const span some = outputs_with(j, shape->left, shape->width, stride, shape->out_width);
                    const ptrdiff_t shift = (ptrdiff_t)j - (ptrdiff_t)shape->left;
                    for (size_t x = some.start; x < some.end; x++) out[x] += line[(ptrdiff_t)(x * stride) + shift];
                }
            }
            for (size_t x = 0; x < shape->out_width; x++) out[x] *= share;
        }
    }
}

VERSIONED void level_average_pool_backward(float *in_delta, const float *out_delta, size_t planes,
                                           const sordino_window *shape) {
    const float share = 1.0f / (float)(shape->kernel_height * shape->kernel_width);
    const size_t stride = shape->horizontal_stride;
    for (size_t plane = 0; plane < planes; plane++, in_delta += shape->height * shape->width) {
        memset(in_delta, 0, shape->height * shape->width * sizeof(float));
        for (size_t y = 0; y < shape->out_height; y++, out_delta += shape->out_width) {
            for (size_t i = 0; i < shape->kernel_height; i++) {
                const size_t row = y * shape->vertical_stride + i;
                if (row < shape->top || row - shape->top >= shape->height) continue;
                float *line = in_delta + (row - shape->top) * shape->width;
                for (size_t j = 0; j < shape->kernel_width; j++) {
                    const span some = outputs_with(j, shape->left, shape->width, stride, shape->out_width);
                    const ptrdiff_t shift = (ptrdiff_t)j - (ptrdiff_t)shape->left;
                    for (size_t x = some.start; x < some.end; x++) {
                        line[(ptrdiff_t)(x * stride) + shift] += share * out_delta[x];
                    }
                }
            }
        }
    }
}

VERSIONED void level_sum_planes(float *out, const float *in, size_t planes, size_t size, float scale) {
#pragma clang fp reassociate(on)
    for (size_t p = 0; p < planes; p++, in += size) {
        float sum = 0;
        for (size_t i = 0; i < size; i++) sum += in[i];
        out[p] = scale * sum;
    }
}

VERSIONED void level_fill_planes(float *out, const float *values, size_t planes, size_t size, float scale) {
    for (size_t p = 0; p < planes; p++, out += size) {
        const float value = scale * values[p];
        for (size_t i = 0; i < size; i++) out[i] = value;
    }
}
