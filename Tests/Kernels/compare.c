// The kernels of every level that this processor has, beside those of the portable level and beside plain sums.
//
// Prints a line a level: its name, the number of values compared, a digest of what is promised everywhere (integers,
// random words) and one of what is promised wherever multiply-adds are fused (elementwise kernels, products). Exits
// with 1 and a line for each difference. Built and run by ./run, on this machine and for AArch64 under QEMU.
#include "levels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most = 1 << 17 };

static long compared, failures;
static uint64_t digest_of_integers, digest_of_floats;
static const char *level_name;

static uint64_t state;

static uint64_t random_word(void) {
    // SplitMix64 (Steele, Lea, Flood 2014): any stream will do, as long as it is the same everywhere.
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void fill(float *values, size_t count, float scale) {
    for (size_t i = 0; i < count; i++) values[i] = scale * ((float)(random_word() >> 40) * 0x1p-23f - 1.0f);
}

static void add_to(uint64_t *digest, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) *digest = (*digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001B3u;
}

static void differs(const char *kernel, size_t size, size_t place, double found, double expected) {
    if (failures++ < 20) {
        printf("%s: %s of %zu differs at %zu: %.9g, not %.9g\n", level_name, kernel, size, place, found, expected);
    }
}

/// Bytes that must be equal.
static void same(const char *kernel, size_t size, const void *found, const void *expected, size_t bytes) {
    compared += (long)bytes / 4;
    add_to(&digest_of_integers, found, bytes);
    for (size_t i = 0; i < bytes; i++) {
        const uint8_t a = ((const uint8_t *)found)[i], b = ((const uint8_t *)expected)[i];
        if (a != b) return differs(kernel, size, i, a, b);
    }
}

/// Numbers that must be equal to within `tolerance` of the greater of 1 and the number; `is_fused` says whether every
/// level with fused multiply-adds yields the same bits.
static void close_to(const char *kernel, size_t size, const float *found, const float *expected, size_t count,
                     double tolerance, int is_fused) {
    compared += (long)count;
    if (is_fused) add_to(&digest_of_floats, found, 4 * count);
    for (size_t i = 0; i < count; i++) {
        if (isnan(found[i]) && isnan(expected[i])) continue;
        const double allowed = tolerance * fmax(1, fabs((double)expected[i]));
        if (!(fabs((double)found[i] - (double)expected[i]) <= allowed)) {
            return differs(kernel, size, i, found[i], expected[i]);
        }
    }
}

static float a[most], b[most], c[most], d[most], found[most], expected[most];

typedef void (*activation)(float *, const float *, size_t);

static void compare_activations(const sordino_kernels *k, const sordino_kernels *p, size_t n) {
    fill(a, n, 12);
    fill(b, n, 2);
    if (n > 2) a[1] = NAN, a[2] = 200;
    const struct {
        const char *name;
        activation found, expected;
    } forward[] = {{"sigmoid", k->sigmoid, p->sigmoid}, {"tanh", k->tanh, p->tanh},
                   {"gelu", k->gelu, p->gelu},          {"gelu_tanh", k->gelu_tanh, p->gelu_tanh},
                   {"silu", k->silu, p->silu}};
    for (size_t i = 0; i < sizeof forward / sizeof *forward; i++) {
        forward[i].found(found, a, n);
        forward[i].expected(expected, a, n);
        close_to(forward[i].name, n, found, expected, n, 1e-6, 1);
    }
    fill(a, n, 2);
    const struct {
        const char *name;
        void (*found)(float *, const float *, const float *, size_t);
        void (*expected)(float *, const float *, const float *, size_t);
    } backward[] = {{"sigmoid_backward", k->sigmoid_backward, p->sigmoid_backward},
                    {"tanh_backward", k->tanh_backward, p->tanh_backward},
                    {"gelu_backward", k->gelu_backward, p->gelu_backward},
                    {"gelu_tanh_backward", k->gelu_tanh_backward, p->gelu_tanh_backward},
                    {"silu_backward", k->silu_backward, p->silu_backward}};
    for (size_t i = 0; i < sizeof backward / sizeof *backward; i++) {
        backward[i].found(found, a, b, n);
        backward[i].expected(expected, a, b, n);
        close_to(backward[i].name, n, found, expected, n, 3e-6, 1);
    }
    k->rectify(found, a, 0.1f, n);
    p->rectify(expected, a, 0.1f, n);
    close_to("rectify", n, found, expected, n, 0, 1);
    k->rectify_backward(found, b, a, 0.1f, n);
    p->rectify_backward(expected, b, a, 0.1f, n);
    close_to("rectify_backward", n, found, expected, n, 0, 1);
    uint32_t words[2][4096];
    for (size_t i = 0; i < n; i++) words[0][i] = words[1][i] = (uint32_t)random_word();
    k->dropout(found, b, words[0], 1u << 30, 4.0f / 3, n);
    p->dropout(expected, b, words[1], 1u << 30, 4.0f / 3, n);
    close_to("dropout", n, found, expected, n, 0, 1);
    same("dropout's masks", n, words[0], words[1], 4 * n);
}

static void compare_losses(const sordino_kernels *k, const sordino_kernels *p, size_t rows, size_t columns) {
    const size_t n = rows * columns;
    fill(a, n, 8);
    k->softmax(found, a, rows, columns);
    p->softmax(expected, a, rows, columns);
    close_to("softmax", n, found, expected, n, 1e-6, 1);
    int32_t labels[256];
    for (size_t r = 0; r < rows; r++) labels[r] = (int32_t)(random_word() % columns);
    const float losses[2] = {(float)k->softmax_cross_entropy(found, a, labels, rows, columns, 0.5f),
                             (float)p->softmax_cross_entropy(expected, a, labels, rows, columns, 0.5f)};
    close_to("softmax_cross_entropy", n, losses, losses + 1, 1, 1e-5, 0);
    close_to("softmax_cross_entropy", n, found, expected, n, 1e-6, 1);
}

static void compare_vectors(const sordino_kernels *k, const sordino_kernels *p, size_t n) {
    fill(a, n, 1);
    fill(b, n, 1);
    k->multiply(found, a, b, n);
    p->multiply(expected, a, b, n);
    close_to("multiply", n, found, expected, n, 0, 1);
    k->add_scaled(found, b, 0.3f, n);
    p->add_scaled(expected, b, 0.3f, n);
    close_to("add_scaled", n, found, expected, n, 1e-6, 1);
    k->scale(found, 0.7f, n);
    p->scale(expected, 0.7f, n);
    k->subtract(found, a, n);
    p->subtract(expected, a, n);
    close_to("subtract", n, found, expected, n, 2e-6, 1);
    const float norms[2] = {(float)k->square_norm(a, n), (float)p->square_norm(a, n)};
    close_to("square_norm", n, norms, norms + 1, 1, 1e-6, 0);
    k->regularise(found, a, b, 0.1f, 0.2f, 0.3f, n);
    p->regularise(expected, a, b, 0.1f, 0.2f, 0.3f, n);
    close_to("regularise", n, found, expected, n, 3e-6, 1);
}

static void compare_rows(const sordino_kernels *k, const sordino_kernels *p, size_t rows, size_t columns) {
    const size_t n = rows * columns;
    fill(a, n, 1);
    fill(b, columns, 1);
    fill(c, rows, 1);
    memcpy(found, a, 4 * n);
    memcpy(expected, a, 4 * n);
    k->add_to_rows(found, b, rows, columns);
    p->add_to_rows(expected, b, rows, columns);
    k->scale_rows(found, c, rows, columns);
    p->scale_rows(expected, c, rows, columns);
    close_to("scale_rows", n, found, expected, n, 0, 1);
    k->sum_rows(found, a, rows, columns, 3, 0);
    p->sum_rows(expected, a, rows, columns, 3, 0);
    close_to("sum_rows", n, found, expected, columns, 1e-5, 1);
    memset(found, 0, 4 * rows);
    memset(expected, 0, 4 * rows);
    k->add_outer_product_norms(found, a, columns, a, columns, 1, rows);
    p->add_outer_product_norms(expected, a, columns, a, columns, 1, rows);
    close_to("add_outer_product_norms", n, found, expected, rows, 1e-5, 0);
    static uint8_t table[1 << 16];
    int32_t indices[256];
    for (size_t i = 0; i < sizeof table; i++) table[i] = (uint8_t)random_word();
    for (size_t r = 0; r < rows; r++) indices[r] = (int32_t)(random_word() % rows);
    k->prefetch(table, indices, rows, columns);
    k->gather_bytes(found, table, indices, rows, columns, 1.0f / 255);
    p->gather_bytes(expected, table, indices, rows, columns, 1.0f / 255);
    close_to("gather_bytes", n, found, expected, n, 0, 1);
    k->gather_floats(found, a, indices, rows, columns);
    p->gather_floats(expected, a, indices, rows, columns);
    close_to("gather_floats", n, found, expected, n, 0, 1);
}

static void compare_optimisers(const sordino_kernels *k, const sordino_kernels *p, size_t n) {
    float *const states[2][3] = {{found, found + n, found + 2 * n}, {expected, expected + n, expected + 2 * n}};
    for (int kind = 0; kind < 5; kind++) {
        fill(a, n, 1);
        fill(found, 3 * n, 1);
        for (size_t i = 0; i < 3 * n; i++) found[i] = fabsf(found[i]);
        memcpy(expected, found, 12 * n);
        for (int side = 0; side < 2; side++) {
            const sordino_kernels *of = side ? p : k;
            float *w = states[side][0], *m = states[side][1], *v = states[side][2];
            switch (kind) {
            case 0: of->sgd(w, a, 0.1f, 0.01f, n); break;
            case 1: of->momentum(w, a, m, 0.1f, 0.9f, 0.01f, 1, n); break;
            case 2: of->adam(w, a, m, v, 0.01f, 0.9f, 0.999f, 0.5f, 1e-8f, 0.01f, 0.99f, n); break;
            case 3: of->rmsprop(w, a, v, 0.01f, 0.9f, 1e-8f, 0.01f, n); break;
            default: of->adagrad(w, a, v, 0.01f, 1e-8f, 0.01f, n);
            }
        }
        static const char *const names[] = {"sgd", "momentum", "adam", "rmsprop", "adagrad"};
        close_to(names[kind], n, found, expected, 3 * n, 3e-6, 1);
    }
}

static void compare_words(const sordino_kernels *k, const sordino_kernels *p, size_t blocks) {
    static uint32_t words[2][1 << 14];
    k->philox(words[0], blocks, 0xFFFFFFF0u, 1, 2, 3, 0xDEADBEEF, 5);
    p->philox(words[1], blocks, 0xFFFFFFF0u, 1, 2, 3, 0xDEADBEEF, 5);
    same("philox", blocks, words[0], words[1], 16 * blocks);
}

/// Values whose products with the factors below are halves, tiny, ordinary and, where `reach` says so, beyond 2^51.
static void fill_for_grid(float *values, size_t count, float scale, float reach) {
    fill(values, count, scale);
    for (size_t i = 0; i < count; i += 5) values[i] = (float)((long)(random_word() % 4001) - 2000) / 2;
    for (size_t i = 3; i < count; i += 11) values[i] *= 1e-30f;
    if (reach > 0 && count > 9) values[count / 2] = reach;
}

static void compare_grid(const sordino_kernels *k, const sordino_kernels *p, size_t n) {
    static uint64_t wide[2][4096];
    static const float reaches[] = {0, 0x1p47f, -0x1p50f, 0x1.8p60f};
    static const double factors[] = {1, -1.5, 0x1.0000000000001p2, 1.0 / 3};
    for (size_t r = 0; r < 4; r++) {
        for (size_t f = 0; f < 4; f++) {
            fill_for_grid(a, n, r % 2 ? 4e4f : 3, reaches[r]);
            for (size_t i = 0; i < n; i++) wide[0][i] = wide[1][i] = random_word();
            k->add_rounded(wide[0], a, factors[f], n);
            for (size_t i = 0; i < n; i++) wide[1][i] += (uint64_t)(int64_t)rint((double)a[i] * factors[f]);
            same("add_rounded", n, wide[0], wide[1], 8 * n);
        }
    }
    int32_t out[2][4096];
    uint32_t sums[2][4096], coins[4096];
    for (size_t f = 0; f < 4; f++) {
        fill_for_grid(a, n, 4e4f, 0);
        for (size_t i = 0; i < n; i++) coins[i] = (uint32_t)random_word(), sums[0][i] = sums[1][i] = coins[i];
        const sordino_squares squares[4] = {
            k->round_to_nearest(out[0], a, factors[f], n), p->round_to_nearest(out[1], a, factors[f], n),
            k->round_randomly(out[0], a, factors[f], coins, n), p->round_randomly(out[1], a, factors[f], coins, n)};
        same("round_randomly", n, out[0], out[1], 4 * n);
        k->round_to_nearest(out[0], a, factors[f], n);
        p->round_to_nearest(out[1], a, factors[f], n);
        same("round_to_nearest", n, out[0], out[1], 4 * n);
        same("squares", n, &squares[0], &squares[1], sizeof *squares);
        same("squares of random rounding", n, &squares[2], &squares[3], sizeof *squares);
        const double exact = (double)squares[1].high * 0x1p31 + (double)squares[1].low;
        const double added = k->add_nearest(sums[0], a, factors[f], n);
        p->add_nearest(sums[1], a, factors[f], n);
        same("add_nearest", n, sums[0], sums[1], 4 * n);
        if (!(fabs(added - exact) <= exact * (double)n * 0x1p-52)) differs("add_nearest's squares", n, 0, added, exact);
        k->add_integers(sums[0], out[0], n);
        p->add_integers(sums[1], out[1], n);
        same("add_integers", n, sums[0], sums[1], 4 * n);
    }
    static uint8_t lanes[4 * 4096] __attribute__((aligned(64)));
    static const unsigned widths[] = {0, 1, 2, 3, 4, 8, 16};
    for (size_t i = 0; i < sizeof lanes; i++) lanes[i] = (uint8_t)random_word();
    for (size_t w = 0; w < 7; w++) {
        k->add_lanes(sums[0], lanes, widths[w], w % 2 ? ~0u : 0, n);
        p->add_lanes(sums[1], lanes, widths[w], w % 2 ? ~0u : 0, n);
        same("add_lanes", n, sums[0], sums[1], 4 * n);
    }
    static int64_t noise[4096];
    for (int power = -3; power < 40; power += 7) {
        fill_for_grid(found, n, 30, 0);
        if (n > 12) found[7] = INFINITY, found[8] = NAN, found[9] = 0x1p60f, found[10] = 0x1.8p52f, found[11] = -0x1p53f;
        memcpy(expected, found, 4 * n);
        for (size_t i = 0; i < n; i++) {
            const int shift = (int)(random_word() % 64);
            noise[i] = (int64_t)random_word() >> shift;
        }
        const double scale = ldexp(1, power);
        k->add_noise_on_grid(found, noise, scale, n);
        for (size_t i = 0; i < n; i++) {
            const double scaled = (double)expected[i] * scale;
            if (!(fabs(scaled) < 0x1p53)) {
                expected[i] = NAN;
                if (!isnan(found[i])) differs("add_noise_on_grid", n, i, found[i], NAN);
                found[i] = expected[i];
            } else {
                const uint64_t cell = (uint64_t)(int64_t)round(scaled) + (uint64_t)noise[i];
                expected[i] = (float)((double)(int64_t)cell / scale);
            }
        }
        same("add_noise_on_grid", n, found, expected, 4 * n);
    }
}

static void compare_products(const sordino_kernels *k, size_t rows, size_t inputs, size_t outputs) {
    if (!k->product) return;
    fill(a, rows * inputs, 1);
    fill(b, outputs * inputs, 1);
    fill(c, outputs, 1);
    // What is beside the result must stay as it is.
    enum { margin = 16 };
    for (int has_bias = 0; has_bias < 2; has_bias++) {
        for (size_t i = 0; i < rows * outputs + 2 * margin; i++) found[i] = expected[i] = 12345;
        k->affine(found + margin, a, b, has_bias ? c : 0, rows, outputs, inputs);
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < outputs; j++) {
                double sum = has_bias ? c[j] : 0;
                for (size_t l = 0; l < inputs; l++) sum += (double)a[i * inputs + l] * (double)b[j * inputs + l];
                expected[margin + i * outputs + j] = (float)sum;
            }
        }
        close_to("affine", rows * outputs, found, expected, rows * outputs + 2 * margin, 1e-4, 0);
    }
    // The input's delta (rows of d times b) and the weights' gradient (columns of d times a, added and scaled).
    fill(d, rows * outputs, 1);
    for (int of_weights = 0; of_weights < 2; of_weights++) {
        const size_t lines = of_weights ? outputs : rows, inner = of_weights ? rows : outputs;
        const float *factor = of_weights ? a : b, scale = of_weights ? -0.5f : 1, keep = of_weights ? 1 : 0;
        const size_t row = of_weights ? 1 : outputs, column = of_weights ? outputs : 1;
        for (size_t i = 0; i < lines * inputs + 2 * margin; i++) found[i] = expected[i] = 3;
        if (keep == 0) {
            for (size_t i = 0; i < lines * inputs; i++) found[margin + i] = NAN;
        }
        k->product(found + margin, d, row, column, factor, lines, inputs, inner, scale, keep);
        for (size_t i = 0; i < lines; i++) {
            for (size_t j = 0; j < inputs; j++) {
                double sum = 0;
                for (size_t l = 0; l < inner; l++) {
                    sum += (double)d[i * row + l * column] * (double)factor[l * inputs + j];
                }
                float *place = expected + margin + i * inputs + j;
                *place = (float)(keep * (double)*place + scale * sum);
            }
        }
        close_to(of_weights ? "weight gradient" : "input delta", lines * inputs, found, expected,
                 lines * inputs + 2 * margin, 1e-4, 1);
    }
}

