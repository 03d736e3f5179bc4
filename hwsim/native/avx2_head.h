/* Inhibitor attention for AVX2. Four queries meet 16 keys (score) or 16 dims (inhibition) at a time.

   Score: keys lie in groups of 16, by chunks of 8 dims, so that psadbw leaves one key in each 64-bit lane and no
   horizontal sum is needed; 3 instructions for 32 differences.
   Inhibition: four keys are interleaved per dim as magnitudes and signs, so that a saturating subtraction and a
   multiply-add of bytes sum four keys; 3 instructions for 32 values. A key that is padded or absent scores 127 or
   has no magnitude, and so adds nothing. */

#ifndef HWSIM_AVX2_HEAD_H
#define HWSIM_AVX2_HEAD_H

#include "avx2_common.h"

#define QUERIES 4
#define GROUP 16          /* keys */
#define CHUNK 8           /* dims */
#define WIDEST 256        /* dims whose distance fits uint16 */
#define QUAD_BYTES 128    /* magnitudes and signs of 4 keys and 16 dims */
#define INHIBIT_RUN 128   /* quads of keys that an int16 sum can hold: 128 * 2 * 127 < 2^15 */

static const uint64_t OFFSET_8 = 0x8080808080808080u;

/* A row's chunks, raised to unsigned, `step` bytes apart; zeros behind its end make no difference. */
AVX2_INLINE void raise_chunks(const int8_t *row, int dh, uint8_t *to, ptrdiff_t step)
{
    uint64_t bytes;
    int k;
    for (k = 0; k + CHUNK <= dh; k += CHUNK, to += step) {
        memcpy(&bytes, row + k, CHUNK);
        bytes ^= OFFSET_8;
        memcpy(to, &bytes, CHUNK);
    }
    if (k < dh) {
        bytes = 0;
        memcpy(&bytes, row + k, (size_t)(dh - k));
        bytes ^= OFFSET_8;
        memcpy(to, &bytes, CHUNK);
    }
}

/* Key 16 g + 4 l + v is lane l of vector v of group g; [groups][chunks][4 vectors][4 lanes][8]. */
AVX2 static void pack_keys(const Head *h, uint8_t *packed)
{
    const size_t group = (size_t)((h->dh + CHUNK - 1) / CHUNK) * 128;
    int j;
    /* A key that is absent repeats the last one; `threshold` leaves it out. */
    for (j = 0; j % GROUP || j < h->n; j++)
        raise_chunks(h->k + smaller(j, h->n - 1) * h->stride, h->dh,
                     packed + (size_t)(j / GROUP) * group + j % 4 * 32 + j % GROUP / 4 * 8, 128);
}

AVX2_INLINE __m128i values_of(const Head *h, int key, int dim)
{
    int8_t padded[BLOCK] = {0};
    if (key >= h->n)
        return _mm_setzero_si128();
    if (h->dh - dim >= BLOCK)
        return _mm_loadu_si128((const __m128i *)(h->v + key * h->stride + dim));
    memcpy(padded, h->v + key * h->stride + dim, (size_t)(h->dh - dim));
    return _mm_loadu_si128((const __m128i *)padded);
}

AVX2_INLINE void store_values(const Head *h, __m256i v, uint8_t *to)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
    const __m256i sign = _mm256_or_si256(_mm256_cmpgt_epi8(zero, v), one);
    _mm256_storeu_si256((__m256i *)to, h->is_signed ? _mm256_abs_epi8(v) : _mm256_max_epi8(v, zero));
    _mm256_storeu_si256((__m256i *)(to + 64), h->is_signed ? sign : one);
}

