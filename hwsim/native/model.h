/* The whole model, sentence by sentence. Padding is left out from the start: positions are looked up and real tokens
   move together, which changes no integer because padding adds exactly nothing. */

#ifndef HWSIM_MODEL_H
#define HWSIM_MODEL_H

#include "pack.h"
#include "portable.h"

typedef struct {
    const Linear *qkv, *attn_out, *ffn_hidden, *ffn_out;
    int32_t *delta; /* [heads] */
    int score_shift, inhibit_shift;
} Layer;

typedef struct {
    int32_t vocabulary, max_tokens, width, heads, layers, hidden, classes;
    int32_t residual_bits, inhibit_bits, embed_shift, centring, is_signed, inner_norms;
} Sizes;

typedef struct {
    Sizes s;
    int8_t *token, *position; /* [vocabulary][width], [max_tokens][width] */
    Layer *layer;
    const Linear *classify;
} Model;

enum status { DONE, NO_MEMORY, NORM_TOO_LARGE };

/* Named tensors of a batch, in the order in which they are computed; rows of padding stay as they are. */
typedef struct {
    uint8_t *const *slot; /* NULL: not wanted */
    int at, sentence, n, real;
    const int *position;
} Trace;

/* Everything that a sentence of n tokens needs. */
typedef struct {
    int16_t *x, *y, *g;
    int8_t *a, *qkv, *u, *score;
    int32_t *pool;
    int *position;
    uint8_t *memory;
} Buffers;

static size_t place(uint8_t *base, size_t *used, size_t bytes, void *pointer)
{
    uint8_t *here = base ? base + *used : NULL;
    memcpy(pointer, &here, sizeof here);
    return *used += round_up(bytes, 64);
}

/* Divides `base` up, or counts bytes only if it is NULL. */
static size_t buffers(const Sizes *s, int n, uint8_t *base, Buffers *b)
{
    const size_t tokens = (size_t)n, width = (size_t)s->width, hidden = (size_t)s->hidden;
    const int widest = larger(3 * s->width, s->hidden);
    const size_t linear = linear_bytes(widest, widest), head = head_bytes(n, s->width / s->heads);
    size_t used = 0;
    place(base, &used, 2 * tokens * width, &b->x);
    place(base, &used, 2 * tokens * width, &b->y);
    place(base, &used, 2 * tokens * width, &b->g);
    place(base, &used, tokens * width, &b->a);
    place(base, &used, 3 * tokens * width, &b->qkv);
    place(base, &used, tokens * hidden, &b->u);
    place(base, &used, tokens * tokens, &b->score);
    place(base, &used, 4 * width, &b->pool);
    place(base, &used, sizeof(int) * tokens, &b->position);
    return place(base, &used, linear > head ? linear : head, &b->memory);
}

static void emit(Trace *t, const void *rows, size_t stride, size_t bytes)
{
    uint8_t *to;
    int i;
    if (!t->slot)
        return;
    to = t->slot[t->at++] + (size_t)t->sentence * (size_t)t->n * bytes;
    for (i = 0; i < t->real; i++)
        memcpy(to + (size_t)t->position[i] * bytes, (const uint8_t *)rows + (size_t)i * stride, bytes);
}

static void emit_one(Trace *t, const void *row, size_t bytes)
{
    if (t->slot)
        memcpy(t->slot[t->at++] + (size_t)t->sentence * bytes, row, bytes);
}

/* Scores of one head [real][real]; `heads` of them make the tensor. */
static void emit_score(const Trace *t, const int8_t *score, int head, int heads)
{
    const size_t n = (size_t)t->n;
    int8_t *to = (int8_t *)t->slot[t->at] + (size_t)(t->sentence * heads + head) * n * n;
    int i, j;
    for (i = 0; i < t->real; i++)
        for (j = 0; j < t->real; j++)
            to[(size_t)t->position[i] * n + (size_t)t->position[j]] = score[i * t->real + j];
}

static void embed(const Model *m, const int32_t *ids, int real, const Buffers *b)
{
    const int width = m->s.width, limit = largest(m->s.residual_bits);
    int i, k;
    for (i = 0; i < real; i++) {
        const int8_t *token = m->token + (size_t)ids[b->position[i]] * (size_t)width;
        const int8_t *position = m->position + (size_t)b->position[i] * (size_t)width;
        for (k = 0; k < width; k++)
            b->x[i * width + k] = (int16_t)clamp((token[k] + position[k]) * (1 << m->s.embed_shift), -limit, limit);
    }
}