#include "images.h"
#include "orders.h"
#include "recurrences.h"
#include "transformers.h"

/// A draw as the interface defines it; false where it is not accepted at once.
static int draw(int64_t *noise, const uint64_t *words, const sordino_strips *strips) {
    const uint64_t *pair = strips->columns + 2 * (words[0] >> 54);
    const int is_own = (words[0] >> 30 & 0xFFFFFF) < (pair[0] & 0xFFFFFFFF);
    const uint64_t strip = is_own ? words[0] >> 54 : pair[0] >> 32;
    const uint64_t bound = is_own ? pair[1] & 0xFFFFFFFF : pair[1] >> 32, spare = words[0] & 0x1FFFFFFF;
    const uint32_t bits = strips->cell_bits;
    const uint64_t offset = bits > 17 ? words[1] >> (64 - bits) : spare & (((uint64_t)1 << bits) - 1);
    const uint64_t cell = (strip << bits) + offset + strips->half;
    const int64_t magnitude = (int64_t)(cell >> strips->fraction_bits);
    *noise = words[0] >> 29 & 1 ? -magnitude : magnitude;
    return (bits > 17 ? spare : spare >> bits) < bound;
}

static void compare_draws(const sordino_kernels *k, size_t n) {
    static uint64_t columns[2048], words[8192];
    static int64_t noise[2][4096];
    static const uint32_t bits[] = {0, 1, 14, 17, 18, 40};
    for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
        const uint64_t whole = (uint64_t)1 << (bits[b] > 17 ? 29 : 29 - bits[b]);
        for (size_t i = 0; i < 1024; i++) {
            columns[2 * i] = (random_word() & 0x1FFFFFF) % 0x1000001 | (random_word() & 1023) << 32;
            // Most bounds are those of strips in which nearly every draw is accepted.
            const uint64_t own = i % 8 ? whole - whole / 512 : whole / 2, other = whole - random_word() % (whole / 64);
            columns[2 * i + 1] = own | other << 32;
        }
        for (size_t i = 0; i < 2 * n; i++) words[i] = random_word();
        const uint32_t fraction = bits[b] ? 1 : 0;
        const sordino_strips strips = {columns, bits[b], fraction, fraction};
        const size_t each = bits[b] > 17 ? 2 : 1;
        for (size_t start = 0; start < n;) {
            const size_t made = k->draw_strips(noise[0] + start, words + each * start, n - start, &strips);
            size_t place = start;
            while (place < n && draw(&noise[1][place], words + each * place, &strips)) place++;
            if (made != place - start) differs("draw_strips, their number,", n, start, (double)made, (double)(place - start));
            start = place + 1;
        }
        for (size_t i = 0; i < n; i++) {
            if (!draw(&noise[1][i], words + each * i, &strips)) noise[0][i] = noise[1][i];
        }
        same("draw_strips", n, noise[0], noise[1], 8 * n);
    }
}

