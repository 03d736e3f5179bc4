/* Inhibitor attention for AVX2. Four queries meet 8 keys (score) or 16 dims (inhibition) at a time.

   Score: keys lie in groups of 8, by chunks of 8 dims, so that psadbw leaves one key in each 64-bit lane and no
   horizontal sum is needed; 2 instructions for 32 differences.
   Inhibition: four keys are interleaved per dim as magnitudes and signs, so that a saturating subtraction and a
   multiply-add of bytes sum four keys; 3 instructions for 32 values. A key that is padded or absent scores 127 or
   has no magnitude, and so adds nothing. */

#ifndef HWSIM_AVX2_HEAD_H
#define HWSIM_AVX2_HEAD_H

#include "avx2_common.h"

#define QUERIES 4
#define BATCH 32        /* queries that go through each step together */
#define GROUP 8         /* keys */
#define LANES 16        /* uint16 of a vector */
#define CHUNK 8         /* dims */
#define WIDEST 256      /* dims whose distance fits uint16 */
#define LARGEST_Z (INT16_MAX - LARGEST_SCORE)
#define QUAD_BYTES 128  /* magnitudes and signs of 4 keys and 16 dims */
#define INHIBIT_RUN 128 /* quads of keys that an int16 sum can hold: 128 * 2 * 127 < 2^15 */

static const uint64_t OFFSET_8 = 0x8080808080808080u;

/* What makes a right shift round. */
static inline int half_of(int shift)
{
    return shift ? 1 << (shift - 1) : 0;
}

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

/* All of a row, raised to unsigned. */
AVX2_INLINE void raise_row(const int8_t *row, int dh, uint8_t *to)
{
    const __m256i offset = _mm256_set1_epi64x((int64_t)OFFSET_8);
    int k;
    for (k = 0; k + 32 <= dh; k += 32)
        store(to + k, _mm256_xor_si256(load(row + k), offset));
    if (k < dh)
        raise_chunks(row + k, dh - k, to + k, CHUNK);
}

/* 32 dims of four keys, chunk by chunk: a chunk of each key in the four lanes of a vector. */
AVX2_INLINE void transpose_chunks(const int8_t *const row[4], int dim, uint8_t *to)
{
    const __m256i offset = _mm256_set1_epi64x((int64_t)OFFSET_8);
    const __m256i r0 = _mm256_xor_si256(load(row[0] + dim), offset), r1 = _mm256_xor_si256(load(row[1] + dim), offset);
    const __m256i r2 = _mm256_xor_si256(load(row[2] + dim), offset), r3 = _mm256_xor_si256(load(row[3] + dim), offset);
    const __m256i a = _mm256_unpacklo_epi64(r0, r1), b = _mm256_unpacklo_epi64(r2, r3);
    const __m256i c = _mm256_unpackhi_epi64(r0, r1), d = _mm256_unpackhi_epi64(r2, r3);
    store(to, _mm256_permute2x128_si256(a, b, 0x20));
    store(to + GROUP * CHUNK, _mm256_permute2x128_si256(c, d, 0x20));
    store(to + 2 * GROUP * CHUNK, _mm256_permute2x128_si256(a, b, 0x31));
    store(to + 3 * GROUP * CHUNK, _mm256_permute2x128_si256(c, d, 0x31));
}

/* [groups of 8 keys][chunks][2 vectors][4 lanes][8]. The first vector holds the keys 0, 1, 4 and 5 of its group, the
   second the others, so that `distances` packs their sums into order. */
AVX2 static void pack_keys(const Head *h, uint8_t *packed)
{
    static const int8_t order[GROUP] = {0, 1, 4, 5, 2, 3, 6, 7};
    const size_t chunks = (size_t)((h->dh + CHUNK - 1) / CHUNK);
    int group, v, l, dim;
    for (group = 0; group < h->n; group += GROUP, packed += chunks * GROUP * CHUNK)
        for (v = 0; v < 2; v++) {
            const int8_t *row[4];
            uint8_t *to = packed + v * 32;
            /* A key that is absent repeats the last one; `distances` leaves it out. */
            for (l = 0; l < 4; l++)
                row[l] = h->k + smaller(group + order[4 * v + l], h->n - 1) * h->stride;
            for (dim = 0; dim + 32 <= h->dh; dim += 32, to += 4 * GROUP * CHUNK)
                transpose_chunks(row, dim, to);
            for (l = 0; dim < h->dh && l < 4; l++)
                raise_chunks(row[l] + dim, h->dh - dim, to + l * CHUNK, GROUP * CHUNK);
        }
}

