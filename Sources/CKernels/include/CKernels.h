// Elementwise loops, row reductions and small matrix products for whatever vector unit the machine has.
//
// Why C: Swift compiles for the baseline of the architecture (SSE2 on x86-64) and cannot choose a wider
// instruction set at run time. Each kernel here is compiled once for every level of the architecture (levels below)
// and the form of one level is called.
//
// What is promised across levels and processors: kernels that yield integers, random words or bytes (Philox, the
// integer grid) give the same bits everywhere. Elementwise kernels give the same bits wherever multiply-adds are fused,
// which is at every level but x86-64's portable one. Sums over rows, norms, losses and `sordino_affine` add in an order
// that belongs to the level, so that they agree across levels only to rounding. At one level every kernel gives the
// same bits on every processor, and none of them knows how many threads there are.
//
// All matrices are row-major and dense; `n`, `rows`, `columns` count floats; no pointer may be null unless
// said so; distinct arguments do not overlap unless said so.
#ifndef SORDINO_CKERNELS_H
#define SORDINO_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// MARK: Levels

/// Sets of instructions that the kernels are compiled for.
typedef enum {
    /// The architecture's least.
    sordino_level_portable = 0,
    /// AArch64's vectors.
    sordino_level_neon = 1,
    /// x86-64-v3.
    sordino_level_avx2 = 2,
    /// x86-64-v4.
    sordino_level_avx512 = 3,
} sordino_level;

/// The level whose kernels run: the highest of this processor, or what SORDINO_CPU_LEVEL named when the program was
/// loaded, where that is a level of this processor.
sordino_level sordino_current_level(void);
/// The number of a level from its name in that variable (portable, neon, v3, v4); -1 for another word.
int sordino_level_named(const char *name);
/// Whether this processor can run the kernels of a level.
int sordino_has_level(sordino_level level);

// MARK: Gathering a batch

/// out[r, c] = scale * table[indices[r], c] for `rows` rows of `columns` bytes.
void sordino_gather_bytes(float *out, const uint8_t *table, const int32_t *indices, size_t rows, size_t columns,
                          float scale);
/// out[r, c] = table[indices[r], c] for `rows` rows of `columns` floats.
void sordino_gather_floats(float *out, const float *table, const int32_t *indices, size_t rows, size_t columns);

/// Asks the caches for rows of `row_bytes` bytes that will be gathered soon.
void sordino_prefetch(const void *table, const int32_t *indices, size_t rows, size_t row_bytes);

// MARK: Activations (out may equal in; input_delta may equal output_delta)

/// out = in where in > 0, slope * in elsewhere.
void sordino_rectify(float *out, const float *in, float slope, size_t n);
/// input_delta = output_delta where output > 0, slope * output_delta elsewhere.
void sordino_rectify_backward(float *input_delta, const float *output_delta, const float *output, float slope,
                              size_t n);
/// out = 1 / (1 + exp(-in)).
void sordino_sigmoid(float *out, const float *in, size_t n);
/// input_delta = output_delta * output * (1 - output).
void sordino_sigmoid_backward(float *input_delta, const float *output_delta, const float *output, size_t n);
/// out = tanh(in).
void sordino_tanh(float *out, const float *in, size_t n);
/// input_delta = output_delta * (1 - output^2).
void sordino_tanh_backward(float *input_delta, const float *output_delta, const float *output, size_t n);
/// out = in * Phi(in), Phi the normal distribution function (Hendrycks and Gimpel 2016), error below 1e-6.
void sordino_gelu(float *out, const float *in, size_t n);
/// input_delta = output_delta * (Phi(in) + in * phi(in)).
void sordino_gelu_backward(float *input_delta, const float *output_delta, const float *in, size_t n);
/// out = in / 2 * (1 + tanh(sqrt(2 / pi) (in + 0.044715 in^3))), GELU's approximation (Hendrycks and Gimpel 2016).
void sordino_gelu_tanh(float *out, const float *in, size_t n);
/// input_delta = output_delta * the derivative of `sordino_gelu_tanh` at in.
void sordino_gelu_tanh_backward(float *input_delta, const float *output_delta, const float *in, size_t n);
/// out = in / (1 + exp(-in)) (SiLU; Elfwing, Uchibe and Doya 2018).
void sordino_silu(float *out, const float *in, size_t n);
/// input_delta = output_delta * the derivative of `sordino_silu` at in.
void sordino_silu_backward(float *input_delta, const float *output_delta, const float *in, size_t n);
/// out[r, c] = silu(in[r, c]) * in[r, half + c] with in of [rows, 2 half] and out of [rows, half] (Shazeer 2020, GLU
/// variants, equation 5). `out` may not be `in`.
void sordino_swiglu(float *out, const float *in, size_t rows, size_t half);
/// The gradient of `sordino_swiglu`, input_delta of [rows, 2 half]. `input_delta` may be neither `output_delta` nor in.
void sordino_swiglu_backward(float *input_delta, const float *output_delta, const float *in, size_t rows, size_t half);
/// out[r, :] = exp(in[r, :] - max) / sum.
void sordino_softmax(float *out, const float *in, size_t rows, size_t columns);
/// out = in * mask with mask = 0 where words < threshold, keep elsewhere; the mask replaces the words.
void sordino_dropout(float *out, const float *in, uint32_t *words, uint32_t threshold, float keep, size_t n);