static void compare(const sordino_kernels *k, const sordino_kernels *p) {
    static const size_t sizes[] = {0, 1, 7, 8, 9, 16, 17, 31, 33, 64, 255, 256, 257, 1000, 4095};
    static const size_t shapes[][3] = {{1, 1, 1},   {1, 17, 3},  {2, 5, 4},    {3, 64, 10}, {5, 15, 6},  {6, 16, 5},
                                       {7, 33, 7},  {10, 49, 64}, {11, 31, 8}, {13, 100, 9}, {64, 20, 12}, {97, 3, 2},
                                       {4, 24, 24}, {10, 784, 64}, {50, 784, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        compare_activations(k, p, sizes[i]);
        compare_vectors(k, p, sizes[i]);
        compare_optimisers(k, p, sizes[i]);
        compare_words(k, p, sizes[i]);
        compare_grid(k, p, sizes[i]);
        compare_wide_sums(k, sizes[i]);
        compare_draws(k, sizes[i]);
    }
    for (size_t size = 1; size < 34; size += size < 9 ? 1 : 8) {
        for (size_t stride = 1; stride < 4; stride++) compare_convolutions(k, size, 1 + size % 3, 1 + 3 * size % 23, stride);
        for (size_t window = 1; window < 4 && window <= size; window++) compare_images(k, p, size + 1, window, 1 + size % 3);
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        compare_losses(k, p, shapes[i][0], shapes[i][1]);
        compare_rows(k, p, shapes[i][0], shapes[i][1]);
        compare_normalisation(k, p, shapes[i][0], shapes[i][1]);
        compare_products(k, shapes[i][0], shapes[i][1], shapes[i][2]);
        compare_panels(k, shapes[i][0], shapes[i][1], shapes[i][2]);
        compare_rows_apart(k, p, shapes[i][0], shapes[i][1]);
        compare_cells(k, p, shapes[i][1]);
    }
}

static void compare_transformers(const sordino_kernels *k, const sordino_kernels *p) {
    static const float turned;
    const sordino_attention heads[] = {
        {.heads = 1, .kv_heads = 1, .head_size = 4}, {.heads = 3, .kv_heads = 1, .head_size = 17, .is_causal = 1},
        {.heads = 2, .kv_heads = 2, .head_size = 32, .is_causal = 1, .rotary = &turned},
        {.heads = 4, .kv_heads = 2, .head_size = 6, .rotary = &turned}};
    static const size_t lengths[][2] = {{1, 1}, {8, 5}, {33, 33}, {64, 64}, {65, 31}, {130, 129}};
    for (size_t h = 0; h < sizeof heads / sizeof *heads; h++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            compare_attention(k, p, lengths[l][0], lengths[l][1], heads[h]);
        }
    }
    static const size_t rows[][2] = {{3, 63}, {3, 64}, {2, 65}, {4, 1000}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        compare_losses(k, p, rows[r][0], rows[r][1]);
        compare_normalisation(k, p, rows[r][0], rows[r][1]);
    }
}

int main(void) {
    static const char *const names[] = {"portable", "neon", "v3", "v4"};
    const sordino_kernels *portable = sordino_kernels_of(sordino_level_portable);
    for (int number = 0; number < 4; number++) {
        const sordino_kernels *kernels = sordino_kernels_of((sordino_level)number);
        if (!kernels) continue;
        state = 1;
        compared = 0;
        digest_of_integers = digest_of_floats = 0xCBF29CE484222325u;
        level_name = names[number];
        compare_orders(kernels);
        compare(kernels, portable);
        compare_transformers(kernels, portable);
        printf("%s: %ld values, integers %016llx, fused %016llx\n", level_name, compared,
               (unsigned long long)digest_of_integers, (unsigned long long)digest_of_floats);
    }
    return failures ? 1 : 0;
}
