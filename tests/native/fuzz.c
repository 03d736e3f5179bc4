/* A fuzzing target: bytes choose an operator, sizes and values; every set of kernels has to agree with plain C.

   With clang:    clang -g -O1 -fsanitize=fuzzer,address,undefined -Ihwsim/native tests/native/fuzz.c -o fuzz && ./fuzz
   Without: gcc -g -O1 -fsanitize=address,undefined -DSTANDALONE ... -o fuzz && ./fuzz INPUTS SEED */

#include <stdio.h>

#include "kernels.h"
#include "pack.h"

static const uint8_t *bytes;
static size_t left;
static uint32_t more;

/* The next byte; behind the input's end, as good as random. */
static int byte(void)
{
    more = more * 1664525u + 1013904223u;
    if (!left)
        return (int)(more >> 24);
    left--;
    return *bytes++;
}

static int between(int least, int most)
{
    const int value = byte() | byte() << 8;
    return least + value % (most - least + 1);
}

/* Mostly a shift after which something is left. */
static int right_shift(void)
{
    return between(0, byte() % 4 ? 8 : 31);
}

/* Values of -limit..limit; of four arrays one holds nothing but extremes and one nothing but `limit`. */
static int8_t *values(size_t count, int limit)
{
    int8_t *array = malloc(count + !count);
    const int kind = byte() % 4;
    size_t i;
    for (i = 0; i < count; i++) {
        const int value = byte() % (2 * limit + 1) - limit;
        array[i] = (int8_t)(kind == 0 || (kind == 1 && value > 0) ? limit : kind == 1 ? -limit : value);
    }
    return array;
}

static int32_t *words(size_t count, int bits)
{
    int32_t *array = malloc(count * sizeof *array + !count);
    size_t i;
    for (i = 0; i < count; i++) {
        const uint32_t word = (uint32_t)byte() << 24 | (uint32_t)byte() << 16 | (uint32_t)byte() << 8 | (uint32_t)byte();
        array[i] = (int32_t)word >> (32 - bits);
    }
    return array;
}

static void same(const char *what, const void *a, const void *b, size_t size)
{
    if (!memcmp(a, b, size))
        return;
    fprintf(stderr, "%s differs from the portable kernels\n", what);
    abort();
}

static void fuzz_head(const Kernels *kernels)
{
    const int n = between(1, 80), dh = between(1, 300), width = dh + between(0, 3), bits = between(2, 16);
    const size_t size = (size_t)n * (size_t)width, scores = (size_t)n * (size_t)n, element = bits <= 8 ? 1 : 2;
    int8_t *q = values(size, 127), *k = values(size, 127), *v = values(size, 127), *mask = values((size_t)n, 1);
    int8_t *score[2] = {calloc(scores, 1), calloc(scores, 1)};
    void *out[2] = {calloc(size, element), calloc(size, element)};
    uint8_t *memory = malloc(head_bytes(n, dh));
    Head h = {q, k, v, width, byte() % 2 ? (uint8_t *)mask : NULL, n, dh, between(0, 32767), right_shift(),
              right_shift(), (enum centring)(byte() % 3), byte() % 2, bits, NULL, NULL, width};
    int i;
    for (i = 0; i < n; i++)
        mask[i] = (int8_t)(mask[i] != 0);
    mask[between(0, n - 1)] = 1;
    if (byte() % 4)
        h.delta &= 127;
    for (i = 0; i < 2; i++) {
        h.score = score[i];
        h.out = out[i];
        (i ? kernels : &PORTABLE)->head(&h, memory);
    }
    same("a score", score[0], score[1], scores);
    same("a head", out[0], out[1], size * element);
    memset(out[1], 0, size * element);
    h.q = h.k = NULL;
    kernels->head(&h, memory);
    same("inhibition", out[0], out[1], size * element);
    for (i = 0; i < 2; i++)
        free(score[i]), free(out[i]);
    free(q), free(k), free(v), free(mask), free(memory);
}