// MARK: Small matrix products

// Not at the portable level, where OpenBLAS does them all.

/// c[i, j] = keep * c[i, j] + scale * sum over l of a(i, l) b[l, j], with a(i, l) = a[i * a_row + l * a_column],
/// c of [rows, columns] and b of [inner, columns]. With keep 0 it does not matter what c held.
void sordino_product(float *c, const float *a, size_t a_row, size_t a_column, const float *b, size_t rows,
                     size_t columns, size_t inner, float scale, float keep);
/// y[i, j] = sum over l of x[i, l] w[j, l] + bias[j], with x of [rows, inputs] and w of [outputs, inputs]; `bias`
/// may be null.
void sordino_affine(float *y, const float *x, const float *w, const float *bias, size_t rows, size_t outputs,
                    size_t inputs);

// MARK: Normalisation of rows

/// out[r, c] = gain[c] * normal[r, c] + bias[c] with normal[r, c] = (x[r, c] - statistics[r, 0]) * statistics[r, 1]:
/// the row's mean and 1 / sqrt(its variance + epsilon) (Ba, Kiros and Hinton 2016). With `bias` null, RMS norm (Zhang and
/// Sennrich 2019): the mean counts as 0, so that the variance is the mean square. `statistics` of [rows, 2] is written.
/// `out` may be x.
void sordino_normalise(float *out, float *statistics, const float *x, const float *gain, const float *bias, size_t rows,
                       size_t columns, float epsilon);
/// The gradient of `sordino_normalise` with respect to x; `is_centred` where there was a bias. `input_delta` may be
/// `output_delta`.
void sordino_normalise_backward(float *input_delta, const float *output_delta, const float *x, const float *statistics,
                                const float *gain, int is_centred, size_t rows, size_t columns);
/// of_gain[c] = keep * of_gain[c] + scale * sum over r of output_delta[r, c] * normal[r, c]; of_bias likewise without
/// normal. Either may be null. With keep 0 it does not matter what they held.
void sordino_normalise_gradient(float *of_gain, float *of_bias, const float *output_delta, const float *x,
                                const float *statistics, size_t rows, size_t columns, float scale, float keep);
/// norms[e] += the squared norm of what `sordino_normalise_gradient` adds up for the rows of example e, which has
/// `positions` of them: of the gain's part where `of_gain`, of the bias's where `of_bias`.
void sordino_add_normalise_norms(float *norms, const float *output_delta, const float *x, const float *statistics,
                                 size_t examples, size_t positions, size_t columns, int of_gain, int of_bias);

// MARK: Attention

enum {
    /// Queries of one tile of scores.
    sordino_attention_tile_rows = 32,
    /// Keys of one tile of scores.
    sordino_attention_tile_keys = 64,
};

/// Attention of one example, whose queries, keys and values lie side by side, position after position: [time, heads |
/// kv_heads | kv_heads, head_size].
typedef struct {
    size_t time, heads;
    /// Heads of keys and values; each serves heads / kv_heads heads in a row (Ainslie et al. 2023), a whole number.
    size_t kv_heads;
    size_t head_size;
    /// Whether a position sees itself and those before it only.
    int is_causal;
    /// [time, 2, head_size / 2]: cosines and sines of the angles that queries and keys are turned by; null for none.
    const float *rotary;
} sordino_attention;

