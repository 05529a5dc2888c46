// Kernels of transformers, beside the portable ones; included by compare.c.

static void compare_normalisation(const sordino_kernels *k, const sordino_kernels *p, size_t rows, size_t columns) {
    const size_t n = rows * columns;
    if (columns < 2) return;
    fill(a, n, 3);
    fill(b, n, 1);
    fill(c, 3 * columns, 1);
    for (int is_centred = 0; is_centred < 2; is_centred++) {
        const float *bias = is_centred ? c + columns : 0;
        float *statistics[2] = {c + 3 * columns, d};
        k->normalise(found, statistics[0], a, c, bias, rows, columns, 0.01f);
        p->normalise(expected, statistics[1], a, c, bias, rows, columns, 0.01f);
        close_to("normalise", n, found, expected, n, 1e-5, 1);
        k->normalise_backward(found, b, a, statistics[1], c, is_centred, rows, columns);
        p->normalise_backward(expected, b, a, statistics[1], c, is_centred, rows, columns);
        close_to("normalise_backward", n, found, expected, n, 1e-5, 1);
        k->normalise_gradient(found, found + columns, b, a, statistics[1], rows, columns, 0.5f, 0);
        p->normalise_gradient(expected, expected + columns, b, a, statistics[1], rows, columns, 0.5f, 0);
        close_to("normalise_gradient", n, found, expected, 2 * columns, 1e-5, 1);
        memset(found, 0, 4 * rows);
        memset(expected, 0, 4 * rows);
        k->add_normalise_norms(found, b, a, statistics[1], rows, 1, columns, 1, is_centred);
        p->add_normalise_norms(expected, b, a, statistics[1], rows, 1, columns, 1, is_centred);
        close_to("add_normalise_norms", n, found, expected, rows, 1e-5, 0);
    }
    if (columns % 2) return;
    k->swiglu(found, a, rows, columns / 2);
    p->swiglu(expected, a, rows, columns / 2);
    close_to("swiglu", n, found, expected, n / 2, 1e-6, 1);
    k->swiglu_backward(found, b, a, rows, columns / 2);
    p->swiglu_backward(expected, b, a, rows, columns / 2);
    close_to("swiglu_backward", n, found, expected, n, 2e-6, 1);
}

static void compare_attention(const sordino_kernels *k, const sordino_kernels *p, size_t time, size_t length,
                              sordino_attention shape) {
    static float work[1 << 17], sums[2][4096];
    shape.time = time;
    const size_t width = (shape.heads + 2 * shape.kv_heads) * shape.head_size, size = shape.heads * shape.head_size;
    fill(d, time * shape.head_size, 1);
    if (shape.rotary) shape.rotary = d;
    fill(a, time * width, 2);
    fill(b, time * size, 1);
    const size_t n = time * size;
    if (sordino_attention_work(&shape) > sizeof work / sizeof *work) abort();
    k->attention_forward(found, sums[0], a, length, &shape, work);
    p->attention_forward(expected, sums[1], a, length, &shape, work);
    close_to("attention_forward", n, found, expected, n, 1e-5, 0);
    for (size_t h = 0; h < shape.heads; h++) {
        close_to("attention's sums", n, sums[0] + h * time, sums[1] + h * time, length, 1e-5, 0);
    }
    memcpy(c, expected, 4 * n);
    k->attention_backward(found, b, c, sums[1], a, length, &shape, work);
    p->attention_backward(expected, b, c, sums[1], a, length, &shape, work);
    close_to("attention_backward", n, found, expected, time * width, 3e-5, 0);
}
