// Convolutions at stride 1 by Winograd's minimal filtering (Lavin and Gray 2016): tiles of 6 x 6 of the input, at the points
// 0, 1, -1, 2, -2 and infinity, give 4 x 4 outputs of a kernel of 3 x 3, or 2 x 2 of one of 5 x 5. With
// V = BT d B, U = G g GT and M = U V, summed over channels, y = AT M A. The gradient is the transposed chain:
// dU = (A dy AT) V, summed over tiles, and dg = GT dU G.
//
// Matrices are planes of [channels, tiles], one for each of the 36 places. Eight tiles, or channels, go at once.

typedef float eight __attribute__((vector_size(32)));
typedef float unaligned_eight __attribute__((vector_size(32), aligned(4)));

// Not functions: at the portable level such a vector is no argument.
#define load_eight(place) (*(const unaligned_eight *)(place))
#define store_eight(place, value) (*(unaligned_eight *)(place) = (value))

// BT of six values.
INLINE void input_points(eight *t, const eight *d, const int step) {
    const eight a = d[4 * step] - 4 * d[2 * step], b = d[3 * step] - 4 * d[step];
    const eight p = d[4 * step] - d[2 * step], q = 2 * (d[3 * step] - d[step]);
    t[0] = 4 * d[0] - 5 * d[2 * step] + d[4 * step];
    t[step] = a + b;
    t[2 * step] = a - b;
    t[3 * step] = p + q;
    t[4 * step] = p - q;
    t[5 * step] = 4 * d[step] - 5 * d[3 * step] + d[5 * step];
}

// A of `m` values, or G without its factors: the polynomial with them at the points.
INLINE void points_of(eight *t, const eight *g, const int size, const int step) {
    eight even_one = g[0], odd_one = g[step], even_two = g[0], odd_two = 2 * g[step];
    UNROLLED for (int i = 2; i < size; i++) {
        const float power = (float)(1 << i);
        if (i % 2) {
            odd_one += g[i * step];
            odd_two += power * g[i * step];
        } else {
            even_one += g[i * step];
            even_two += power * g[i * step];
        }
    }
    t[0] = g[0];
    t[5 * step] = g[(size - 1) * step];
    t[step] = even_one + odd_one;
    t[2 * step] = even_one - odd_one;
    t[3 * step] = even_two + odd_two;
    t[4 * step] = even_two - odd_two;
}

// The transpose of `points_of`: AT, or GT without its factors, of six values.
INLINE void values_at(eight *y, const eight *t, const int size, const int step) {
    const eight sum_one = t[step] + t[2 * step], difference_one = t[step] - t[2 * step];
    const eight sum_two = t[3 * step] + t[4 * step], difference_two = t[3 * step] - t[4 * step];
    const eight first = t[0], last = t[5 * step];
    UNROLLED for (int i = 0; i < size; i++) {
        const float power = (float)(1 << i);
        y[i * step] = i % 2 ? difference_one + power * difference_two : sum_one + power * sum_two;
        if (i == 0) y[0] += first;
        if (i == size - 1) y[i * step] += last;
    }
}

// The factors of G.
INLINE float factor_of_point(int point) {
    return point == 0 ? 0.25f : point < 3 ? -1.0f / 6 : point < 5 ? 1.0f / 24 : 1.0f;
}

// MARK: To points

INLINE void tiles_to_points(float *out, const float *source, const sordino_tiles *shape, const int size) {
    const size_t plane = shape->channels * shape->tiles + 8;
    for (size_t c = 0; c < shape->channels; c++) {
        for (size_t e = 0; e < shape->examples; e++) {
            for (size_t y = 0; y < shape->rows; y++) {
                const float *row = source + e * shape->source_example + c * shape->source_channel + y * shape->source_row;
                float *place = out + c * shape->tiles + (e * shape->rows + y) * shape->columns;
                for (size_t x = 0; x < shape->columns; x += 8) {
                    eight d[36];
                    UNROLLED for (int i = 0; i < size; i++) {
                        UNROLLED for (int j = 0; j < size; j++) {
                            d[6 * i + j] = load_eight(row + x + shape->source_at[i * size + j]);
                        }
                    }
                    eight t[36];
                    if (size == 6) {
                        UNROLLED for (int j = 0; j < 6; j++) input_points(t + j, d + j, 6);
                        UNROLLED for (int i = 0; i < 6; i++) input_points(d + 6 * i, t + 6 * i, 1);
                    } else {
                        UNROLLED for (int j = 0; j < size; j++) points_of(t + j, d + j, size, 6);
                        UNROLLED for (int i = 0; i < 6; i++) points_of(d + 6 * i, t + 6 * i, size, 1);
                    }
                    UNROLLED for (int k = 0; k < 36; k++) store_eight(place + x + (size_t)k * plane, d[k]);
                }
            }
        }
    }
}

VERSIONED void level_tiles_to_points(float *out, const float *source, const sordino_tiles *shape, size_t size) {
    if (size == 6) tiles_to_points(out, source, shape, 6);
    else if (size == 4) tiles_to_points(out, source, shape, 4);
    else tiles_to_points(out, source, shape, 2);
}

