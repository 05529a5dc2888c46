// Every kernel that has a form per level: KERNEL(result, name, parameters, arguments), included where KERNEL is defined.
// What they promise is in include/CKernels.h.
KERNEL(void, gather_bytes, (float *out, const uint8_t *table, const int32_t *indices, size_t rows, size_t columns,
       float scale), (out, table, indices, rows, columns, scale))
KERNEL(void, gather_floats, (float *out, const float *table, const int32_t *indices, size_t rows, size_t columns),
       (out, table, indices, rows, columns))
KERNEL(void, prefetch, (const void *table, const int32_t *indices, size_t rows, size_t row_bytes), (table, indices,
       rows, row_bytes))
KERNEL(void, rectify, (float *out, const float *in, float slope, size_t n), (out, in, slope, n))
KERNEL(void, rectify_backward, (float *input_delta, const float *output_delta, const float *output, float slope,
       size_t n), (input_delta, output_delta, output, slope, n))
KERNEL(void, sigmoid, (float *out, const float *in, size_t n), (out, in, n))
KERNEL(void, sigmoid_backward, (float *input_delta, const float *output_delta, const float *output, size_t n),
       (input_delta, output_delta, output, n))
KERNEL(void, tanh, (float *out, const float *in, size_t n), (out, in, n))
KERNEL(void, tanh_backward, (float *input_delta, const float *output_delta, const float *output, size_t n),
       (input_delta, output_delta, output, n))
KERNEL(void, gelu, (float *out, const float *in, size_t n), (out, in, n))
KERNEL(void, gelu_backward, (float *input_delta, const float *output_delta, const float *in, size_t n), (input_delta,
       output_delta, in, n))
KERNEL(void, gelu_tanh, (float *out, const float *in, size_t n), (out, in, n))
KERNEL(void, gelu_tanh_backward, (float *input_delta, const float *output_delta, const float *in, size_t n),
       (input_delta, output_delta, in, n))
KERNEL(void, silu, (float *out, const float *in, size_t n), (out, in, n))
KERNEL(void, silu_backward, (float *input_delta, const float *output_delta, const float *in, size_t n), (input_delta,
       output_delta, in, n))
KERNEL(void, swiglu, (float *out, const float *in, size_t rows, size_t half), (out, in, rows, half))
KERNEL(void, swiglu_backward, (float *input_delta, const float *output_delta, const float *in, size_t rows, size_t
       half), (input_delta, output_delta, in, rows, half))
KERNEL(void, normalise, (float *out, float *statistics, const float *x, const float *gain, const float *bias, size_t
       rows, size_t columns, float epsilon), (out, statistics, x, gain, bias, rows, columns, epsilon))
KERNEL(void, normalise_backward, (float *input_delta, const float *output_delta, const float *x, const float
       *statistics, const float *gain, int is_centred, size_t rows, size_t columns), (input_delta, output_delta, x,
       statistics, gain, is_centred, rows, columns))
KERNEL(void, normalise_gradient, (float *of_gain, float *of_bias, const float *output_delta, const float *x, const
       float *statistics, size_t rows, size_t columns, float scale, float keep), (of_gain, of_bias, output_delta, x,
       statistics, rows, columns, scale, keep))
KERNEL(void, add_normalise_norms, (float *norms, const float *output_delta, const float *x, const float *statistics,
       size_t examples, size_t positions, size_t columns, int of_gain, int of_bias), (norms, output_delta, x,
       statistics, examples, positions, columns, of_gain, of_bias))
KERNEL(void, attention_forward, (float *out, float *log_sums, const float *fused, size_t length, const
       sordino_attention *shape, float *work), (out, log_sums, fused, length, shape, work))
KERNEL(void, attention_backward, (float *fused_delta, const float *out_delta, const float *out, const float *log_sums,
       const float *fused, size_t length, const sordino_attention *shape, float *work), (fused_delta, out_delta, out,
       log_sums, fused, length, shape, work))
KERNEL(void, softmax, (float *out, const float *in, size_t rows, size_t columns), (out, in, rows, columns))
KERNEL(void, dropout, (float *out, const float *in, uint32_t *words, uint32_t threshold, float keep, size_t n), (out,
       in, words, threshold, keep, n))
KERNEL(void, product, (float *c, const float *a, size_t a_row, size_t a_column, const float *b, size_t rows, size_t
       columns, size_t inner, float scale, float keep), (c, a, a_row, a_column, b, rows, columns, inner, scale, keep))
KERNEL(void, affine, (float *y, const float *x, const float *w, const float *bias, size_t rows, size_t outputs, size_t
       inputs), (y, x, w, bias, rows, outputs, inputs))
KERNEL(double, softmax_cross_entropy, (float *delta, const float *logits, const int32_t *labels, size_t rows, size_t
       columns, float scale), (delta, logits, labels, rows, columns, scale))