/// Floats of `work` that a forward and a backward pass need.
static inline size_t sordino_attention_work(const sordino_attention *shape) {
    const size_t keys = sordino_attention_tile_keys;
    const size_t area = (shape->time + keys - 1) / keys * keys * shape->head_size;
    return 2 * sordino_attention_tile_rows * keys + (shape->rotary ? 4 : 2) * area;
}

/// out[t, h, :] = sum over s of softmax(q k / sqrt(head_size))[t, s] v[s, :], over the first `length` positions (at least
/// 1); zero from there on. `out` of [time, heads, head_size]; `log_sums` of [heads, time] keeps what backward needs.
void sordino_attention_forward(float *out, float *log_sums, const float *fused, size_t length,
                               const sordino_attention *shape, float *work);
/// The gradient of `sordino_attention_forward`: `fused_delta` of the fused matrix's shape, zero from `length` on, where
/// `out_delta` is not read.
void sordino_attention_backward(float *fused_delta, const float *out_delta, const float *out, const float *log_sums,
                                const float *fused, size_t length, const sordino_attention *shape, float *work);

// MARK: Convolutions

/// A convolution as sums over taps: out(e, m, y, x) = sum over taps l of weight(m, l) source(e, y, x, l), with
/// weight(m, l) at m * weight_row + weight_at[l] and source(e, y, x, l) at e * source_example + y * source_row + x +
/// source_at[l].
typedef struct {
    /// Images, and their positions: rows and columns of the output.
    size_t examples, height, width;
    /// Floats from one image of the source to the next, and from one row of positions to the next.
    size_t source_example, source_row;
    /// Floats from one image of the output to the next, from one row m to the next, and from one row of positions to
    /// the next.
    size_t out_example, out_plane, out_row;
    /// Rows m of weights, and taps.
    size_t rows, taps;
    /// Floats from one row of weights to the next.
    size_t weight_row;
    /// [taps].
    const int32_t *weight_at, *source_at;
} sordino_convolution;

/// Floats of the room that `sordino_convolve` packs in, and floats behind a source that kernels read and ignore.
enum { sordino_convolution_room = (1 << 15) + 64, sordino_source_slack = 16 };

/// The convolution, with `bias`, one value a row, where that is not null. The source must be followed by
/// `sordino_source_slack` floats.
void sordino_convolve(const sordino_convolution *shape, float *out, const float *source, const float *weights,
                      const float *bias, float *room);
/// target(m, l) = keep * target + scale * sum over e, y, x of deltas(e, m, y, x) source(e, y, x, l): the gradient of the
/// weights, at m * weight_row + l, from the deltas of the output, whose rows of positions are dense. `room`: positions of
/// all examples, each times the least of 64 and the rows rounded up to 16.
void sordino_convolution_gradient(const sordino_convolution *shape, float *target, const float *source,
                                  const float *deltas, float scale, float keep, float *room);
/// The sum of squares of that gradient.
double sordino_convolution_gradient_norm(const sordino_convolution *shape, const float *source, const float *deltas,
                                         float *room);

/// How images are laid out for strides: plane (v, h) of an image holds its rows v - top, v - top + vertical_stride, ..
/// and likewise its columns, zeros where there are none.
typedef struct {
    size_t height, width, top, left;
    size_t vertical_stride, horizontal_stride, vertical_phases, horizontal_phases;
    size_t out_height, out_width;
} sordino_padding;

/// out[plane, v, h, :, :] from in[plane, :, :], `planes` of them. Up to `sordino_source_slack` floats behind out may be
/// written, too.
void sordino_pad(float *out, const float *in, size_t planes, const sordino_padding *shape);

/// Where the values of one phase of images of `height` rows of `width` lie: `rows` by `columns` of them, the first at
/// (top, left), the next ones `vertical_stride` and `horizontal_stride` further.
typedef struct {
    size_t height, width, top, left, vertical_stride, horizontal_stride, rows, columns;
} sordino_phase;

