/* The integer operators. Nothing here overflows: hwsim proved it from the weights before it wrote this file. */

typedef char an_int_needs_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* floor(x / 2^shift); C99 leaves the right shift of a negative number to the compiler. */
static inline int32_t floor_shift(int32_t x, int shift)
{
    return x < 0 ? ~(~x >> shift) : x >> shift;
}

/* Ties go towards plus infinity. */
static inline int32_t round_shift(int32_t x, int shift)
{
    return floor_shift(x + (((int32_t)1 << shift) >> 1), shift);
}

static inline int32_t magnitude(int32_t x)
{
    return x < 0 ? -x : x;
}

static inline int32_t clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : x > high ? high : x;
}

static inline int32_t saturate(int32_t x, int bits)
{
    const int32_t limit = ((int32_t)1 << (bits - 1)) - 1;
    return clamp(x, -limit, limit);
}

static inline int32_t requantize(int32_t acc, int shift, int bits)
{
    return saturate(round_shift(acc, shift), bits);
}

/* floor(log2(x)) for x >= 1. */
static inline int log2_floor(int32_t x)
{
    int exponent = 0;
    while (x >>= 1)
        exponent++;
    return exponent;
}

/* y = x divided by its Manhattan norm, to three significant bits; rows of `width`, y may be x. */
#define MANHATTAN_NORM(name, type)                                                       \
    static inline void name(const type *x, int8_t *y, int width)                         \
    {                                                                                    \
        static const int8_t reciprocal[8] = {15, 13, 12, 11, 10, 10, 9, 8};              \
        int32_t norm = 0;                                                                \
        int exponent, shift, k;                                                          \
        for (k = 0; k < width; k++)                                                      \
            norm += magnitude(x[k]);                                                     \
        if (norm < 1)                                                                    \
            norm = 1;                                                                    \
        exponent = log2_floor(norm);                                                     \
        shift = exponent - 1 - log2_floor(width);                                        \
        norm = ((8 * norm) >> exponent) - 8;                                             \
        for (k = 0; k < width; k++)                                                      \
            y[k] = (int8_t)requantize(x[k] * reciprocal[norm], shift > 0 ? shift : 0, 8); \
    }

MANHATTAN_NORM(manhattan_norm_8, int8_t)
MANHATTAN_NORM(manhattan_norm_16, int16_t)
MANHATTAN_NORM(manhattan_norm_32, int32_t)

struct linear {
    const WEIGHT *weight;
    const int32_t *bias;
    int inputs, outputs, shift;
};

/* acc[t] = bias + sum_k weight_k * x[t, k] for one output and all tokens; returns the next output's weights. */
static inline const WEIGHT *linear_row(const WEIGHT *weight, int32_t bias, const int8_t *x, int inputs,
                                       int tokens, int32_t *acc)
{
    int t, k;
    for (t = 0; t < tokens; t++)
        acc[t] = bias;
#if TERNARY
    /* One byte a weight that is not zero: how many zeros to pass, its sign, and whether it is the row's last. */
    for (k = -1;;) {
        const int code = *weight++, gap = code & 63;
        k += gap == 63 ? 63 : gap + 1;
        if (gap != 63 && code & 64)
            for (t = 0; t < tokens; t++)
                acc[t] -= x[t * inputs + k];
        else if (gap != 63)
            for (t = 0; t < tokens; t++)
                acc[t] += x[t * inputs + k];
        if (code & 128)
            return weight;
    }
#else
    for (t = 0; t < tokens; t++)
        for (k = 0; k < inputs; k++)
            acc[t] += weight[k] * x[t * inputs + k];
    return weight + inputs;
#endif
}

/* y[t, o] = the layer's output in 8 bits, at least `low`. */
static void project(const struct linear *layer, const int8_t *x, int8_t *y, int tokens, int32_t low,
                    int32_t *acc)
{
    const WEIGHT *weight = layer->weight;
    int o, t;
    for (o = 0; o < layer->outputs; o++) {
        weight = linear_row(weight, layer->bias[o], x, layer->inputs, tokens, acc);
        for (t = 0; t < tokens; t++)
            y[t * layer->outputs + o] = (int8_t)clamp(round_shift(acc[t], layer->shift), low, 127);
    }
}

/* stream[t, o] += the layer's output. */
static void residual_add(const struct linear *layer, const int8_t *x, int16_t *stream, int tokens,
                         int32_t *acc)
{
    const WEIGHT *weight = layer->weight;
    int o, t;
    for (o = 0; o < layer->outputs; o++) {
        weight = linear_row(weight, layer->bias[o], x, layer->inputs, tokens, acc);
        for (t = 0; t < tokens; t++) {
            int16_t *element = stream + t * layer->outputs + o;
            *element = (int16_t)saturate(*element + round_shift(acc[t], layer->shift), RESIDUAL_BITS);
        }
    }
}

/* The scores 0..127 of one query and one head against all keys; rows of q and k are WIDTH apart. */
static void manhattan_score(const int8_t *q, const int8_t *k, const uint8_t *mask, int tokens, int shift,
                            int32_t delta, int32_t *z, uint8_t *score)
{
    int32_t centre = 0;
    int j, feature;
#if CENTRING != CENTRING_NONE
    int32_t real = 0;
#endif
    for (j = 0; j < tokens; j++) {
        z[j] = 0;
        for (feature = 0; feature < HEAD_WIDTH; feature++)
            z[j] += magnitude(q[feature] - k[j * WIDTH + feature]);
        z[j] = round_shift(z[j], shift);
#if CENTRING == CENTRING_MIN
        if (mask[j] && (!real || z[j] < centre)) {
            centre = z[j];
            real = 1;
        }
#elif CENTRING == CENTRING_MEAN
        if (mask[j]) {
            centre += z[j];
            real++;
        }
#endif
    }
#if CENTRING == CENTRING_MEAN
    centre /= real;
#endif
    for (j = 0; j < tokens; j++)
        score[j] = (uint8_t)(mask[j] ? clamp(z[j] - centre - delta, 0, 127) : 127);
}

/* What is left of the values of one head once the scores are taken off, summed over the keys. */
static void inhibit(const int8_t *v, const uint8_t *score, int tokens, int shift, INHIBITED *y)
{
    int32_t total[HEAD_WIDTH] = {0};
    int j, feature;
    for (j = 0; j < tokens; j++)
        for (feature = 0; feature < HEAD_WIDTH; feature++) {
            const int32_t value = v[j * WIDTH + feature], z = score[j];
#if SIGNED
            total[feature] += value - clamp(value, -z, z);
#else
            total[feature] += value > z ? value - z : 0;
#endif
        }
    for (feature = 0; feature < HEAD_WIDTH; feature++)
        y[feature] = (INHIBITED)requantize(total[feature], shift, INHIBIT_BITS);
}