/* `dims` values of four keys, zeros where there is none, interleaved. The first vector gets the dims 0-3 and 8-11, the
   second the others, so that horizontal sums of both come into order. */
AVX2_INLINE void interleave(const int8_t *v, ptrdiff_t stride, int keys, int dims, __m256i both[2])
{
    __m128i row[4] = {0}, a, b, c, d;
    if (keys >= 4 && dims == BLOCK) {
        row[0] = load_bytes(v, BLOCK), row[1] = load_bytes(v + stride, BLOCK);
        row[2] = load_bytes(v + 2 * stride, BLOCK), row[3] = load_bytes(v + 3 * stride, BLOCK);
    } else {
        int l;
        for (l = 0; l < 4 && l < keys; l++)
            row[l] = load_bytes(v + l * stride, dims);
    }
    a = _mm_unpacklo_epi8(row[0], row[1]), b = _mm_unpacklo_epi8(row[2], row[3]);
    c = _mm_unpackhi_epi8(row[0], row[1]), d = _mm_unpackhi_epi8(row[2], row[3]);
    both[0] = _mm256_set_m128i(_mm_unpacklo_epi16(c, d), _mm_unpacklo_epi16(a, b));
    both[1] = _mm256_set_m128i(_mm_unpackhi_epi16(c, d), _mm_unpackhi_epi16(a, b));
}

/* [blocks of 16 dims][quads of keys][magnitudes, signs][2 vectors][8 dims][4 keys]. */
AVX2 static void pack_values(const Head *h, uint8_t *packed)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
    const __m256i least = h->is_signed ? _mm256_set1_epi8(INT8_MIN) : zero;
    const int n = h->n, dh = h->dh;
    const ptrdiff_t stride = h->stride;
    const int8_t *v = h->v;
    int dim, key, i;
    for (dim = 0; dim < dh; dim += BLOCK)
        for (key = 0; key < n; key += 4, packed += QUAD_BYTES) {
            __m256i both[2];
            interleave(v + key * stride + dim, stride, n - key, smaller(BLOCK, dh - dim), both);
            UNROLLED
            for (i = 0; i < 2; i++) {
                const __m256i x = _mm256_max_epi8(both[i], least);
                store(packed + 32 * i, _mm256_abs_epi8(x));
                store(packed + 64 + 32 * i, _mm256_or_si256(_mm256_cmpgt_epi8(zero, x), one));
            }
        }
}

/* Differences of a query's chunk and that of the keys of both vectors. */
#define DIFFERENCES(query, x0, x1)                                                            \
    do {                                                                                      \
        const __m256i q = broadcast64(queries + (query) * WIDEST + c * CHUNK);                \
        x0 = _mm256_sad_epu8(q, k0);                                                          \
        x1 = _mm256_sad_epu8(q, k1);                                                          \
    } while (0)

#define ADD_DIFFERENCES(query, x0, x1)                                                        \
    do {                                                                                      \
        __m256i y0, y1;                                                                       \
        DIFFERENCES(query, y0, y1);                                                           \
        x0 = _mm256_add_epi64(x0, y0);                                                        \
        x1 = _mm256_add_epi64(x1, y1);                                                        \
    } while (0)

/* The sums of a pair of queries, rounded. */
#define ROUNDED(a0, a1, b0, b1)                                                               \
    _mm256_srl_epi16(_mm256_add_epi16(_mm256_packus_epi32(_mm256_packus_epi32(a0, a1),        \
                                                          _mm256_packus_epi32(b0, b1)),       \
                                      half), count)

/* Rounded z of four queries to all keys, uint16 [groups][2 pairs of queries][2 halves of keys][2 queries][4 keys], and
   the least of each pair, lane by lane. `absent` has this order too; it and so z are INT16_MAX where no real key is.
   NULL: all keys are real. */