/// Puts each of `planes` dense planes of in into its phase of a plane of out; the rest of out stays as it is.
void sordino_place_phase(float *out, const float *in, size_t planes, const sordino_phase *shape);
/// out[e, y, x, l] = source(e, y, x, l): the matrix of columns, a position a row.
void sordino_gather_columns(const sordino_convolution *shape, float *out, const float *source);
/// Sum of x y, accumulated in double.
double sordino_inner_product(const float *x, const float *y, size_t n);
/// out[m, c, r] = in[m, r, c].
void sordino_transpose(float *out, const float *in, size_t matrices, size_t rows, size_t columns);

// MARK: Convolutions by minimal filtering (Lavin and Gray 2016)

/// Tiles of images, `rows` by `columns` of them in each of `examples` images of `channels`, `tiles` in all of a channel.
/// Value (i, j) of tile (y, x) lies at y * source_row + x + source_at[i * size + j] of a channel of the source.
typedef struct {
    size_t examples, channels, rows, columns, tiles;
    size_t source_example, source_channel, source_row;
    const int32_t *source_at;
} sordino_tiles;

/// Square filters, one for each row and column, at row * row_stride + column * column_stride; `is_turned` reads them from
/// the last value to the first.
typedef struct {
    size_t rows, columns, row_stride, column_stride;
    int is_turned;
} sordino_filters;

// Points are 36 planes of [channels, tiles], or [rows, columns], each 8 floats longer than that.

/// The points of tiles of 6 x 6 values of an input, or of 4 x 4 or 2 x 2 of an output's deltas.
void sordino_tiles_to_points(float *out, const float *source, const sordino_tiles *shape, size_t size);
/// The points of filters of 3 x 3 or 5 x 5.
void sordino_weights_to_points(float *out, const float *weights, const sordino_filters *shape, size_t size);
/// Images of `height` by `width` from the points of their tiles of 4 x 4 or 2 x 2, and a bias a channel where it is not null.
void sordino_points_to_outputs(float *out, const float *points, const float *bias, const sordino_tiles *shape,
                               size_t height, size_t width, size_t size);
/// target = keep * target + scale * the filters' gradient from that of their points.
void sordino_points_to_gradient(float *target, const float *points, const sordino_filters *shape, float scale,
                                float keep, size_t size);

// MARK: Pooling

/// Windows of `kernel_height` by `kernel_width` on images of `height` by `width`, the first one `top` above and `left` of
/// the image, the next ones at the strides; at least one place of each window lies in the image.
typedef struct {
    size_t height, width, kernel_height, kernel_width, vertical_stride, horizontal_stride, top, left;
    size_t out_height, out_width;
} sordino_window;

/// The largest value of each window, or NaN where one is, and its place in the window, row by row: at most 256 of them.
void sordino_max_pool(float *out, uint8_t *winners, const float *in, size_t planes, const sordino_window *shape);
/// in_delta[p] = the sum of the deltas of the windows that p won.
void sordino_max_pool_backward(float *in_delta, const float *out_delta, const uint8_t *winners, size_t planes,
                               const sordino_window *shape);
/// The mean of each window, places outside the image as zeros.
void sordino_average_pool(float *out, const float *in, size_t planes, const sordino_window *shape);
/// The gradient of `sordino_average_pool`.
void sordino_average_pool_backward(float *in_delta, const float *out_delta, size_t planes, const sordino_window *shape);
/// out[p] = scale * sum of the `size` values of plane p.
void sordino_sum_planes(float *out, const float *in, size_t planes, size_t size, float scale);
/// All `size` values of plane p of out = scale * values[p].
void sordino_fill_planes(float *out, const float *values, size_t planes, size_t size, float scale);

// MARK: Group normalisation (Wu and He 2018)

/// An image of `groups` groups of `channels` channels of `plane` values.
typedef struct {
    size_t groups, channels, plane;
} sordino_groups;

/// out = gain (in - mean) / sqrt(variance + epsilon) + bias, mean and variance over a group, gain and bias by channel.
/// `statistics` receives each group's mean and 1 / sqrt(variance + epsilon).
void sordino_group_norm(float *out, float *statistics, const float *in, const float *gain, const float *bias,
                        const sordino_groups *shape, float epsilon);
/// The image's gradient of the gain, channel by channel, then that of the bias.
void sordino_group_norm_sums(float *sums, const float *delta, const float *in, const float *statistics,
                             const sordino_groups *shape);