static void fuzz_linear(const Kernels *kernels)
{
    static const int LIMITS[] = {1, 7, 64, 127};
    const int outputs = between(1, 40), inputs = between(1, 700), rows = between(1, 70), limit = LIMITS[byte() % 4];
    const enum finish kind = (enum finish)(byte() % 3);
    const int bits = kind == NARROW ? between(2, 8) : between(2, 16);
    const size_t size = (size_t)rows * (size_t)outputs;
    int8_t *weight = values((size_t)outputs * (size_t)inputs, limit), *x = values((size_t)rows * (size_t)inputs, 127);
    int32_t *bias = words((size_t)outputs, between(1, 20)), *stream = words(size, bits);
    int16_t *residual = calloc(size, sizeof *residual);
    uint8_t shift[3] = {(uint8_t)right_shift(), (uint8_t)right_shift(), (uint8_t)right_shift()};
    uint8_t *memory = malloc(linear_bytes(outputs, inputs));
    void *out[2] = {calloc(size, 4), calloc(size, 4)};
    int sparse = limit == 1;
    size_t i;
    if (byte() % 8 == 0) { /* the largest sums */
        memset(weight, limit, (size_t)outputs * (size_t)inputs);
        memset(x, 127, (size_t)rows * (size_t)inputs);
    }
    for (i = 0; i < (size_t)outputs * (size_t)inputs; i++)
        if (byte() % 4 == 0)
            weight[i] = 0;
    /* Only ternary weights whose sums stay in 16 bits have a sparse form. */
    for (i = 0; i < (size_t)outputs; i++) {
        int32_t reach = abs(bias[i]), k;
        for (k = 0; k < inputs; k++)
            reach += 127 * abs(weight[i * (size_t)inputs + (size_t)k]);
        sparse = sparse && reach <= INT16_MAX;
    }
    for (i = 0; i < size; i++)
        residual[i] = (int16_t)clamp(stream[i], -largest(bits), largest(bits));
    for (i = 0; i < 3; i++) {
        /* Dense portable, then both forms of the others. */
        Linear *l = linear_pack(weight, bias, shift, outputs, inputs, i == 2 && sparse ? SPARSE : DENSE);
        const Finish f = {kind, out[i > 0], residual, outputs, bits, kind == NARROW && shift[0] % 2};
        (i ? kernels : &PORTABLE)->linear(l, x, inputs, rows, &f, memory);
        if (i)
            same("a linear layer", out[0], out[1], size * 4);
        linear_free(l);
    }
    free(weight), free(x), free(bias), free(stream), free(residual), free(memory), free(out[0]), free(out[1]);
}

static void fuzz_narrowing(const Kernels *kernels)
{
    const int rows = between(1, 5), width = between(1, 200), shift = right_shift(), bits = between(2, 16);
    const size_t size = (size_t)rows * (size_t)width;
    int32_t *acc = words(size, 32), *wide = words(size, between(1, 16));
    int16_t *x = calloc(size, sizeof *x), *out[2] = {calloc(size, 2), calloc(size, 2)};
    int8_t *y[2] = {calloc(size, 1), calloc(size, 1)};
    size_t i;
    for (i = 0; i < size; i++)
        x[i] = (int16_t)wide[i];
    if (PORTABLE.norm16(x, y[0], rows, width) != kernels->norm16(x, y[1], rows, width))
        abort();
    same("a norm", y[0], y[1], size);
    PORTABLE.requantize(acc, out[0], size, shift, bits);
    kernels->requantize(acc, out[1], size, shift, bits);
    same("requantisation", out[0], out[1], size * (bits <= 8 ? 1 : 2));
    for (i = 0; i < size; i++)
        x[i] = (int16_t)clamp(x[i], -largest(bits), largest(bits));
    PORTABLE.residual_add(x, acc, out[0], size, shift, bits);
    kernels->residual_add(x, acc, out[1], size, shift, bits);
    same("residual addition", out[0], out[1], size * 2);
    free(acc), free(wide), free(x), free(out[0]), free(out[1]), free(y[0]), free(y[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const TARGETS[])(const Kernels *) = {fuzz_head, fuzz_linear, fuzz_narrowing};
    const Kernels *found[MOST_KERNELS];
    kernels_here(found);
    bytes = data;
    left = size;
    more = 1;
    TARGETS[byte() % 3](found[0]);
    return 0;
}

#ifdef STANDALONE
int main(int count, char **argument)
{
    const int inputs = count > 1 ? atoi(argument[1]) : 1000;
    uint32_t state = count > 2 ? (uint32_t)atoi(argument[2]) : 1;
    uint8_t data[64];
    size_t i;
    int run;
    for (run = 0; run < inputs; run++) {
        for (i = 0; i < sizeof data; i++) {
            state = state * 1664525u + 1013904223u;
            data[i] = (uint8_t)(state >> 24);
        }
        LLVMFuzzerTestOneInput(data, sizeof data);
    }
    printf("%d inputs agree\n", inputs);
    return 0;
}
#endif