static void attention(const Kernels *kernels, const Model *m, const Layer *layer, int real, const Buffers *b, Trace *t)
{
    const int width = m->s.width, dh = width / m->s.heads;
    const size_t element = m->s.inhibit_bits <= 8 ? 1 : 2;
    int i;
    for (i = 0; i < m->s.heads; i++) {
        const int8_t *q = b->qkv + i * dh;
        const Head head = {
            .q = q, .k = q + width, .v = q + 2 * width, .stride = 3 * width, .n = real, .dh = dh,
            .delta = layer->delta[i], .score_shift = layer->score_shift, .inhibit_shift = layer->inhibit_shift,
            .centring = (enum centring)m->s.centring, .is_signed = m->s.is_signed, .bits = m->s.inhibit_bits,
            .score = t->slot ? b->score : NULL, .out = (uint8_t *)b->g + (size_t)(i * dh) * element,
            .out_stride = width,
        };
        kernels->head(&head, b->memory);
        if (t->slot)
            emit_score(t, b->score, i, m->s.heads);
    }
    t->at += t->slot != NULL;
    emit(t, b->g, (size_t)width * element, (size_t)width * element);
}

/* One block; 0 if a norm is too large. The stream comes and goes in b->x. */
static int encoder_block(const Kernels *kernels, const Model *m, const Layer *layer, int real, Buffers *b, Trace *t)
{
    const int width = m->s.width, hidden = m->s.hidden;
    const size_t row = (size_t)width;
    const Finish qkv = {NARROW, b->qkv, NULL, 3 * width, 8, 0}, unit = {NARROW, b->u, NULL, hidden, 8, 1};
    const Finish first = {RESIDUAL, b->y, b->x, width, m->s.residual_bits, 0};
    const Finish second = {RESIDUAL, b->x, b->y, width, m->s.residual_bits, 0};
    const int8_t *g = (const int8_t *)b->g;
    int i;
    if (!kernels->norm16(b->x, b->a, real, width))
        return 0;
    emit(t, b->a, row, row);
    kernels->linear(layer->qkv, b->a, width, real, &qkv, b->memory);
    for (i = 0; i < 3; i++)
        emit(t, b->qkv + i * width, 3 * row, row);
    attention(kernels, m, layer, real, b, t);
    if (m->s.inner_norms) {
        if (!kernels->norm16(b->g, b->a, real, width))
            return 0;
        g = b->a;
        emit(t, g, row, row);
    }
    kernels->linear(layer->attn_out, g, width, real, &first, b->memory);
    emit(t, b->y, 2 * row, 2 * row);
    if (!kernels->norm16(b->y, b->a, real, width))
        return 0;
    emit(t, b->a, row, row);
    kernels->linear(layer->ffn_hidden, b->a, width, real, &unit, b->memory);
    emit(t, b->u, (size_t)hidden, (size_t)hidden);
    if (m->s.inner_norms) {
        if (!portable_norm8(b->u, b->u, real, hidden))
            return 0;
        emit(t, b->u, (size_t)hidden, (size_t)hidden);
    }
    kernels->linear(layer->ffn_out, b->u, hidden, real, &second, b->memory);
    emit(t, b->x, 2 * row, 2 * row);
    return 1;
}

static int classify(const Kernels *kernels, const Model *m, int real, Buffers *b, Trace *t, int32_t *logits)
{
    const int width = m->s.width;
    const Finish keep = {KEEP, logits, NULL, m->s.classes, 32, 0};
    int i, k;
    if (!kernels->norm16(b->x, b->a, real, width))
        return 0;
    emit(t, b->a, (size_t)width, (size_t)width);
    memset(b->pool, 0, (size_t)width * sizeof *b->pool);
    for (i = 0; i < real; i++)
        for (k = 0; k < width; k++)
            b->pool[k] += b->a[i * width + k];
    emit_one(t, b->pool, (size_t)width * sizeof *b->pool);
    if (!portable_norm32(b->pool, b->a, 1, width))
        return 0;
    emit_one(t, b->a, (size_t)width);
    kernels->linear(m->classify, b->a, width, 1, &keep, b->memory);
    return 1;
}

/* Logits int32 [batch][classes] of ids int32 and mask uint8 [batch][n], all of them checked. */
static enum status forward(const Kernels *kernels, const Model *m, const int32_t *ids, const uint8_t *mask,
                           int batch, int n, int32_t *logits, uint8_t *const *slot)
{
    Buffers b;
    const size_t bytes = buffers(&m->s, n, NULL, &b) + 64;
    uint8_t *all = malloc(bytes);
    int i, j, layer, good = 1;
    if (!all)
        return NO_MEMORY;
    buffers(&m->s, n, (uint8_t *)round_up((uintptr_t)all, 64), &b);
    for (i = 0; i < batch && good; i++, ids += n, mask += n) {
        Trace t = {slot, 0, i, n, 0, b.position};
        for (j = 0; j < n; j++)
            if (mask[j])
                b.position[t.real++] = j;
        embed(m, ids, t.real, &b);
        emit(&t, b.x, 2 * (size_t)m->s.width, 2 * (size_t)m->s.width);
        for (layer = 0; layer < m->s.layers && good; layer++)
            good = encoder_block(kernels, m, &m->layer[layer], t.real, &b, &t);
        good = good && classify(kernels, m, t.real, &b, &t, logits + i * m->s.classes);
    }
    free(all);
    return good ? DONE : NORM_TOO_LARGE;
}

#endif
