/* The opponent in `hwsim bench cpu`: int8 dot-product attention with softmax, with the blocking and the care of
   avx2_head.h. No model of hwsim uses it, and it is not exact: probabilities have 7 bits.

   Q K: pmaddwd on int16, 4 instructions for 32 products (bytes would saturate). Softmax: 2^x by a cubic in float32.
   P V: bytes of four interleaved keys, 3 instructions for 32 products. */

#ifndef HWSIM_AVX2_DOT_PRODUCT_H
#define HWSIM_AVX2_DOT_PRODUCT_H

#include "avx2_head.h"

typedef struct {
    const int8_t *q, *k, *v; /* [n][dh] */
    int n, dh;               /* dh even */
    float scale;             /* of q k in the exponent of 2 */
    int8_t *out;
} DotProduct;

static inline size_t dot_product_bytes(int n, int dh)
{
    const size_t keys = round_up((size_t)n, BLOCK), dims = round_up((size_t)dh, BLOCK);
    return 3 * keys * dims + 8 * dims + 24 * keys + 4096;
}

/* int16 [groups of 16 keys][pairs of dims][16 keys][2]. */
AVX2 static void pack_dot_keys(const DotProduct *h, int16_t *packed)
{
    const int pairs = h->dh / 2;
    int j, c;
    for (j = 0; j % BLOCK || j < h->n; j++) {
        const int8_t *row = h->k + smaller(j, h->n - 1) * h->dh;
        int16_t *to = packed + j / BLOCK * pairs * 2 * BLOCK + j % BLOCK * 2;
        for (c = 0; c < pairs; c++, to += 2 * BLOCK) {
            to[0] = row[2 * c];
            to[1] = row[2 * c + 1];
        }
    }
}

/* int8 [blocks of 16 dims][quads of keys][16 dims][4 keys], zeros for absent keys and dims. */
AVX2 static void pack_dot_values(const DotProduct *h, int8_t *packed)
{
    const int n = h->n, dh = h->dh;
    int dim, key;
    for (dim = 0; dim < dh; dim += BLOCK)
        for (key = 0; key < n; key += 4, packed += 64) {
            __m256i both[2];
            interleave(h->v + key * dh + dim, dh, n - key, smaller(BLOCK, dh - dim), both);
            store(packed, both[0]);
            store(packed + 32, both[1]);
        }
}

#define DOT(query, x0, x1)                                                                \
    do {                                                                                  \
        const __m256i two = broadcast32(queries + (query) * dh + 2 * c);                  \
        x0 = _mm256_add_epi32(x0, _mm256_madd_epi16(two, k0));                            \
        x1 = _mm256_add_epi32(x1, _mm256_madd_epi16(two, k1));                            \
    } while (0)

/* q k of four queries and all keys, int32 [4][padded]. */
AVX2_LOOP("O2", "unroll-loops")
void dots(const int16_t *queries, const int16_t *keys, int dh, int padded, int32_t *s)
{
    const __m256i zero = _mm256_setzero_si256();
    int group, c;
    for (group = 0; group < padded; group += BLOCK) {
        __m256i a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
        for (c = 0; c < dh / 2; c++, keys += 2 * BLOCK) {
            const __m256i k0 = load(keys), k1 = load(keys + BLOCK);
            DOT(0, a0, a1);
            DOT(1, b0, b1);
            DOT(2, c0, c1);
            DOT(3, d0, d1);
        }
        store(s + group, a0), store(s + group + 8, a1);
        store(s + padded + group, b0), store(s + padded + group + 8, b1);
        store(s + 2 * padded + group, c0), store(s + 2 * padded + group + 8, c1);
        store(s + 3 * padded + group, d0), store(s + 3 * padded + group + 8, d1);
    }
}