INLINE void weights_to_points(float *out, const float *weights, const sordino_filters *shape, const int size) {
    const size_t plane = shape->rows * shape->columns + 8;
    for (size_t row = 0; row < shape->rows; row++) {
        for (size_t column = 0; column < shape->columns; column += 8) {
            const size_t present = shape->columns - column < 8 ? shape->columns - column : 8;
            const float *first = weights + row * shape->row_stride + column * shape->column_stride;
            eight g[36], t[36];
            for (int k = 0; k < size * size; k++) {
                const int from = shape->is_turned ? size * size - 1 - k : k;
                eight value = {0};
                for (size_t lane = 0; lane < present; lane++) value[lane] = first[lane * shape->column_stride + (size_t)from];
                g[6 * (k / size) + k % size] = value;
            }
            UNROLLED for (int j = 0; j < size; j++) points_of(t + j, g + j, size, 6);
            UNROLLED for (int i = 0; i < 6; i++) {
                points_of(g + 6 * i, t + 6 * i, size, 1);
                UNROLLED for (int j = 0; j < 6; j++) {
                    store_eight(out + (size_t)(6 * i + j) * plane + row * shape->columns + column,
                                (factor_of_point(i) * factor_of_point(j)) * g[6 * i + j]);
                }
            }
        }
    }
}

VERSIONED void level_weights_to_points(float *out, const float *weights, const sordino_filters *shape, size_t size) {
    if (size == 3) weights_to_points(out, weights, shape, 3);
    else weights_to_points(out, weights, shape, 5);
}

// MARK: From points

INLINE void points_to_outputs(float *out, const float *points, const float *bias, const sordino_tiles *shape,
                              size_t height, size_t width, const int size) {
    const size_t plane = shape->channels * shape->tiles + 8;
    for (size_t e = 0; e < shape->examples; e++) {
        for (size_t c = 0; c < shape->channels; c++) {
            float *image = out + (e * shape->channels + c) * height * width;
            const float offset = bias ? bias[c] : 0;
            for (size_t y = 0; y < shape->rows; y++) {
                const float *place = points + c * shape->tiles + (e * shape->rows + y) * shape->columns;
                for (size_t x = 0; x < shape->columns; x += 8) {
                    eight t[36], d[36];
                    UNROLLED for (int k = 0; k < 36; k++) d[k] = load_eight(place + x + (size_t)k * plane);
                    UNROLLED for (int j = 0; j < 6; j++) values_at(t + j, d + j, size, 6);
                    UNROLLED for (int i = 0; i < size; i++) values_at(d + 6 * i, t + 6 * i, size, 1);
                    const size_t some = shape->columns - x < 8 ? shape->columns - x : 8;
                    for (int i = 0; i < size && y * (size_t)size + (size_t)i < height; i++) {
                        float *line = image + (y * (size_t)size + (size_t)i) * width + x * (size_t)size;
                        const size_t left = width - x * (size_t)size;
                        float turned[8 * 4];
                        UNROLLED for (int j = 0; j < size; j++) {
                            UNROLLED for (int lane = 0; lane < 8; lane++) turned[lane * size + j] = d[6 * i + j][lane] + offset;
                        }
                        const size_t count = some * (size_t)size < left ? some * (size_t)size : left;
                        if (count == 8 * (size_t)size) memcpy(line, turned, 8 * (size_t)size * sizeof(float));
                        else for (size_t l = 0; l < count; l++) line[l] = turned[l];
                    }
                }
            }
        }
    }
}

VERSIONED void level_points_to_outputs(float *out, const float *points, const float *bias, const sordino_tiles *shape,
                                       size_t height, size_t width, size_t size) {
    if (size == 4) points_to_outputs(out, points, bias, shape, height, width, 4);
    else points_to_outputs(out, points, bias, shape, height, width, 2);
}

INLINE void points_to_gradient(float *target, const float *points, const sordino_filters *shape, float scale, float keep,
                               const int size) {
    const size_t plane = shape->rows * shape->columns + 8;
    for (size_t row = 0; row < shape->rows; row++) {
        for (size_t column = 0; column < shape->columns; column += 8) {
            const size_t present = shape->columns - column < 8 ? shape->columns - column : 8;
            eight d[36], t[36];
            UNROLLED for (int i = 0; i < 6; i++) {
                UNROLLED for (int j = 0; j < 6; j++) {
                    d[6 * i + j] = (factor_of_point(i) * factor_of_point(j)) *
                                   load_eight(points + (size_t)(6 * i + j) * plane + row * shape->columns + column);
                }
            }
            UNROLLED for (int j = 0; j < 6; j++) values_at(t + j, d + j, size, 6);
            UNROLLED for (int i = 0; i < size; i++) values_at(d + 6 * i, t + 6 * i, size, 1);
            float *first = target + row * shape->row_stride + column * shape->column_stride;
            for (int k = 0; k < size * size; k++) {
                const eight value = scale * d[6 * (k / size) + k % size];
                for (size_t lane = 0; lane < present; lane++) {
                    float *place = first + lane * shape->column_stride + (size_t)k;
                    *place = keep == 0 ? value[lane] : keep * *place + value[lane];
                }
            }
        }
    }
}

VERSIONED void level_points_to_gradient(float *target, const float *points, const sordino_filters *shape, float scale,
                                        float keep, size_t size) {
    if (size == 3) points_to_gradient(target, points, shape, scale, keep, 3);
    else points_to_gradient(target, points, shape, scale, keep, 5);
}
