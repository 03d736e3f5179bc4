/* Kernels in plain C, in the order of loops that compilers turn into vector instructions by themselves. */

#ifndef HWSIM_PORTABLE_H
#define HWSIM_PORTABLE_H

#include "arithmetic.h"

/* z' of one query from its distances z to all keys. */
static void score_from(const Head *h, int32_t *z, int8_t *score)
{
    int64_t sum = 0;
    int32_t centre = h->centring == CENTRE_MIN ? INT32_MAX : 0;
    int j, real = 0;
    for (j = 0; j < h->n; j++) {
        z[j] = round_shift(z[j], h->score_shift);
        if (h->mask && !h->mask[j])
            continue;
        real++;
        sum += z[j];
        if (h->centring == CENTRE_MIN)
            centre = smaller(centre, z[j]);
    }
    if (h->centring == CENTRE_MEAN)
        centre = (int32_t)(sum / real);
    for (j = 0; j < h->n; j++) {
        const int32_t far = clamp(z[j] - centre - h->delta, 0, LARGEST_SCORE);
        score[j] = (int8_t)(h->mask && !h->mask[j] ? LARGEST_SCORE : far);
    }
}

static void portable_score(const Head *h, const int8_t *q, int32_t *z, int8_t *score)
{
    int j, k;
    for (j = 0; j < h->n; j++) {
        const int8_t *key = h->k + j * h->stride;
        int32_t distance = 0;
        for (k = 0; k < h->dh; k++)
            distance += abs(q[k] - key[k]);
        z[j] = distance;
    }
    score_from(h, z, score);
}

static inline void store_inhibited(const Head *h, int32_t sum, int row, int dim)
{
    const int32_t value = requantize(sum, h->inhibit_shift, h->bits);
    const ptrdiff_t at = row * h->out_stride + dim;
    if (h->bits <= 8)
        ((int8_t *)h->out)[at] = (int8_t)value;
    else
        ((int16_t *)h->out)[at] = (int16_t)value;
}

static void portable_head(const Head *h, uint8_t *memory)
{
    const size_t dims = (size_t)h->dh;
    int16_t *magnitude = (int16_t *)memory, *sign = magnitude + (size_t)h->n * dims;
    int32_t *z = (int32_t *)round_up((uintptr_t)(sign + (size_t)h->n * dims), 64);
    int32_t *sum = z + h->n;
    int16_t *part = (int16_t *)(sum + dims);
    int8_t *score = (int8_t *)(part + dims);
    int i, j, k;
    for (j = 0; h->out && j < h->n; j++)
        for (k = 0; k < h->dh; k++) {
            const int v = h->v[j * h->stride + k];
            magnitude[(size_t)j * dims + (size_t)k] = (int16_t)(h->is_signed && v < 0 ? -v : larger(v, 0));
            sign[(size_t)j * dims + (size_t)k] = (int16_t)(h->is_signed && v < 0 ? -1 : 1);
        }
    for (i = 0; i < h->n; i++) {
        const int8_t *scores = score;
        if (h->q) {
            portable_score(h, h->q + i * h->stride, z, score);
            if (h->score)
                memcpy(h->score + (size_t)i * (size_t)h->n, score, (size_t)h->n);
        } else {
            scores = h->score + (size_t)i * (size_t)h->n;
        }
        if (!h->out)
            continue;
        memset(sum, 0, dims * sizeof *sum);
        for (j = 0; j < h->n;) {
            const int stop = smaller(h->n, j + VALUE_RUN);
            memset(part, 0, dims * sizeof *part);
            for (; j < stop; j++) {
                const int16_t *a = magnitude + (size_t)j * dims, *s = sign + (size_t)j * dims;
                const int16_t far = scores[j];
                for (k = 0; k < h->dh; k++) {
                    const int16_t kept = (int16_t)((a[k] > far ? a[k] : far) - far);
                    part[k] = (int16_t)(part[k] + kept * s[k]);
                }
            }
            for (k = 0; k < h->dh; k++)
                sum[k] += part[k];
        }
        for (k = 0; k < h->dh; k++)
            store_inhibited(h, sum[k], i, k);
    }
}

static void portable_finish(const Finish *f, int32_t acc, int shift, int row, int output)
{
    const ptrdiff_t at = row * f->stride + output;
    if (f->kind == KEEP)
        ((int32_t *)f->out)[at] = acc;
    else if (f->kind == NARROW)
        ((int8_t *)f->out)[at] = (int8_t)larger(requantize(acc, shift, f->bits), f->relu ? 0 : -127);
    else
        ((int16_t *)f->out)[at] = (int16_t)residual_add(f->residual[at], acc, shift, f->bits);
}