/* 127 * 2^x for x <= 0, as int32. */
AVX2_INLINE __m256i seven_bits(__m256 x)
{
    const __m256 floor = _mm256_floor_ps(_mm256_max_ps(x, _mm256_set1_ps(-20.f)));
    const __m256 f = _mm256_sub_ps(_mm256_max_ps(x, _mm256_set1_ps(-20.f)), floor);
    __m256 y = _mm256_set1_ps(0.0790202f * 127);
    y = _mm256_add_ps(_mm256_mul_ps(y, f), _mm256_set1_ps(0.2241262f * 127));
    y = _mm256_add_ps(_mm256_mul_ps(y, f), _mm256_set1_ps(0.6968386f * 127));
    y = _mm256_add_ps(_mm256_mul_ps(y, f), _mm256_set1_ps(0.9998119f * 127));
    /* 2^floor goes straight into the exponent. */
    return _mm256_cvtps_epi32(_mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(y), _mm256_slli_epi32(_mm256_cvtps_epi32(floor), 23))));
}

/* Probabilities of one query, 0..127, and 1 / their sum. */
AVX2 static float softmax(const DotProduct *h, const int32_t *s, int padded, uint8_t *p)
{
    const __m256 scale = _mm256_set1_ps(h->scale);
    __m256i most = _mm256_set1_epi32(INT32_MIN), sum = _mm256_setzero_si256();
    int32_t lanes[8], top = INT32_MIN, total = 0;
    int j;
    for (j = 0; j < padded; j += 8) /* absent keys repeat the last */
        most = _mm256_max_epi32(most, load(s + j));
    store(lanes, most);
    for (j = 0; j < 8; j++)
        top = larger(top, lanes[j]);
    for (j = 0; j < padded; j += BLOCK) {
        const __m256i a = _mm256_sub_epi32(load(s + j), _mm256_set1_epi32(top));
        const __m256i b = _mm256_sub_epi32(load(s + j + 8), _mm256_set1_epi32(top));
        const __m256i x = seven_bits(_mm256_mul_ps(_mm256_cvtepi32_ps(a), scale));
        const __m256i y = seven_bits(_mm256_mul_ps(_mm256_cvtepi32_ps(b), scale));
        sum = _mm256_add_epi32(sum, _mm256_add_epi32(x, y));
        store8((int8_t *)p + j, saturate16(x, y, 127), BLOCK);
    }
    store(lanes, sum);
    for (j = 0; j < 8; j++)
        total += lanes[j];
    for (j = h->n; j < padded; j++)
        total -= p[j];
    return 1.f / (float)total;
}

#define WEIGH(query, x0, x1)                                                                            \
    do {                                                                                                \
        const __m256i four = broadcast32(p + (query) * padded + 4 * quad);                              \
        x0 = _mm256_add_epi32(x0, _mm256_madd_epi16(_mm256_maddubs_epi16(four, v0), ones));             \
        x1 = _mm256_add_epi32(x1, _mm256_madd_epi16(_mm256_maddubs_epi16(four, v1), ones));             \
    } while (0)

AVX2_INLINE __m256i divided(__m256i sum, float by)
{
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(by)));
}

/* P V of up to four queries and all dims, divided by the sums of P. */
AVX2_LOOP("O2", "no-tree-pre")
void weigh_rows(const DotProduct *h, const uint8_t *p, int padded, const int8_t *values, const float by[QUERIES],
                int first)
{
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
    const int quads = (h->n + 3) / 4, dh = h->dh, valid = smaller(QUERIES, h->n - first);
    int dim, quad, r;
    for (dim = 0; dim < dh; dim += BLOCK) {
        __m256i a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
        int8_t *to = h->out + first * dh + dim;
        for (quad = 0; quad < quads; quad++, values += 64) {
            const __m256i v0 = load(values), v1 = load(values + 32);
            WEIGH(0, a0, a1);
            WEIGH(1, b0, b1);
            WEIGH(2, c0, c1);
            WEIGH(3, d0, d1);
        }
        {
            const __m256i sums[QUERIES][2] = {{a0, a1}, {b0, b1}, {c0, c1}, {d0, d1}};
            UNROLLED
            for (r = 0; r < QUERIES; r++, to += dh) {
                __m256i y;
                if (r == valid)
                    break;
                y = _mm256_packs_epi32(divided(sums[r][0], by[r]), divided(sums[r][1], by[r]));
                store8(to, within16(y, 127), smaller(BLOCK, dh - dim));
            }
        }
    }
}