/// The delta of the input, from what `sordino_group_norm` and `sordino_group_norm_sums` left.
void sordino_group_norm_backward(float *in_delta, const float *delta, const float *in, const float *statistics,
                                 const float *sums, const float *gain, const sordino_groups *shape);

// MARK: Losses

/// Sum over rows of log(sum(exp(logits))) - logits[label]; delta = scale * (softmax(logits) - one_hot(label)).
/// Labels must lie in 0 ..< columns; a row with a negative one adds nothing, and its delta is 0. `delta` may equal
/// `logits`.
double sordino_softmax_cross_entropy(float *delta, const float *logits, const int32_t *labels, size_t rows,
                                     size_t columns, float scale);

// MARK: Vectors

/// z[r, c] += bias[c].
void sordino_add_to_rows(float *z, const float *bias, size_t rows, size_t columns);
/// out[c] = keep * out[c] + scale * sum over r of x[r, c]; keep 0 ignores what out held, even NaN.
void sordino_sum_rows(float *out, const float *x, size_t rows, size_t columns, float scale, float keep);
/// x[r, c] *= factors[r].
void sordino_scale_rows(float *x, const float *factors, size_t rows, size_t columns);
/// out[r] += |x[r, :]|^2 * |y[r, :]|^2 + offset * |y[r, :]|^2: the squared norm of the outer product of two
/// rows, and of `offset` times the second row.
void sordino_add_outer_product_norms(float *out, const float *x, size_t x_columns, const float *y, size_t y_columns,
                                     float offset, size_t rows);
/// out = left * right.
void sordino_multiply(float *out, const float *left, const float *right, size_t n);
/// y += a * x.
void sordino_add_scaled(float *y, const float *x, float a, size_t n);
/// x *= a.
void sordino_scale(float *x, float a, size_t n);
/// x -= y.
void sordino_subtract(float *x, const float *y, size_t n);
/// Sum of squares, accumulated in double.
double sordino_square_norm(const float *x, size_t n);

// MARK: Recurrent networks

/// Columns of a panel, in which weights are packed for many products.
enum { sordino_panel_width = 32 };
/// Packs the matrix b[l, c] = b[l * b_row + c * b_column] of `inner` by `columns`: a panel holds `inner` lines of
/// `sordino_panel_width` columns, the last panel zeros beyond the last column. `panels` holds inner * columns floats,
/// columns rounded up to whole panels.
void sordino_pack_panels(float *panels, const float *b, size_t b_row, size_t b_column, size_t columns, size_t inner);
/// c[i, j] = start + sum over l of a[i, l] b[l, j], b packed; start is c[i, j] where `keep` is not 0, else bias[j], or
/// 0 where `bias` is null. Rows of c and a begin `c_row` and `a_row` floats apart.
void sordino_panel_product(float *c, size_t c_row, const float *a, size_t a_row, const float *panels,
                           const float *bias, int keep, size_t rows, size_t columns, size_t inner);

/// One position of a recurrence, for all examples. Where an example has ended (lengths[row] <= position) its gates,
/// cell, states and deltas become zero.
typedef struct {
    /// Examples, and values of a state.
    size_t rows, units;
    /// Floats from an example's gates, cells and states to those of the next; one may be a part of a record.
    size_t record;
    /// Forward: what the gates squash, and then the gates. Backward: the gates, and then the deltas of what they
    /// squash. LSTM: in, forget, candidate, out. GRU: reset, update, the recurrent part of the candidate (not squashed),
    /// candidate; forward the last begins as the input's part. tanh: the state.
    float *gates;
    /// The state before this position (GRU).
    const float *previous;
    /// A second place for the state after it; null where there is none.
    float *following;
    /// The cell after this position and the one before; LSTM only. Null before the first position.
    float *cell;
    const float *cell_before;
    /// The state after this position, `output_row` floats from an example to the next.
    float *output;
    size_t output_row;
    /// Positions that each example fills; null where none ends.
    const int32_t *lengths;
    int32_t position;
    /// Backward: what comes back from the next position [rows, units]; after a GRU's step what goes to the one before
    /// without passing through weights. The LSTM's of its cell are replaced by those of the cell before.
    float *state_delta, *cell_delta;
    /// The output's delta, with the output's rows; null where it is zero.
    const float *output_delta;
} sordino_recurrent_step;