/* [blocks of 16 dims][quads of keys][magnitude, sign][16 dims][4 keys]. */
AVX2 static void pack_values(const Head *h, uint8_t *packed)
{
    const int quads = (h->n + 3) / 4;
    int block, quad;
    for (block = 0; block * BLOCK < h->dh; block++)
        for (quad = 0; quad < quads; quad++, packed += QUAD_BYTES) {
            const __m128i v0 = values_of(h, 4 * quad, block * BLOCK), v1 = values_of(h, 4 * quad + 1, block * BLOCK);
            const __m128i v2 = values_of(h, 4 * quad + 2, block * BLOCK);
            const __m128i v3 = values_of(h, 4 * quad + 3, block * BLOCK);
            const __m128i a = _mm_unpacklo_epi8(v0, v1), b = _mm_unpacklo_epi8(v2, v3);
            const __m128i c = _mm_unpackhi_epi8(v0, v1), d = _mm_unpackhi_epi8(v2, v3);
            store_values(h, _mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b)), packed);
            store_values(h, _mm256_set_m128i(_mm_unpackhi_epi16(c, d), _mm_unpacklo_epi16(c, d)), packed + 32);
        }
}

/* Distances of four queries (`packed` dims apart) to the 8 keys of each lane of two vectors. */
#define DISTANCES(first)                                                                  \
    do {                                                                                  \
        __m256i a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero;         \
        __m256i d0 = zero, d1 = zero;                                                     \
        const uint8_t *key = keys + (first) * 32;                                         \
        const uint8_t *query = queries;                                                   \
        int c;                                                                            \
        for (c = 0; c < chunks; c++, key += 128, query += CHUNK) {                        \
            const __m256i k0 = load(key), k1 = load(key + 32);                            \
            __m256i q = broadcast64(query);                                               \
            a0 = _mm256_add_epi64(a0, _mm256_sad_epu8(q, k0));                            \
            a1 = _mm256_add_epi64(a1, _mm256_sad_epu8(q, k1));                            \
            q = broadcast64(query + WIDEST);                                              \
            b0 = _mm256_add_epi64(b0, _mm256_sad_epu8(q, k0));                            \
            b1 = _mm256_add_epi64(b1, _mm256_sad_epu8(q, k1));                            \
            q = broadcast64(query + 2 * WIDEST);                                          \
            c0 = _mm256_add_epi64(c0, _mm256_sad_epu8(q, k0));                            \
            c1 = _mm256_add_epi64(c1, _mm256_sad_epu8(q, k1));                            \
            q = broadcast64(query + 3 * WIDEST);                                          \
            d0 = _mm256_add_epi64(d0, _mm256_sad_epu8(q, k0));                            \
            d1 = _mm256_add_epi64(d1, _mm256_sad_epu8(q, k1));                            \
        }                                                                                 \
        sums[0] = _mm256_or_si256(a0, _mm256_slli_epi64(a1, 16));                         \
        sums[1] = _mm256_or_si256(b0, _mm256_slli_epi64(b1, 16));                         \
        sums[2] = _mm256_or_si256(c0, _mm256_slli_epi64(c1, 16));                         \
        sums[3] = _mm256_or_si256(d0, _mm256_slli_epi64(d1, 16));                         \
    } while (0)

/* Rounded z of four queries to all keys, uint16 [4][keys], and the least of each, lane by lane.
   `absent` is 0xFFFF where there is no real key, and so is z there. */
AVX2_LOOP("O2", "unroll-loops")
void distances(const uint8_t *queries, const uint8_t *keys, int chunks, int shift, const uint16_t *absent, int padded,
               uint16_t *z, __m256i least[QUERIES])
{
    const __m128i count = _mm_cvtsi32_si128(larger(shift - 1, 0));
    const __m256i zero = _mm256_setzero_si256();
    int group, r;
    for (r = 0; r < QUERIES; r++)
        least[r] = _mm256_set1_epi16(-1);
    for (group = 0; group < padded; group += GROUP, keys += (size_t)chunks * 128) {
        const __m256i none = load(absent + group);
        __m256i sums[QUERIES], low[QUERIES];
        DISTANCES(0);
        for (r = 0; r < QUERIES; r++)
            low[r] = sums[r];
        DISTANCES(2);
        for (r = 0; r < QUERIES; r++) {
            __m256i x = _mm256_or_si256(low[r], _mm256_slli_epi64(sums[r], 32));
            if (shift)
                x = _mm256_avg_epu16(_mm256_srl_epi16(x, count), zero); /* (x / 2^(s-1) + 1) / 2 */
            x = _mm256_or_si256(x, none);
            store(z + r * padded + group, x);
            least[r] = _mm256_min_epu16(least[r], x);
        }
    }
}