static void portable_dense(const Linear *l, const int8_t *x, ptrdiff_t stride, int rows, const Finish *f)
{
    int row, o, k;
    for (row = 0; row < rows; row++)
        for (o = 0; o < l->outputs; o++) {
            const int8_t *a = x + row * stride, *w = l->weight + (size_t)o * (size_t)l->inputs;
            int32_t acc = l->bias[o];
            for (k = 0; k < l->inputs; k++)
                acc += w[k] * a[k];
            portable_finish(f, acc, l->shift[o / BLOCK], row, o);
        }
}

/* One addition a weight and token; tokens side by side. */
static void portable_sparse(const Linear *l, const int8_t *x, ptrdiff_t stride, int rows, const Finish *f,
                            uint8_t *memory)
{
    int16_t *columns = (int16_t *)memory;
    int first, i, t, k;
    for (first = 0; first < rows; first += SPARSE_TILE) {
        const int tokens = smaller(SPARSE_TILE, rows - first);
        const uint16_t *entry = l->entry;
        for (k = 0; k <= l->inputs; k++)
            for (t = 0; t < SPARSE_TILE; t++)
                columns[k * SPARSE_TILE + t] = k < l->inputs && t < tokens ? x[(first + t) * stride + k] : 0;
        for (i = 0; i < l->blocks * BLOCK; i++) {
            const SparseRow row = l->row[i];
            int16_t acc[SPARSE_TILE];
            for (t = 0; t < SPARSE_TILE; t++)
                acc[t] = (int16_t)l->bias[row.output];
            for (k = 0; k < SPARSE_STEP * (row.plus + row.minus); k++, entry++) {
                const int16_t *column = columns + *entry / SPARSE_UNITS * SPARSE_TILE;
                if (k < SPARSE_STEP * row.plus)
                    for (t = 0; t < SPARSE_TILE; t++)
                        acc[t] = (int16_t)(acc[t] + column[t]);
                else
                    for (t = 0; t < SPARSE_TILE; t++)
                        acc[t] = (int16_t)(acc[t] - column[t]);
            }
            for (t = 0; row.output < (uint32_t)l->outputs && t < tokens; t++)
                portable_finish(f, acc[t], l->shift[row.output / BLOCK], first + t, (int)row.output);
        }
    }
}

static void portable_linear(const Linear *l, const int8_t *x, ptrdiff_t stride, int rows, const Finish *f,
                            uint8_t *memory)
{
    if (l->form == DENSE)
        portable_dense(l, x, stride, rows, f);
    else
        portable_sparse(l, x, stride, rows, f, memory);
}

/* Rows of `width` divided by their Manhattan norms; 0 if one reaches NORM_LIMIT. */
#define MANHATTAN_NORM(name, type)                                                     \
    static int name(const type *x, int8_t *y, int rows, int width)                     \
    {                                                                                  \
        int row, k;                                                                    \
        for (row = 0; row < rows; row++, x += width, y += width) {                     \
            int64_t norm = 0;                                                          \
            int factor, shift;                                                         \
            for (k = 0; k < width; k++)                                                \
                norm += x[k] < 0 ? -(int64_t)x[k] : x[k];                              \
            if (norm >= NORM_LIMIT)                                                    \
                return 0;                                                              \
            factor = norm_factor((uint32_t)norm, width, &shift);                       \
            for (k = 0; k < width; k++)                                                \
                y[k] = (int8_t)requantize((int32_t)x[k] * factor, shift, 8);           \
        }                                                                              \
        return 1;                                                                      \
    }

MANHATTAN_NORM(portable_norm8, int8_t)
MANHATTAN_NORM(portable_norm16, int16_t)
MANHATTAN_NORM(portable_norm32, int32_t)

static void portable_requantize(const int32_t *acc, void *out, size_t count, int shift, int bits)
{
    size_t i;
    if (bits <= 8)
        for (i = 0; i < count; i++)
            ((int8_t *)out)[i] = (int8_t)requantize(acc[i], shift, bits);
    else
        for (i = 0; i < count; i++)
            ((int16_t *)out)[i] = (int16_t)requantize(acc[i], shift, bits);
}

static void portable_residual_add(const int16_t *x, const int32_t *acc, int16_t *out, size_t count, int shift,
                                  int bits)
{
    size_t i;
    for (i = 0; i < count; i++)
        out[i] = (int16_t)residual_add(x[i], acc[i], shift, bits);
}

static const Kernels PORTABLE = {
    "portable", portable_head, portable_linear, portable_norm16, portable_requantize, portable_residual_add,
};

#endif