KERNEL(void, add_to_rows, (float *z, const float *bias, size_t rows, size_t columns), (z, bias, rows, columns))
KERNEL(void, sum_rows, (float *out, const float *x, size_t rows, size_t columns, float scale, float keep), (out, x,
       rows, columns, scale, keep))
KERNEL(void, scale_rows, (float *x, const float *factors, size_t rows, size_t columns), (x, factors, rows, columns))
KERNEL(void, add_outer_product_norms, (float *out, const float *x, size_t x_columns, const float *y, size_t y_columns,
       float offset, size_t rows), (out, x, x_columns, y, y_columns, offset, rows))
KERNEL(void, multiply, (float *out, const float *left, const float *right, size_t n), (out, left, right, n))
KERNEL(void, add_scaled, (float *y, const float *x, float a, size_t n), (y, x, a, n))
KERNEL(void, scale, (float *x, float a, size_t n), (x, a, n))
KERNEL(void, subtract, (float *x, const float *y, size_t n), (x, y, n))
KERNEL(double, square_norm, (const float *x, size_t n), (x, n))
KERNEL(void, sgd, (float *w, const float *g, float rate, float decay, size_t n), (w, g, rate, decay, n))
KERNEL(void, momentum, (float *w, const float *g, float *v, float rate, float momentum, float decay, int nesterov,
       size_t n), (w, g, v, rate, momentum, decay, nesterov, n))
KERNEL(void, adam, (float *w, const float *g, float *m, float *v, float rate_over_correction1, float beta1, float
       beta2, float sqrt_correction2, float epsilon, float coupled_decay, float shrink, size_t n), (w, g, m, v,
       rate_over_correction1, beta1, beta2, sqrt_correction2, epsilon, coupled_decay, shrink, n))
KERNEL(void, rmsprop, (float *w, const float *g, float *v, float rate, float alpha, float epsilon, float decay, size_t
       n), (w, g, v, rate, alpha, epsilon, decay, n))
KERNEL(void, adagrad, (float *w, const float *g, float *v, float rate, float epsilon, float decay, size_t n), (w, g,
       v, rate, epsilon, decay, n))
KERNEL(void, regularise, (float *g, const float *w, const float *anchor, float l2, float l1, float proximal, size_t
       n), (g, w, anchor, l2, l1, proximal, n))
KERNEL(void, philox, (uint32_t *words, size_t blocks, uint32_t first_block, uint32_t purpose, uint32_t client,
       uint32_t round, uint32_t key0, uint32_t key1), (words, blocks, first_block, purpose, client, round, key0,
       key1))
KERNEL(void, add_rounded, (uint64_t *sum, const float *x, double factor, size_t n), (sum, x, factor, n))
KERNEL(sordino_squares, round_to_nearest, (int32_t *out, const float *x, double factor, size_t n), (out, x, factor,
       n))
KERNEL(double, add_nearest, (uint32_t *sum, const float *x, double factor, size_t n), (sum, x, factor, n))
KERNEL(sordino_squares, round_randomly, (int32_t *out, const float *x, double factor, const uint32_t *coins, size_t
       n), (out, x, factor, coins, n))
KERNEL(void, add_noise_on_grid, (float *sum, const int64_t *noise, double scale, size_t n), (sum, noise, scale, n))
KERNEL(void, add_lanes, (uint32_t *words, const uint8_t *lanes, unsigned high_bits, uint32_t sign, size_t n), (words,
       lanes, high_bits, sign, n))
KERNEL(void, add_integers, (uint32_t *sum, const int32_t *x, size_t n), (sum, x, n))
KERNEL(size_t, draw_strips, (int64_t *noise, const uint64_t *words, size_t count, const sordino_strips *strips),
       (noise, words, count, strips))
KERNEL(void, convolve, (const sordino_convolution *shape, float *out, const float *source, const float *weights, const
       float *bias, float *room), (shape, out, source, weights, bias, room))
KERNEL(void, convolution_gradient, (const sordino_convolution *shape, float *target, const float *source, const float
       *deltas, float scale, float keep, float *room), (shape, target, source, deltas, scale, keep, room))
KERNEL(double, convolution_gradient_norm, (const sordino_convolution *shape, const float *source, const float *deltas,
       float *room), (shape, source, deltas, room))
KERNEL(void, pad, (float *out, const float *in, size_t planes, const sordino_padding *shape), (out, in, planes, shape))
KERNEL(void, place_phase, (float *out, const float *in, size_t planes, const sordino_phase *shape), (out, in, planes,
       shape))
KERNEL(void, gather_columns, (const sordino_convolution *shape, float *out, const float *source), (shape, out, source))
KERNEL(void, max_pool, (float *out, uint8_t *winners, const float *in, size_t planes, const sordino_window *shape),
       (out, winners, in, planes, shape))