AVX2_LOOP("O2")
void distances(const uint8_t *queries, const uint8_t *keys, int chunks, int shift, const uint16_t *absent, int groups,
               uint16_t *z, __m256i least[2])
{
    const __m128i count = _mm_cvtsi32_si128(shift);
    const __m256i half = _mm256_set1_epi16((int16_t)half_of(shift));
    __m256i least0 = _mm256_set1_epi16(-1), least1 = least0;
    int group, c;
    for (group = 0; group < groups; group++, z += 2 * LANES) {
        __m256i a0, a1, b0, b1, c0, c1, d0, d1, k0 = load(keys), k1 = load(keys + 32);
        c = 0; /* whose differences need no addition */
        DIFFERENCES(0, a0, a1);
        DIFFERENCES(1, b0, b1);
        DIFFERENCES(2, c0, c1);
        DIFFERENCES(3, d0, d1);
        keys += GROUP * CHUNK;
        for (c = 1; c < chunks; c++, keys += GROUP * CHUNK) {
            k0 = load(keys), k1 = load(keys + 32);
            ADD_DIFFERENCES(0, a0, a1);
            ADD_DIFFERENCES(1, b0, b1);
            ADD_DIFFERENCES(2, c0, c1);
            ADD_DIFFERENCES(3, d0, d1);
        }
        a0 = ROUNDED(a0, a1, b0, b1);
        c0 = ROUNDED(c0, c1, d0, d1);
        if (absent) {
            a0 = _mm256_or_si256(a0, load(absent + group * LANES));
            c0 = _mm256_or_si256(c0, load(absent + group * LANES));
        }
        least0 = _mm256_min_epu16(least0, a0);
        least1 = _mm256_min_epu16(least1, c0);
        store(z, a0);
        store(z + LANES, c0);
    }
    least[0] = least0;
    least[1] = least1;
}

/* The sums of z over the real keys by the number of them, of a pair of queries. */
AVX2_INLINE __m128i means(const uint16_t *z, const uint16_t *absent, int groups, int real)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i low = zero, high = zero;
    __m128i sum;
    int64_t sums[2];
    int group;
    for (group = 0; group < groups; group++, z += 2 * LANES) {
        const __m256i x = absent ? _mm256_andnot_si256(load(absent + group * LANES), load(z)) : load(z);
        low = _mm256_add_epi64(low, _mm256_sad_epu8(_mm256_and_si256(x, _mm256_set1_epi16(0xFF)), zero));
        high = _mm256_add_epi64(high, _mm256_sad_epu8(_mm256_srli_epi16(x, 8), zero));
    }
    low = _mm256_add_epi64(low, _mm256_slli_epi64(high, 8));
    sum = _mm_add_epi64(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
    _mm_storeu_si128((__m128i *)sums, sum);
    return _mm_set_epi64x(sums[1] / real, sums[0] / real);
}

/* What z of a pair of queries are compared with, centre + delta, in the lanes of z. */
AVX2_INLINE __m256i thresholds(const Head *h, const uint16_t *z, __m256i least, const uint16_t *absent, int groups,
                               int real)
{
    const __m128i spread = _mm_set_epi8(9, 8, 9, 8, 9, 8, 9, 8, 1, 0, 1, 0, 1, 0, 1, 0);
    /* No z is beyond this limit, and an absent key is LARGEST_SCORE beyond it. */
    const __m128i limit = _mm_set1_epi16(LARGEST_Z);
    __m128i c = _mm_setzero_si128();
    if (h->centring == CENTRE_MIN) {
        const __m128i both = _mm_min_epu16(_mm256_castsi256_si128(least), _mm256_extracti128_si256(least, 1));
        c = _mm_unpacklo_epi64(_mm_minpos_epu16(_mm_unpacklo_epi64(both, both)),
                               _mm_minpos_epu16(_mm_unpackhi_epi64(both, both)));
    } else if (h->centring == CENTRE_MEAN) {
        c = means(z, absent, groups, real);
    }
    c = _mm_adds_epu16(_mm_shuffle_epi8(c, spread), _mm_set1_epi16((int16_t)smaller(h->delta, INT16_MAX)));
    return _mm256_broadcastsi128_si256(_mm_min_epu16(c, limit));
}

/* z' of `count` queries to all keys, uint8 [fours of queries][quads of keys][4 queries][4 keys]. Every step is done for
   all of them, so that none waits for the four before to have their thresholds. */
