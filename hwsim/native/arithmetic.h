/* What every kernel works with: the rounding rule, saturation, and the arguments of a head and of a linear layer.
   Right shifts of negative numbers are arithmetic, as in every compiler that Python is built with. */

#ifndef HWSIM_ARITHMETIC_H
#define HWSIM_ARITHMETIC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_SCORE 127
#define NORM_LIMIT (1 << 24)
#define BLOCK 16  /* outputs, dims or keys that one step of the widest kernels makes */
#define TILE 64   /* tokens whose inputs of a linear layer are packed together */
#define SPARSE_TILE 32
#define SPARSE_STEP 2  /* entries of a list that are taken together */
#define SPARSE_UNITS 8 /* of a column, in which entries count: an address of x86 multiplies by 8 for nothing */
#define VALUE_RUN 256  /* values that an int16 sum can hold */

static inline int smaller(int a, int b)
{
    return a < b ? a : b;
}

static inline int larger(int a, int b)
{
    return a > b ? a : b;
}

static inline size_t round_up(size_t x, size_t multiple)
{
    return (x + multiple - 1) / multiple * multiple;
}

/* Ties go up. Nothing overflows, whatever x is. */
static inline int32_t round_shift(int32_t x, int shift)
{
    return shift ? (x >> shift) + ((x >> (shift - 1)) & 1) : x;
}

static inline int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

static inline int32_t largest(int bits)
{
    return ((int32_t)1 << (bits - 1)) - 1;
}

static inline int32_t requantize(int32_t acc, int shift, int bits)
{
    return clamp(round_shift(acc, shift), -largest(bits), largest(bits));
}

/* x has at most 16 bits, so a larger sum than 2^17 saturates like 2^17. */
static inline int32_t residual_add(int32_t x, int32_t acc, int shift, int bits)
{
    return clamp(x + clamp(round_shift(acc, shift), -(1 << 17), 1 << 17), -largest(bits), largest(bits));
}

static inline int bit_length(uint32_t x)
{
    int bits = 0;
    for (; x; x >>= 1)
        bits++;
    return bits;
}

/* The multiplier and the shift that the norm of a row of `width` prescribes; norm in 0..NORM_LIMIT - 1. */
static inline int norm_factor(uint32_t norm, int width, int *shift)
{
    static const int8_t reciprocal[8] = {15, 13, 12, 11, 10, 10, 9, 8};
    int exponent;
    norm = norm ? norm : 1;
    exponent = bit_length(norm) - 1;
    *shift = larger(exponent - bit_length((uint32_t)width), 0);
    return reciprocal[((8 * norm) >> exponent) - 8];
}

enum centring { CENTRE_MIN, CENTRE_MEAN, CENTRE_NONE };

/* One head of one sequence. Without q the scores are given, without out they are all that is wanted. */
typedef struct {
    const int8_t *q, *k, *v; /* rows of `dh`, `stride` apart */
    ptrdiff_t stride;
    const uint8_t *mask; /* [n], 1 at real tokens; NULL: all are */
    int n, dh;
    int32_t delta;
    int score_shift, inhibit_shift;
    enum centring centring;
    int is_signed;
    int bits;      /* of the output: up to 8 in int8, up to 16 in int16 */
    int8_t *score; /* [n][n] or NULL */
    void *out;     /* rows of `dh`, `out_stride` apart */
    ptrdiff_t out_stride;
} Head;

/* Working memory of a head, for every kernel. */
static inline size_t head_bytes(int n, int dh)
{
    size_t keys = round_up((size_t)n, BLOCK), dims = round_up((size_t)dh, BLOCK);
    return 4 * keys * dims + 128 * keys + 64 * dims + 4096;
}

/* SPARSE needs ternary weights, fewer than 2^16 / SPARSE_UNITS inputs and sums, with the bias, within int16. */
enum form { DENSE, SPARSE };

/* An output of a sparse layer: how many steps its lists of inputs have that are added and that are subtracted. */
typedef struct {
    uint32_t output;
    uint16_t plus, minus;
} SparseRow;

/* A linear layer made ready (pack.h). Outputs are padded to blocks. */
typedef struct {
    int outputs, inputs, blocks;
    enum form form;
    int8_t *weight;     /* [outputs][inputs] */
    int32_t *bias;      /* [blocks * BLOCK] */
    int32_t *corrected; /* bias - 128 sum(weight): for inputs that are raised by 128 */
    uint8_t *shift;     /* [blocks] */
    int8_t *packed;     /* [blocks][planes][inputs / 4][BLOCK][4] */
    int planes;         /* 2 where a weight exceeds 64, which a pair of products would not survive */
    int run;            /* quads of inputs that an int16 sum can hold */
    int few;            /* sparse: tokens up to which a last tile is done by the dense form */
    SparseRow *row;     /* sparse: [blocks * BLOCK], by length, so that loops end where a processor expects it */
    uint16_t *entry;    /* the inputs of all rows' lists, times SPARSE_UNITS; `inputs` itself stands for none */
} Linear;

static inline size_t linear_bytes(int outputs, int inputs)
{
    return TILE * (round_up((size_t)outputs, BLOCK) + round_up((size_t)inputs + 1, BLOCK)) + 4096;
}

/* What becomes of the accumulators. */
enum finish { KEEP, NARROW, RESIDUAL };

typedef struct {
    enum finish kind;
    void *out;               /* int32, int8 or int16, rows `stride` apart */
    const int16_t *residual; /* rows `stride` apart, never `out` */
    ptrdiff_t stride;
    int bits;
    int relu;
} Finish;

/* One instruction set's kernels. Working memory comes from the caller, aligned to 64 bytes. */
typedef struct {
    const char *name;
    void (*head)(const Head *, uint8_t *memory);
    void (*linear)(const Linear *, const int8_t *x, ptrdiff_t stride, int rows, const Finish *, uint8_t *memory);
    int (*norm16)(const int16_t *x, int8_t *y, int rows, int width); /* 0: a norm reaches NORM_LIMIT */
    void (*requantize)(const int32_t *acc, void *out, size_t count, int shift, int bits);
    void (*residual_add)(const int16_t *x, const int32_t *acc, int16_t *out, size_t count, int shift, int bits);
} Kernels;

#endif