/// h = tanh(gates).
void sordino_tanh_cell(const sordino_recurrent_step *step);
void sordino_tanh_cell_backward(const sordino_recurrent_step *step);
/// c = sigmoid(forget) c' + sigmoid(in) tanh(candidate), h = sigmoid(out) tanh(c) (Hochreiter and Schmidhuber 1997,
/// Gers et al. 2000).
void sordino_lstm_cell(const sordino_recurrent_step *step);
void sordino_lstm_cell_backward(const sordino_recurrent_step *step);
/// n = tanh(candidate + sigmoid(reset) recurrent), h = n + sigmoid(update) (h' - n) (Cho et al. 2014, with the reset
/// after the product, as PyTorch and cuDNN have it).
void sordino_gru_cell(const sordino_recurrent_step *step);
void sordino_gru_cell_backward(const sordino_recurrent_step *step);

/// out = keep * out + scale * (sum of the rows of x), rows `x_row` floats apart; keep 0 ignores what was there.
void sordino_sum_rows_apart(float *out, const float *x, size_t x_row, size_t rows, size_t columns, float scale,
                            float keep);
/// The sum of (x + offset) * y, in double.
double sordino_sum_of_products(const float *x, float offset, const float *y, size_t n);
/// x[r, :] *= factor, rows `x_row` floats apart.
void sordino_scale_rows_apart(float *x, size_t x_row, float factor, size_t rows, size_t columns);

// MARK: Optimisers (one pass over parameters, gradient and state)

/// w -= rate * (g + decay * w).
void sordino_sgd(float *w, const float *g, float rate, float decay, size_t n);
/// v = momentum * v + g', w -= rate * (nesterov ? g' + momentum * v : v), g' = g + decay * w.
/// On the first step pass a zeroed v.
void sordino_momentum(float *w, const float *g, float *v, float rate, float momentum, float decay, int nesterov,
                      size_t n);
/// Adam (Kingma and Ba 2015) in PyTorch's form: w -= rate * (m / correction1) / (sqrt(v) / sqrt_correction2 +
/// epsilon). `coupled_decay` joins the gradient (Adam), `shrink` scales w first (AdamW: 1 - rate * decay).
void sordino_adam(float *w, const float *g, float *m, float *v, float rate_over_correction1, float beta1,
                  float beta2, float sqrt_correction2, float epsilon, float coupled_decay, float shrink, size_t n);
/// v = alpha * v + (1 - alpha) * g'^2, w -= rate * g' / (sqrt(v) + epsilon), g' = g + decay * w.
void sordino_rmsprop(float *w, const float *g, float *v, float rate, float alpha, float epsilon, float decay,
                     size_t n);
/// v += g'^2, w -= rate * g' / (sqrt(v) + epsilon), g' = g + decay * w.
void sordino_adagrad(float *w, const float *g, float *v, float rate, float epsilon, float decay, size_t n);
/// g += l2 * w + l1 * sign(w) + proximal * (w - anchor); anchor may be null when proximal is 0.
void sordino_regularise(float *g, const float *w, const float *anchor, float l2, float l1, float proximal,
                        size_t n);

// MARK: Random words

/// Philox4x32-10 blocks `first_block ..< first_block + blocks` (wrapping) of one stream, four words each.
void sordino_philox(uint32_t *words, size_t blocks, uint32_t first_block, uint32_t purpose, uint32_t client,
                    uint32_t round, uint32_t key0, uint32_t key1);

// MARK: Noise

/// The table of a strip sampler (Privacy's StripTable says what it means), of 1024 columns.
typedef struct {
    /// Two words per column. Units below the low 32 bits of the first choose its own strip, others the strip in the high
    /// 32. The second has the bounds below which a draw is accepted at once, in its own strip (low 32 bits) and in the other.
    const uint64_t *columns;
    /// Bits of a cell's number within its strip; where more than 17, a draw takes two words instead of one.
    uint32_t cell_bits;
    /// Cells are 2^-fraction_bits wide.
    uint32_t fraction_bits;
    /// Added to a cell before its fraction is cut off.
    uint64_t half;
} sordino_strips;