AVX2 static void score_rows(const Head *h, int first, int count, const uint8_t *keys, const uint16_t *absent,
                            int groups, int real, uint16_t *z, uint8_t *score)
{
    const int fours = (count + QUERIES - 1) / QUERIES, chunks = (h->dh + CHUNK - 1) / CHUNK;
    const size_t four = (size_t)groups * GROUP * QUERIES;
    uint8_t queries[BATCH * WIDEST];
    __m256i least[BATCH / QUERIES][2];
    int i, group;
    for (i = 0; i < fours * QUERIES; i++) /* a query that is absent repeats the last one */
        raise_row(h->q + smaller(first + i, h->n - 1) * h->stride, h->dh, queries + i * WIDEST);
    for (i = 0; i < fours; i++)
        distances(queries + i * QUERIES * WIDEST, keys, chunks, h->score_shift, absent, groups, z + (size_t)i * four,
                  least[i]);
    for (i = 0; i < fours; i++) {
        const __m256i c0 = thresholds(h, z, least[i][0], absent, groups, real);
        const __m256i c1 = thresholds(h, z + LANES, least[i][1], absent, groups, real);
        for (group = 0; group < groups; group++, z += 2 * LANES, score += QUERIES * GROUP) {
            const __m256i far0 = _mm256_subs_epu16(load(z), c0), far1 = _mm256_subs_epu16(load(z + LANES), c1);
            store(score, _mm256_packs_epi16(far0, far1)); /* saturates to LARGEST_SCORE */
        }
    }
}

/* Four rows of four int32, transposed in place. */
AVX2_INLINE void transpose4(__m128i x[4])
{
    const __m128i a = _mm_unpacklo_epi32(x[0], x[1]), b = _mm_unpackhi_epi32(x[0], x[1]);
    const __m128i c = _mm_unpacklo_epi32(x[2], x[3]), d = _mm_unpackhi_epi32(x[2], x[3]);
    x[0] = _mm_unpacklo_epi64(a, c), x[1] = _mm_unpackhi_epi64(a, c);
    x[2] = _mm_unpacklo_epi64(b, d), x[3] = _mm_unpackhi_epi64(b, d);
}

/* Scores of up to four queries, to or (`given`) from rows of n, 16 keys at a time. What is touched behind the last key
   belongs to the next four, whose turn is later, or to nobody. */
AVX2 static void copy_scores(uint8_t *score, int8_t *rows, int n, int valid, int given)
{
    int r, j;
    for (j = 0; j < n; j += BLOCK, score += QUERIES * BLOCK) {
        const int keys = smaller(BLOCK, n - j);
        __m128i x[QUERIES];
        for (r = 0; r < QUERIES; r++)
            x[r] = given ? load_bytes(rows + (size_t)smaller(r, valid - 1) * (size_t)n + j, keys)
                         : _mm_loadu_si128((const __m128i *)(score + r * BLOCK));
        transpose4(x);
        for (r = 0; r < QUERIES; r++)
            if (given)
                _mm_storeu_si128((__m128i *)(score + r * BLOCK), x[r]);
            else if (r < valid)
                store_bytes(rows + (size_t)r * (size_t)n + j, x[r], keys);
    }
}

#define INHIBIT(query, x0, x1)                                                                     \
    do {                                                                                           \
        const __m256i z = broadcast32(score + 4 * (query));                                        \
        const __m256i t0 = _mm256_subs_epu8(m0, z), t1 = _mm256_subs_epu8(m1, z);                  \
        const __m256i y0 = _mm256_maddubs_epi16(t0, s0), y1 = _mm256_maddubs_epi16(t1, s1);        \
        x0 = _mm256_add_epi16(x0, y0);                                                             \
        x1 = _mm256_add_epi16(x1, y1);                                                             \
    } while (0)

/* Sums of four queries and a block of dims over up to INHIBIT_RUN quads, int16, two of a dim. Partial redundancy
   elimination would pass one through memory, and the order of instructions as written is a little faster than gcc's. */
AVX2_LOOP("O2", "no-tree-pre", "no-schedule-insns2")
void inhibit_block(const uint8_t *score, const uint8_t *values, int quads, __m256i sums[QUERIES][2])
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
    UNROLLED
    for (; quads; quads--, values += QUAD_BYTES, score += 4 * QUERIES) {
        const __m256i m0 = load(values), m1 = load(values + 32), s0 = load(values + 64), s1 = load(values + 96);
        INHIBIT(0, a0, a1);
        INHIBIT(1, b0, b1);
        INHIBIT(2, c0, c1);
        INHIBIT(3, d0, d1);
    }
    sums[0][0] = a0, sums[0][1] = a1, sums[1][0] = b0, sums[1][1] = b1;
    sums[2][0] = c0, sums[2][1] = c1, sums[3][0] = d0, sums[3][1] = d1;
}

/* Sums over any number of quads in 32 bits, requantised but for the limit of its bits. Not inlined: gcc would then pass
   the shorter heads' sums through memory as often as these. */