KERNEL(void, max_pool_backward, (float *in_delta, const float *out_delta, const uint8_t *winners, size_t planes, const
       sordino_window *shape), (in_delta, out_delta, winners, planes, shape))
KERNEL(void, average_pool, (float *out, const float *in, size_t planes, const sordino_window *shape), (out, in, planes,
       shape))
KERNEL(void, average_pool_backward, (float *in_delta, const float *out_delta, size_t planes, const sordino_window
       *shape), (in_delta, out_delta, planes, shape))
KERNEL(void, fill_planes, (float *out, const float *values, size_t planes, size_t size, float scale), (out, values,
       planes, size, scale))
KERNEL(void, group_norm, (float *out, float *statistics, const float *in, const float *gain, const float *bias, const
       sordino_groups *shape, float epsilon), (out, statistics, in, gain, bias, shape, epsilon))
KERNEL(void, group_norm_sums, (float *sums, const float *delta, const float *in, const float *statistics, const
       sordino_groups *shape), (sums, delta, in, statistics, shape))
KERNEL(void, group_norm_backward, (float *in_delta, const float *delta, const float *in, const float *statistics, const
       float *sums, const float *gain, const sordino_groups *shape), (in_delta, delta, in, statistics, sums, gain,
       shape))
KERNEL(void, tiles_to_points, (float *out, const float *source, const sordino_tiles *shape, size_t size), (out, source,
       shape, size))
KERNEL(void, weights_to_points, (float *out, const float *weights, const sordino_filters *shape, size_t size), (out,
       weights, shape, size))
KERNEL(void, points_to_outputs, (float *out, const float *points, const float *bias, const sordino_tiles *shape, size_t
       height, size_t width, size_t size), (out, points, bias, shape, height, width, size))
KERNEL(void, points_to_gradient, (float *target, const float *points, const sordino_filters *shape, float scale, float
       keep, size_t size), (target, points, shape, scale, keep, size))
KERNEL(void, sum_planes, (float *out, const float *in, size_t planes, size_t size, float scale), (out, in, planes, size,
       scale))
KERNEL(double, inner_product, (const float *x, const float *y, size_t n), (x, y, n))
KERNEL(void, transpose, (float *out, const float *in, size_t matrices, size_t rows, size_t columns), (out, in,
       matrices, rows, columns))
KERNEL(void, pack_panels, (float *panels, const float *b, size_t b_row, size_t b_column, size_t columns, size_t inner),
       (panels, b, b_row, b_column, columns, inner))
KERNEL(void, panel_product, (float *c, size_t c_row, const float *a, size_t a_row, const float *panels, const float
       *bias, int keep, size_t rows, size_t columns, size_t inner), (c, c_row, a, a_row, panels, bias, keep, rows,
       columns, inner))
KERNEL(void, tanh_cell, (const sordino_recurrent_step *step), (step))
KERNEL(void, tanh_cell_backward, (const sordino_recurrent_step *step), (step))
KERNEL(void, lstm_cell, (const sordino_recurrent_step *step), (step))
KERNEL(void, lstm_cell_backward, (const sordino_recurrent_step *step), (step))
KERNEL(void, gru_cell, (const sordino_recurrent_step *step), (step))
KERNEL(void, gru_cell_backward, (const sordino_recurrent_step *step), (step))
KERNEL(void, sum_rows_apart, (float *out, const float *x, size_t x_row, size_t rows, size_t columns, float scale,
       float keep), (out, x, x_row, rows, columns, scale, keep))
KERNEL(void, scale_rows_apart, (float *x, size_t x_row, float factor, size_t rows, size_t columns), (x, x_row, factor,
       rows, columns))
KERNEL(double, sum_of_products, (const float *x, float offset, const float *y, size_t n), (x, offset, y, n))
KERNEL(void, on_grid, (float *out, const float *x, float factor, size_t n), (out, x, factor, n))
KERNEL(int, order_groups, (int32_t *keys, const float *x, size_t x_row, const uint32_t *rows, size_t count), (keys, x,
       x_row, rows, count))
KERNEL(void, order_columns, (int32_t *keys, const uint32_t *pairs, size_t count), (keys, pairs, count))
KERNEL(void, mean_of_keys, (double *out, const int32_t *keys, size_t rows, int has_missing), (out, keys, rows,
       has_missing))
KERNEL(void, mean_near_median, (double *out, const int32_t *keys, size_t rows, size_t wanted, int has_missing), (out,
       keys, rows, wanted, has_missing))
KERNEL(void, add_scaled_wide, (double *sum, const float *x, double factor, size_t n), (sum, x, factor, n))
#undef KERNEL