/* z' of one query: centre, delta, clamp. */
AVX2_INLINE void threshold(const Head *h, const uint16_t *z, __m256i least, const uint16_t *absent, int padded,
                           uint8_t *score)
{
    const __m256i top = _mm256_set1_epi16(LARGEST_SCORE);
    __m256i centre;
    uint32_t c = 0;
    int j;
    if (h->centring == CENTRE_MIN) {
        const __m128i half = _mm_min_epu16(_mm256_castsi256_si128(least), _mm256_extracti128_si256(least, 1));
        c = (uint32_t)_mm_cvtsi128_si32(_mm_minpos_epu16(half)) & 0xFFFF;
    } else if (h->centring == CENTRE_MEAN) {
        uint64_t sum = 0, real = 0;
        for (j = 0; j < padded; j++)
            if (!absent[j]) {
                sum += z[j];
                real++;
            }
        c = (uint32_t)(sum / real);
    }
    c += (uint32_t)h->delta;
    /* No z of WIDEST dims is beyond this limit, and an absent key is LARGEST_SCORE beyond it. */
    c = c < 0xFFFF - LARGEST_SCORE ? c : 0xFFFF - LARGEST_SCORE;
    centre = _mm256_set1_epi16((int16_t)(uint16_t)c);
    for (j = 0; j < padded; j += GROUP) {
        const __m256i far = _mm256_min_epu16(_mm256_subs_epu16(load(z + j), centre), top);
        _mm_storeu_si128((__m128i *)(score + j),
                         _mm_packus_epi16(_mm256_castsi256_si128(far), _mm256_extracti128_si256(far, 1)));
    }
}

#define INHIBIT(query, x0, x1)                                                                     \
    do {                                                                                           \
        const __m256i far = broadcast32(score + (query) * padded + 4 * quad);                      \
        x0 = _mm256_add_epi16(x0, _mm256_maddubs_epi16(_mm256_subs_epu8(m0, far), s0));            \
        x1 = _mm256_add_epi16(x1, _mm256_maddubs_epi16(_mm256_subs_epu8(m1, far), s1));            \
    } while (0)

#define WIDEN(query, x0, x1)                                                                       \
    do {                                                                                           \
        sums[query][0] = _mm256_add_epi32(sums[query][0], _mm256_madd_epi16(x0, ones));            \
        sums[query][1] = _mm256_add_epi32(sums[query][1], _mm256_madd_epi16(x1, ones));            \
    } while (0)

/* Both pairs of keys, where 16 bits hold their sum. */
#define JOIN(query, x0, x1)                                                                        \
    sums[query][0] = _mm256_permute4x64_epi64(_mm256_hadd_epi16(x0, x1), 0xD8)