AVX2 __attribute__((noinline)) static void inhibit_many(const uint8_t *score, const uint8_t *values, int quads,
                                                        int shift, __m256i y[QUERIES])
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i all[QUERIES][2] = {0}, sums[QUERIES][2];
    int quad, r;
    for (quad = 0; quad < quads; quad += INHIBIT_RUN) {
        inhibit_block(score + quad * 4 * QUERIES, values + quad * QUAD_BYTES, smaller(INHIBIT_RUN, quads - quad), sums);
        for (r = 0; r < QUERIES; r++) {
            all[r][0] = _mm256_add_epi32(all[r][0], _mm256_madd_epi16(sums[r][0], ones));
            all[r][1] = _mm256_add_epi32(all[r][1], _mm256_madd_epi16(sums[r][1], ones));
        }
    }
    for (r = 0; r < QUERIES; r++)
        y[r] = _mm256_packs_epi32(round_shift8(all[r][0], shift), round_shift8(all[r][1], shift));
}

/* H of `count` queries and all dims. A block of values meets all of them while it is in the nearest cache. */
AVX2 __attribute__((noinline)) static void inhibit_rows(const Head *h, const uint8_t *score, int keys,
                                                        const uint8_t *values, int first, int count)
{
    const int quads = (h->n + 3) / 4, few = h->n <= VALUE_RUN, dh = h->dh;
    const int shift = h->inhibit_shift, bits = h->bits, limit = largest(bits);
    const ptrdiff_t stride = h->out_stride;
    void *const out = h->out;
    int dim, i, r;
    for (dim = 0; dim < dh; dim += BLOCK, values += (size_t)quads * QUAD_BYTES)
        for (i = 0; i < count; i += QUERIES) {
            const ptrdiff_t at = (first + i) * stride + dim;
            const int dims = smaller(BLOCK, dh - dim), valid = smaller(QUERIES, count - i);
            __m256i sums[QUERIES][2], y[QUERIES];
            if (few)
                inhibit_block(score + i * keys, values, quads, sums);
            else
                inhibit_many(score + i * keys, values, quads, shift, y);
            for (r = 0; r < valid; r++) {
                const __m256i x = within16(
                    few ? round_shift16(_mm256_hadd_epi16(sums[r][0], sums[r][1]), shift) : y[r], limit);
                if (bits <= 8)
                    store8((int8_t *)out + at + r * stride, x, dims);
                else
                    store16((int16_t *)out + at + r * stride, x, dims);
            }
        }
}

AVX2 static void avx2_head(const Head *given, uint8_t *memory)
{
    const Head copy = *given, *const h = &copy; /* which no store can change, as the compiler sees */
    const int groups = (h->n + GROUP - 1) / GROUP, padded = groups * GROUP, quads = (h->n + 3) / 4;
    const int chunks = (h->dh + CHUNK - 1) / CHUNK, blocks = (h->dh + BLOCK - 1) / BLOCK;
    uint8_t *keys = memory, *values = keys + (size_t)padded * (size_t)chunks * CHUNK;
    uint16_t *z = (uint16_t *)(values + (size_t)blocks * (size_t)quads * QUAD_BYTES), *absent = z + BATCH * padded;
    uint8_t *score = (uint8_t *)(absent + 2 * padded);
    const int most = h->dh * UINT8_MAX + half_of(h->score_shift);
    int first, i, j, real = h->n;
    if (most > UINT16_MAX || most >> h->score_shift > LARGEST_Z) {
        portable_head(h, memory);
        return;
    }
    if (h->n == padded && (!h->mask || !memchr(h->mask, 0, (size_t)h->n)))
        absent = NULL;
    for (j = 0; absent && j < padded; j++) {
        const int here = j < h->n && (!h->mask || h->mask[j]), at = j / 4 * 8 + j % 4;
        real -= j < h->n && !here;
        absent[at] = absent[at + 4] = here ? 0 : INT16_MAX;
    }
    if (h->q)
        pack_keys(h, keys);
    if (h->out)
        pack_values(h, values);
    for (first = 0; first < h->n; first += BATCH) {
        const int count = smaller(BATCH, h->n - first);
        if (h->q)
            score_rows(h, first, count, keys, absent, groups, real, z, score);
        for (i = 0; h->score && i < count; i += QUERIES)
            copy_scores(score + i * padded, h->score + (size_t)(first + i) * (size_t)h->n, h->n,
                        smaller(QUERIES, count - i), !h->q);
        if (h->out)
            inhibit_rows(h, score, padded, values, first, count);
    }
}

#endif