/// Makes up to `count` draws, each from its one or two words, up to the first that is not accepted at once; returns how
/// many there were. `words` holds those of `count` draws; what lies in `noise` beyond the draws made is undefined.
size_t sordino_draw_strips(int64_t *noise, const uint64_t *words, size_t count, const sordino_strips *strips);

// MARK: The integer grid

/// sum += round(factor * x), ties to even, wrapping. Every |factor * x| must be below 2^63.
void sordino_add_rounded(uint64_t *sum, const float *x, double factor, size_t n);
/// A sum of squares of integers, high * 2^31 + low, exact for up to 2^32 terms.
typedef struct {
    uint64_t high, low;
} sordino_squares;
/// out = factor * x rounded to the nearest integer, ties down; returns the sum of squares of `out`. Every
/// |factor * x| must be below 2^31 - 1.
sordino_squares sordino_round_to_nearest(int32_t *out, const float *x, double factor, size_t n);
/// sum += factor * x, each rounded in the same way, wrapping; returns the sum of squares of what was added to within
/// n * 2^-52 of itself.
double sordino_add_nearest(uint32_t *sum, const float *x, double factor, size_t n);
/// Like `sordino_round_to_nearest`, but rounded up or down at random, without bias but for 2^-32: up where coin / 2^32 lies below the fraction.
sordino_squares sordino_round_randomly(int32_t *out, const float *x, double factor, const uint32_t *coins, size_t n);
/// sum = (round(sum * scale) + noise) / scale, ties away from zero, `scale` a power of two; not a number where
/// |sum * scale| is not below 2^53.
void sordino_add_noise_on_grid(float *sum, const int64_t *noise, double scale, size_t n);
/// Words of a block of `sordino_add_lanes`.
enum { sordino_lane_block = 512 };
/// words += lanes, or -= where `sign` is all ones instead of zero, wrapping. Lanes are of 16 + `high_bits` bits, 0, 1, 2, 3, 4, 8
/// or 16 more than 16, and lie in blocks of `sordino_lane_block`, the last one whole too: first the low 16 bits of each lane,
/// little-endian, then sections of the bits above, 8 or 16 a lane, or 4, 2 and 1 packed: of a section with w bits a lane, lane
/// 64 k + j has bits w (k / w) and up of byte 64 (k mod w) + j. `lanes` is aligned to two bytes.
void sordino_add_lanes(uint32_t *words, const uint8_t *lanes, unsigned high_bits, uint32_t sign, size_t n);
/// sum += x, wrapping.
void sordino_add_integers(uint32_t *sum, const int32_t *x, size_t n);

// MARK: Order statistics of columns

/// Columns that are sorted at once.
enum { sordino_order_width = 64 };
/// out = round(factor * x), ties to even, as floats; not a number where that is not finite. `out` may be `x`.
void sordino_on_grid(float *out, const float *x, float factor, size_t n);
/// `rows` names `count` rows of `sordino_order_width` floats, which begin `x_row` apart, as dense rows of integer keys in the
/// order of their values: not-a-number is the greatest. Every eight rows are sorted on their own, column by column. `keys`
/// is aligned to 64 bytes. Returns whether any value is not a number.
int sordino_order_groups(int32_t *keys, const float *x, size_t x_row, const uint32_t *rows, size_t count);
/// Puts the lesser of two rows' keys into the first row and the greater into the second, column by column, for each of
/// `count` pairs of rows in turn: a sorting network. `keys` is aligned to 64 bytes.
void sordino_order_columns(int32_t *keys, const uint32_t *pairs, size_t count);
/// out = the mean of each column over `rows` rows of keys; with `has_missing` without what is not a number, and 0 where nothing
/// is left.
void sordino_mean_of_keys(double *out, const int32_t *keys, size_t rows, int has_missing);
/// out = the mean, in each column of `rows` rows of sorted keys, of the `wanted` values nearest its median, of two equally near
/// the lesser; at least one and at most all; with `has_missing` without what is not a number, and 0 where nothing is left.
void sordino_mean_near_median(double *out, const int32_t *keys, size_t rows, size_t wanted, int has_missing);
/// sum += factor * x, in double.
void sordino_add_scaled_wide(double *sum, const float *x, double factor, size_t n);

#endif
