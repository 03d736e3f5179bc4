/* A linear layer's weights, laid out for the kernels. */

#ifndef HWSIM_PACK_H
#define HWSIM_PACK_H

#include "arithmetic.h"

static void linear_free(Linear *l)
{
    if (!l)
        return;
    free(l->weight);
    free(l->bias);
    free(l->corrected);
    free(l->shift);
    free(l->packed);
    free(l->row);
    free(l->entry);
    free(l);
}

/* Quads of inputs side by side for BLOCK outputs. A weight beyond +-64 is split over two planes. */
static int pack_dense(Linear *l, int largest_weight)
{
    const int quads = (l->inputs + 3) / 4;
    int o, plane, k;
    l->planes = largest_weight > 64 ? 2 : 1;
    l->run = larger(INT16_MAX / (2 * 255 * smaller(largest_weight, 64)), 1);
    l->packed = calloc((size_t)l->blocks * (size_t)l->planes, (size_t)quads * BLOCK * 4);
    if (!l->packed)
        return 0;
    for (o = 0; o < l->outputs; o++)
        for (plane = 0; plane < l->planes; plane++)
            for (k = 0; k < l->inputs; k++) {
                const int weight = l->weight[(size_t)o * (size_t)l->inputs + (size_t)k];
                const int most = clamp(weight, -64, 64);
                const size_t quad = (size_t)(o / BLOCK * l->planes + plane) * (size_t)quads + (size_t)k / 4;
                l->packed[quad * BLOCK * 4 + (size_t)(o % BLOCK * 4 + k % 4)] =
                    (int8_t)(plane ? weight - most : most);
            }
    return 1;
}

static int shorter(const void *a, const void *b)
{
    const SparseRow *x = a, *y = b;
    if (x->plus != y->plus)
        return x->plus - y->plus;
    if (x->minus != y->minus)
        return x->minus - y->minus;
    return x->output < y->output ? -1 : 1;
}

/* The inputs of one sign of an output, filled up to whole steps; returns the steps. */
static int list_inputs(const Linear *l, uint32_t output, int sign, uint16_t *entry)
{
    int at = 0, k;
    for (k = 0; output < (uint32_t)l->outputs && k < l->inputs; k++)
        if (l->weight[(size_t)output * (size_t)l->inputs + (size_t)k] == sign)
            entry[at++] = (uint16_t)(k * SPARSE_UNITS);
    while (at % SPARSE_STEP)
        entry[at++] = (uint16_t)(l->inputs * SPARSE_UNITS);
    return at / SPARSE_STEP;
}

/* For each output the inputs that are added, then those that are subtracted. Whole steps cost a few additions of
   zero, and the order by length breaks no processor's forecast of when a list ends. */
static int pack_sparse(Linear *l, size_t count)
{
    const uint32_t padded = (uint32_t)l->blocks * BLOCK;
    uint16_t *list = malloc((round_up((size_t)l->inputs, SPARSE_STEP)) * sizeof *list), *entry;
    uint32_t i;
    l->row = calloc(padded, sizeof *l->row);
    entry = l->entry = calloc(count + 2 * (size_t)padded * (SPARSE_STEP - 1) + 1, sizeof *l->entry);
    if (!list || !l->row || !entry) {
        free(list);
        return 0;
    }
    for (i = 0; i < padded; i++) {
        l->row[i].output = i;
        l->row[i].plus = (uint16_t)list_inputs(l, i, 1, list);
        l->row[i].minus = (uint16_t)list_inputs(l, i, -1, list);
    }
    free(list);
    qsort(l->row, padded, sizeof *l->row, shorter);
    for (i = 0; i < padded; i++) {
        entry += SPARSE_STEP * list_inputs(l, l->row[i].output, 1, entry);
        entry += SPARSE_STEP * list_inputs(l, l->row[i].output, -1, entry);
    }
    /* What a sparse tile costs in tokens of the dense form, as measured: an eighth and, by weight, 1.4 times. */
    l->few = (int)(SPARSE_TILE * (0.12 + 1.4 * (double)count / ((double)l->outputs * l->inputs)));
    return 1;
}

/* Weights int8 [outputs][inputs] in -127..127, bias int32 [outputs], shift uint8 [blocks]. NULL without memory. */
static Linear *linear_pack(const int8_t *weight, const int32_t *bias, const uint8_t *shift, int outputs,
                           int inputs, enum form form)
{
    const size_t size = (size_t)outputs * (size_t)inputs;
    Linear *l = calloc(1, sizeof *l);
    int o, k, largest_weight = 1, packed;
    size_t count = 0;
    if (!l)
        return NULL;
    l->outputs = outputs;
    l->inputs = inputs;
    l->blocks = (outputs + BLOCK - 1) / BLOCK;
    l->form = form;
    l->weight = malloc(size + 1);
    l->bias = calloc((size_t)l->blocks * BLOCK, sizeof *l->bias);
    l->corrected = calloc((size_t)l->blocks * BLOCK, sizeof *l->corrected);
    l->shift = malloc((size_t)l->blocks);
    if (!l->weight || !l->bias || !l->corrected || !l->shift) {
        linear_free(l);
        return NULL;
    }
    memcpy(l->weight, weight, size);
    memcpy(l->shift, shift, (size_t)l->blocks);
    for (o = 0; o < outputs; o++) {
        int32_t sum = 0;
        for (k = 0; k < inputs; k++) {
            const int w = weight[(size_t)o * (size_t)inputs + (size_t)k];
            sum += w;
            count += w != 0;
            largest_weight = larger(largest_weight, abs(w));
        }
        l->bias[o] = bias[o];
        l->corrected[o] = bias[o] - 128 * sum;
    }
    packed = pack_dense(l, largest_weight) && (form == DENSE || pack_sparse(l, count));
    if (packed)
        return l;
    linear_free(l);
    return NULL;
}

#endif
