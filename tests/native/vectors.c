/* The kernels without Python, for other processors and sanitizers: reads calls from a file, writes their results.

   vectors CALLS RESULTS. A call is int32 words: an operator's number, its words, then arrays, each with its length in
   bytes; arrays start at whole words. Every call is answered by each set of kernels this processor has, in turn. */

#include <stdio.h>

#include "kernels.h"
#include "model.h"

static uint8_t *content;
static size_t at;

static int32_t word(void)
{
    int32_t value;
    memcpy(&value, content + at, sizeof value);
    at += sizeof value;
    return value;
}

/* A copy of its own, so that a sanitizer sees a step beyond its end; NULL if it is empty. */
static void *array(void)
{
    const size_t bytes = (size_t)word();
    uint8_t *copy = bytes ? malloc(bytes) : NULL;
    if (bytes)
        memcpy(copy, content + at, bytes);
    at += round_up(bytes, 4);
    return copy;
}

static void answer(FILE *to, void *result, size_t bytes)
{
    fwrite(result, 1, bytes, to);
    free(result);
}

static void head(const Kernels *kernels, FILE *to)
{
    Head h = {0};
    uint8_t *memory;
    size_t rows, element;
    int wanted, given;
    h.n = word(), h.dh = word(), h.delta = word(), h.score_shift = word(), h.inhibit_shift = word();
    h.centring = (enum centring)word(), h.is_signed = word(), h.bits = word(), wanted = word();
    h.stride = h.out_stride = h.dh;
    h.q = array(), h.k = array(), h.v = array(), h.mask = array(), h.score = array();
    given = h.score != NULL;
    rows = (size_t)h.n, element = h.bits <= 8 ? 1 : 2;
    if (!given)
        h.score = malloc(rows * rows);
    if (wanted)
        h.out = malloc(rows * (size_t)h.dh * element);
    memory = malloc(head_bytes(h.n, h.dh));
    kernels->head(&h, memory);
    free(memory);
    free((void *)h.q), free((void *)h.k), free((void *)h.v), free((void *)h.mask);
    if (given)
        free(h.score);
    else
        answer(to, h.score, rows * rows);
    if (wanted)
        answer(to, h.out, rows * (size_t)h.dh * element);
}

static void linear(const Kernels *kernels, FILE *to)
{
    const int outputs = word(), inputs = word(), rows = word(), sparse = word(), kind = word(), bits = word();
    const int relu = word();
    int8_t *weight = array(), *x;
    int32_t *bias = array();
    uint8_t *shift = array();
    Linear *l = linear_pack(weight, bias, shift, outputs, inputs, sparse ? SPARSE : DENSE);
    int16_t *residual;
    const size_t bytes = (size_t)rows * (size_t)outputs * (kind == KEEP ? 4 : kind == NARROW ? 1 : 2);
    uint8_t *memory = malloc(linear_bytes(outputs, inputs));
    Finish f = {(enum finish)kind, malloc(bytes), NULL, outputs, bits, relu};
    x = array();
    f.residual = residual = array();
    kernels->linear(l, x, inputs, rows, &f, memory);
    free(weight), free(bias), free(shift), free(x), free(residual), free(memory);
    linear_free(l);
    answer(to, f.out, bytes);
}

static void norm(const Kernels *kernels, FILE *to)
{
    const int rows = word(), width = word();
    int16_t *x = array();
    int8_t *y = malloc((size_t)rows * (size_t)width);
    if (!kernels->norm16(x, y, rows, width))
        memset(y, -128, (size_t)rows * (size_t)width);
    free(x);
    answer(to, y, (size_t)rows * (size_t)width);
}

static void requantize_all(const Kernels *kernels, FILE *to)
{
    const int shift = word(), bits = word();
    const size_t count = (size_t)word(), bytes = count * (bits <= 8 ? 1 : 2);
    int32_t *acc = array();
    void *out = malloc(bytes);
    kernels->requantize(acc, out, count, shift, bits);
    free(acc);
    answer(to, out, bytes);
}

static void residual_add_all(const Kernels *kernels, FILE *to)
{
    const int shift = word(), bits = word();
    const size_t count = (size_t)word();
    int16_t *x = array(), *out = malloc(2 * count);
    int32_t *acc = array();
    kernels->residual_add(x, acc, out, count, shift, bits);
    free(x), free(acc);
    answer(to, out, 2 * count);
}

int main(int count, char **argument)
{
    static void (*const OPERATORS[])(const Kernels *, FILE *) = {head, linear, norm, requantize_all, residual_add_all};
    const Kernels *found[MOST_KERNELS];
    const int sets = kernels_here(found);
    FILE *from = count == 3 ? fopen(argument[1], "rb") : NULL, *to = from ? fopen(argument[2], "wb") : NULL;
    long size;
    int i;
    if (!to || fseek(from, 0, SEEK_END) || (size = ftell(from)) < 0 || fseek(from, 0, SEEK_SET))
        return 2;
    content = malloc((size_t)size + 1);
    if (fread(content, 1, (size_t)size, from) != (size_t)size)
        return 2;
    while (at < (size_t)size) {
        const int operator= word();
        const size_t start = at;
        for (i = 0; i < sets; i++) {
            at = start;
            OPERATORS[operator](found[i], to);
        }
    }
    for (i = 0; i < sets; i++)
        puts(found[i]->name);
    free(content);
    return fclose(from) | fclose(to);
}
