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
    free(l->start);
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

/* For each output the inputs that are added, then those that are subtracted. Lists are filled up to whole steps,
   which costs a few additions of zero and saves branches that no processor can foresee. */
static int pack_sparse(Linear *l, size_t count)
{
    const int padded = l->blocks * BLOCK;
    uint32_t at = 0;
    int o, k, minus;
    l->start = calloc(2 * (size_t)padded + 1, sizeof *l->start);
    l->entry = calloc(count + 2 * (size_t)padded * (SPARSE_STEP - 1) + 1, sizeof *l->entry);
    if (!l->start || !l->entry)
        return 0;
    for (o = 0; o < padded; o++)
        for (minus = 0; minus < 2; minus++) {
            l->start[2 * o + minus] = at;
            for (k = 0; o < l->outputs && k < l->inputs; k++)
                if (l->weight[(size_t)o * (size_t)l->inputs + (size_t)k] == (minus ? -1 : 1))
                    l->entry[at++] = (uint32_t)k;
            while (at % SPARSE_STEP)
                l->entry[at++] = (uint32_t)l->inputs;
        }
    l->start[2 * padded] = at;
    /* What a sparse tile costs in tokens of the dense form, as measured: a third and, by weight, 1.6 times. */
    l->few = (int)(SPARSE_TILE * (0.35 + 1.6 * (double)count / ((double)l->outputs * l->inputs)));
    return 1;
}

/* Weights int8 [outputs][inputs] in -127..127, bias int32 [outputs], shift uint8 [blocks]; SPARSE needs
   ternary weights. NULL without memory. */
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