AVX2 static void dot_product_head(const DotProduct *given, uint8_t *memory)
{
    const DotProduct copy = *given, *const h = &copy; /* which no store can change, as the compiler sees */
    const int padded = (int)round_up((size_t)h->n, BLOCK), quads = (h->n + 3) / 4;
    const int blocks = (h->dh + BLOCK - 1) / BLOCK;
    int16_t *keys = (int16_t *)memory, *queries = keys + (size_t)padded * (size_t)h->dh;
    int8_t *values = (int8_t *)round_up((uintptr_t)(queries + QUERIES * h->dh), 64);
    int32_t *s = (int32_t *)(values + (size_t)blocks * (size_t)quads * 64);
    uint8_t *p = (uint8_t *)(s + QUERIES * padded);
    float by[QUERIES];
    int i, r, c;
    pack_dot_keys(h, keys);
    pack_dot_values(h, values);
    for (i = 0; i < h->n; i += QUERIES) {
        for (r = 0; r < QUERIES; r++)
            for (c = 0; c < h->dh; c++)
                queries[r * h->dh + c] = h->q[smaller(i + r, h->n - 1) * h->dh + c];
        dots(queries, keys, h->dh, padded, s);
        for (r = 0; r < QUERIES; r++)
            by[r] = softmax(h, s + r * padded, padded, p + r * padded);
        weigh_rows(h, p, padded, values, by, i);
    }
}

/* A dependency-free mix of instructions in registers: how fast this core could go, `rounds` times 8 vectors.
   `inhibition` 0: psadbw and paddq; 1: psubusb, pmaddubsw and paddw. Returns something that depends on all of it. */
AVX2_LOOP("O2") int ceiling(int inhibition, int rounds)
{
    __m256i x[8], a[8], far = _mm256_set1_epi8((int8_t)rounds);
    __m256i b0, b1, b2, b3, b4, b5, b6, b7;
    int32_t lanes[8];
    int i;
    for (i = 0; i < 8; i++)
        x[i] = a[i] = _mm256_set1_epi8((int8_t)(i * rounds));
    b0 = a[0], b1 = a[1], b2 = a[2], b3 = a[3], b4 = a[4], b5 = a[5], b6 = a[6], b7 = a[7];
#define KEEP_VALUE(v) __asm__ volatile("" : "+x"(v))
#define SCORE_STEP(v) v = _mm256_add_epi64(v, _mm256_sad_epu8(far, x[0]))
#define INHIBIT_STEP(v) v = _mm256_add_epi16(v, _mm256_maddubs_epi16(_mm256_subs_epu8(x[0], far), x[1]))
/* The compiler must not see that `far` stays what it is, or it would compute things once. */
#define FRESH(step, v)                                                                               \
    do {                                                                                             \
        KEEP_VALUE(far);                                                                             \
        step(v);                                                                                     \
    } while (0)
#define STEPS(step)                                                                                  \
    do {                                                                                             \
        for (i = 0; i < rounds; i++) {                                                               \
            FRESH(step, b0);                                                                         \
            FRESH(step, b1);                                                                         \
            FRESH(step, b2);                                                                         \
            FRESH(step, b3);                                                                         \
            FRESH(step, b4);                                                                         \
            FRESH(step, b5);                                                                         \
            FRESH(step, b6);                                                                         \
            FRESH(step, b7);                                                                         \
        }                                                                                            \
    } while (0)
    if (inhibition)
        STEPS(INHIBIT_STEP);
    else
        STEPS(SCORE_STEP);
    b0 = _mm256_add_epi8(_mm256_add_epi8(_mm256_add_epi8(b0, b1), _mm256_add_epi8(b2, b3)),
                         _mm256_add_epi8(_mm256_add_epi8(b4, b5), _mm256_add_epi8(b6, b7)));
    store(lanes, b0);
    return lanes[0];
}

#endif
