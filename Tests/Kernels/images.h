// Convolutions, pooling and group norm of a level, for compare.c.

/// Convolutions of every stride with padding, wide images and narrow ones, beside the sums that define them.
static void compare_convolutions(const sordino_kernels *k, size_t size, size_t channels, size_t rows, size_t stride) {
    enum { kernel = 3, most_taps = 512, examples = 2 };
    const size_t out = (size - 1) / stride + 1, phase = out + (kernel - 1) / stride, taps = channels * kernel * kernel;
    const size_t plane = stride * stride * phase * phase;
    int32_t weight_at[most_taps], source_at[most_taps];
    for (size_t l = 0; l < taps; l++) {
        const size_t channel = l / 9, i = l / 3 % 3, j = l % 3;
        weight_at[l] = (int32_t)l;
        source_at[l] = (int32_t)(channel * plane + (i % stride * stride + j % stride) * phase * phase +
                                 i / stride * phase + j / stride);
    }
    const sordino_padding padding = {size, size, 1, 1, stride, stride, stride, stride, phase, phase};
    const sordino_convolution shape = {examples, out, out, channels * plane, phase, rows * out * out, out * out, out,
                                       rows, taps, taps, weight_at, source_at};
    static float source[most], room[most];
    fill(a, examples * channels * size * size, 1);
    fill(b, rows * taps, 1);
    fill(c, rows, 1);
    k->pad(source, a, examples * channels, &padding);
    k->convolve(&shape, found, source, b, c, room);
    const size_t count = examples * rows * out * out;
    for (size_t n = 0; n < count; n++) {
        const size_t x = n % out, y = n / out % out, m = n / (out * out) % rows, e = n / (out * out * rows);
        double sum = c[m];
        for (size_t l = 0; l < taps; l++) {
            const ptrdiff_t row = (ptrdiff_t)(y * stride + l / 3 % 3) - 1, column = (ptrdiff_t)(x * stride + l % 3) - 1;
            if (row < 0 || column < 0 || row >= (ptrdiff_t)size || column >= (ptrdiff_t)size) continue;
            sum += (double)b[m * taps + l] * (double)a[((e * channels + l / 9) * size + (size_t)row) * size + (size_t)column];
        }
        expected[n] = (float)sum;
    }
    close_to("convolve", size, found, expected, count, 1e-4, 1);
    fill(d, count, 1);
    k->convolution_gradient(&shape, found, source, d, 1, 0, room);
    double squares = 0;
    for (size_t n = 0; n < rows * taps; n++) {
        const size_t m = n / taps, l = n % taps;
        double sum = 0;
        for (size_t e = 0; e < examples; e++) {
            for (size_t p = 0; p < out * out; p++) {
                sum += (double)d[(e * rows + m) * out * out + p] *
                       (double)source[e * channels * plane + p / out * phase + p % out + (size_t)source_at[l]];
            }
        }
        expected[n] = (float)sum;
        squares += sum * sum;
    }
    close_to("convolution_gradient", size, found, expected, rows * taps, 1e-4, 1);
    const float norms[2] = {(float)k->convolution_gradient_norm(&shape, source, d, room), (float)squares};
    close_to("convolution_gradient_norm", size, norms, norms + 1, 1, 1e-5, 0);
}

static void compare_images(const sordino_kernels *k, const sordino_kernels *p, size_t size, size_t kernel, size_t stride) {
    enum { planes = 6 };
    static uint8_t winners[2][most];
    const size_t out = (size - kernel) / stride + 1, n = planes * size * size, count = planes * out * out;
    const sordino_window window = {size, size, kernel, kernel, stride, stride, 0, 0, out, out};
    fill(a, n, 1);
    fill(b, count, 1);
    k->max_pool(found, winners[0], a, planes, &window);
    p->max_pool(expected, winners[1], a, planes, &window);
    close_to("max_pool", size, found, expected, count, 0, 1);
    same("max_pool's places", size, winners[0], winners[1], count);
    k->max_pool_backward(found, b, winners[0], planes, &window);
    p->max_pool_backward(expected, b, winners[1], planes, &window);
    close_to("max_pool_backward", size, found, expected, n, 1e-6, 1);
    k->average_pool(found, a, planes, &window);
    p->average_pool(expected, a, planes, &window);
    close_to("average_pool", size, found, expected, count, 1e-6, 1);
    k->average_pool_backward(found, b, planes, &window);
    p->average_pool_backward(expected, b, planes, &window);
    close_to("average_pool_backward", size, found, expected, n, 1e-6, 1);
    const sordino_groups groups = {2, 3, size * size};
    float statistics[2][4], sums[2][2 * planes];
    fill(c, 2 * planes, 1);
    fill(d, n, 1);
    k->group_norm(found, statistics[0], a, c, c + planes, &groups, 1e-5f);
    p->group_norm(expected, statistics[1], a, c, c + planes, &groups, 1e-5f);
    close_to("group_norm", size, found, expected, n, 1e-5, 0);
    k->group_norm_sums(sums[0], d, a, statistics[0], &groups);
    p->group_norm_sums(sums[1], d, a, statistics[1], &groups);
    close_to("group_norm_sums", size, sums[0], sums[1], 2 * planes, 1e-4, 0);
    k->group_norm_backward(found, d, a, statistics[0], sums[0], c, &groups);
    p->group_norm_backward(expected, d, a, statistics[1], sums[1], c, &groups);
    close_to("group_norm_backward", size, found, expected, n, 1e-4, 0);
    k->transpose(found, a, planes, size, size);
    p->transpose(expected, a, planes, size, size);
    close_to("transpose", size, found, expected, n, 0, 1);
}