/* H of up to four queries and all dims. Partial redundancy elimination would pass a sum through memory. */
AVX2_LOOP("O2", "no-tree-pre")
void inhibit_rows(const Head *h, const uint8_t *score, int padded, const uint8_t *values, int first)
{
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
    const int quads = (h->n + 3) / 4, dh = h->dh, shift = h->inhibit_shift, bits = h->bits, limit = largest(bits);
    const int few = h->n <= VALUE_RUN, valid = smaller(QUERIES, h->n - first);
    const ptrdiff_t stride = h->out_stride;
    int dim, quad, r;
    for (dim = 0; dim < dh; dim += BLOCK) {
        const ptrdiff_t at = first * stride + dim;
        const int dims = smaller(BLOCK, dh - dim);
        __m256i sums[QUERIES][2];
        UNROLLED
        for (r = 0; r < QUERIES; r++)
            sums[r][0] = sums[r][1] = zero;
        for (quad = 0; quad < quads;) {
            const int stop = smaller(quads, quad + INHIBIT_RUN);
            __m256i a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
            for (; quad < stop; quad++, values += QUAD_BYTES) {
                const __m256i m0 = load(values), m1 = load(values + 32);
                const __m256i s0 = load(values + 64), s1 = load(values + 96);
                INHIBIT(0, a0, a1);
                INHIBIT(1, b0, b1);
                INHIBIT(2, c0, c1);
                INHIBIT(3, d0, d1);
            }
            if (few) {
                JOIN(0, a0, a1);
                JOIN(1, b0, b1);
                JOIN(2, c0, c1);
                JOIN(3, d0, d1);
            } else {
                WIDEN(0, a0, a1);
                WIDEN(1, b0, b1);
                WIDEN(2, c0, c1);
                WIDEN(3, d0, d1);
            }
        }
        UNROLLED
        for (r = 0; r < QUERIES; r++) {
            __m256i y;
            if (r == valid)
                break;
            y = few ? within16(round_shift16(sums[r][0], shift), limit) : narrow(sums[r][0], sums[r][1], shift, limit);
            if (bits <= 8)
                store8((int8_t *)h->out + at + r * stride, y, dims);
            else
                store16((int16_t *)h->out + at + r * stride, y, dims);
        }
    }
}

AVX2 static void avx2_head(const Head *given, uint8_t *memory)
{
    const Head copy = *given, *const h = &copy; /* which no store can change, as the compiler sees */
    const int padded = (int)round_up((size_t)h->n, GROUP), quads = (h->n + 3) / 4;
    const int chunks = (h->dh + CHUNK - 1) / CHUNK, blocks = (h->dh + BLOCK - 1) / BLOCK;
    uint8_t *keys = memory, *values = keys + (size_t)padded * (size_t)chunks * CHUNK;
    uint16_t *z = (uint16_t *)(values + (size_t)blocks * (size_t)quads * QUAD_BYTES), *absent = z + QUERIES * padded;
    uint8_t *score = (uint8_t *)(absent + padded);
    uint8_t queries[QUERIES * WIDEST];
    int i, j, r;
    if (h->dh > WIDEST) {
        portable_head(h, memory);
        return;
    }
    for (j = 0; j < padded; j++)
        absent[j] = j < h->n && (!h->mask || h->mask[j]) ? 0 : 0xFFFF;
    if (h->q)
        pack_keys(h, keys);
    if (h->out)
        pack_values(h, values);
    for (i = 0; i < h->n; i += QUERIES) {
        const int valid = smaller(QUERIES, h->n - i);
        __m256i least[QUERIES];
        if (h->q) {
            for (r = 0; r < QUERIES; r++)
                raise_chunks(h->q + smaller(i + r, h->n - 1) * h->stride, h->dh, queries + r * WIDEST, CHUNK);
            distances(queries, keys, chunks, h->score_shift, absent, padded, z, least);
            for (r = 0; r < QUERIES; r++)
                threshold(h, z + r * padded, least[r], absent, padded, score + r * padded);
            for (r = 0; h->score && r < valid; r++)
                memcpy(h->score + (size_t)(i + r) * (size_t)h->n, score + r * padded, (size_t)h->n);
        } else {
            for (r = 0; r < QUERIES; r++) {
                const int8_t *row = h->score + (size_t)smaller(i + r, h->n - 1) * (size_t)h->n;
                memcpy(score + r * padded, row, (size_t)h->n);
                memset(score + r * padded + h->n, 0, (size_t)(padded - h->n));
            }
        }
        if (h->out)
            inhibit_rows(h, score, padded, values, i);
    }
}

#endif
