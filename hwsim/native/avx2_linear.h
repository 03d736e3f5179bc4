/* Linear layers, the norm and the narrowing operators for AVX2.

   Dense: four tokens meet 16 outputs; a multiply-add of bytes takes four inputs of eight outputs, in 2 instructions
   for 32 products. Inputs are raised by 128 to be unsigned, which the packed bias takes back.
   Sparse: tokens lie side by side, and a weight is one addition or subtraction for 16 of them; sums stay in 16 bits,
   as layers.py makes sure. */

#ifndef HWSIM_AVX2_LINEAR_H
#define HWSIM_AVX2_LINEAR_H

#include "avx2_common.h"

#define TOKENS 4

/* Sixteen accumulators of one token become outputs. */
AVX2_INLINE void avx2_finish(const Linear *l, const Finish *f, __m256i low, __m256i high, int row, int block)
{
    const ptrdiff_t at = row * f->stride + block * BLOCK;
    const int count = smaller(BLOCK, l->outputs - block * BLOCK), shift = l->shift[block];
    if (f->kind == NARROW) {
        __m256i y = narrow(low, high, shift, largest(f->bits));
        if (f->relu)
            y = _mm256_max_epi16(y, _mm256_setzero_si256());
        store8((int8_t *)f->out + at, y, count);
    } else if (f->kind == RESIDUAL) {
        const __m256i most = _mm256_set1_epi32(1 << 17), least = _mm256_set1_epi32(-(1 << 17));
        const __m256i x = load16(f->residual + at, count);
        low = _mm256_max_epi32(_mm256_min_epi32(round_shift8(low, shift), most), least);
        high = _mm256_max_epi32(_mm256_min_epi32(round_shift8(high, shift), most), least);
        low = _mm256_add_epi32(low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(x)));
        high = _mm256_add_epi32(high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(x, 1)));
        store16((int16_t *)f->out + at, saturate16(low, high, largest(f->bits)), count);
    } else {
        int32_t all[BLOCK];
        store(all, low);
        store(all + 8, high);
        memcpy((int32_t *)f->out + at, all, (size_t)count * sizeof *all);
    }
}

#define MULTIPLY(token, x0, x1)                                                          \
    do {                                                                                 \
        const __m256i four = broadcast32(token + 4 * quad);                              \
        x0 = _mm256_add_epi16(x0, _mm256_maddubs_epi16(four, w0));                       \
        x1 = _mm256_add_epi16(x1, _mm256_maddubs_epi16(four, w1));                       \
    } while (0)

#define WIDEN_LINEAR(token, x0, x1)                                                      \
    do {                                                                                 \
        sums[token][0] = _mm256_add_epi32(sums[token][0], _mm256_madd_epi16(x0, ones));  \
        sums[token][1] = _mm256_add_epi32(sums[token][1], _mm256_madd_epi16(x1, ones));  \
    } while (0)

AVX2_LOOP("O2") void dense_block(const Linear *l, int block, const uint8_t *const x[TOKENS], __m256i sums[TOKENS][2])
{
    const int quads = (l->inputs + 3) / 4;
    const int8_t *weight = l->packed + (size_t)(block * l->planes) * (size_t)quads * BLOCK * 4;
    const uint8_t *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
    const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
    int plane, quad, t;
    for (t = 0; t < TOKENS; t++) {
        sums[t][0] = load(l->corrected + block * BLOCK);
        sums[t][1] = load(l->corrected + block * BLOCK + 8);
    }
    for (plane = 0; plane < l->planes; plane++)
        for (quad = 0; quad < quads;) {
            const int stop = smaller(quads, quad + l->run);
            __m256i a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
            for (; quad < stop; quad++, weight += BLOCK * 4) {
                const __m256i w0 = load(weight), w1 = load(weight + 32);
                MULTIPLY(x0, a0, a1);
                MULTIPLY(x1, b0, b1);
                MULTIPLY(x2, c0, c1);
                MULTIPLY(x3, d0, d1);
            }
            WIDEN_LINEAR(0, a0, a1);
            WIDEN_LINEAR(1, b0, b1);
            WIDEN_LINEAR(2, c0, c1);
            WIDEN_LINEAR(3, d0, d1);
        }
}

AVX2 static void avx2_dense(const Linear *l, const int8_t *x, ptrdiff_t stride, int first, int rows, const Finish *f,
                            uint8_t *memory)
{
    const int width = (int)round_up((size_t)l->inputs, 4);
    const __m256i raise = _mm256_set1_epi8(-128);
    int row, block, t, k;
    for (; first < rows; first += TILE) {
        const int tile = smaller(TILE, rows - first);
        for (row = 0; row < tile; row++) {
            const int8_t *from = x + (first + row) * stride;
            uint8_t *to = memory + row * width;
            for (k = 0; k + 32 <= l->inputs; k += 32)
                store(to + k, _mm256_xor_si256(load(from + k), raise));
            for (; k < l->inputs; k++)
                to[k] = (uint8_t)(from[k] ^ -128);
            for (; k < width; k++)
                to[k] = 0; /* its weights are zeros */
        }
        for (block = 0; block < l->blocks; block++)
            for (row = 0; row < tile; row += TOKENS) {
                const uint8_t *tokens[TOKENS];
                __m256i sums[TOKENS][2];
                for (t = 0; t < TOKENS; t++)
                    tokens[t] = memory + smaller(row + t, tile - 1) * width;
                dense_block(l, block, tokens, sums);
                for (t = 0; t < TOKENS && row + t < tile; t++)
                    avx2_finish(l, f, sums[t][0], sums[t][1], first + row + t, block);
            }
    }
}

/* Both halves of sixteen rows of sixteen bytes, transposed in place. */
AVX2_INLINE void transpose_bytes(__m256i row[BLOCK])
{
    __m256i next[BLOCK];
    int round, i;
    for (round = 0; round < 4; round++) {
        for (i = 0; i < 8; i++) {
            next[2 * i] = _mm256_unpacklo_epi8(row[i], row[i + 8]);
            next[2 * i + 1] = _mm256_unpackhi_epi8(row[i], row[i + 8]);
        }
        for (i = 0; i < BLOCK; i++)
            row[i] = next[i];
    }
}

/* Both halves of eight rows of eight int16, transposed in place. */
AVX2_INLINE void transpose_words(__m256i row[8])
{
    __m256i next[8];
    int round, i;
    for (round = 0; round < 3; round++) {
        for (i = 0; i < 4; i++) {
            next[2 * i] = _mm256_unpacklo_epi16(row[i], row[i + 4]);
            next[2 * i + 1] = _mm256_unpackhi_epi16(row[i], row[i + 4]);
        }
        for (i = 0; i < 8; i++)
            row[i] = next[i];
    }
}

/* int16 [inputs][SPARSE_TILE] of up to SPARSE_TILE tokens; the last token stands for those that are not there. */
AVX2 static void columns_of(const int8_t *x, ptrdiff_t stride, int tokens, int inputs, int16_t *columns)
{
    int k, t;
    for (k = 0; k < inputs; k += BLOCK) {
        const int count = smaller(BLOCK, inputs - k);
        __m256i row[BLOCK];
        for (t = 0; t < BLOCK; t++)
            row[t] = _mm256_set_m128i(load_bytes(x + smaller(t + BLOCK, tokens - 1) * stride + k, count),
                                      load_bytes(x + smaller(t, tokens - 1) * stride + k, count));
        transpose_bytes(row);
        for (t = 0; t < count; t++) {
            int16_t *column = columns + (k + t) * SPARSE_TILE;
            store(column, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(row[t])));
            store(column + BLOCK, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(row[t], 1)));
        }
    }
    memset(columns + inputs * SPARSE_TILE, 0, SPARSE_TILE * sizeof *columns);
}

#define TERM(operation, i)                                                   \
    do {                                                                     \
        const int16_t *column = columns + (size_t)entry[i] * (SPARSE_TILE / SPARSE_UNITS);\
        a = operation(a, load(column));                                      \
        b = operation(b, load(column + 16));                                 \
    } while (0)

#define TERMS(operation, steps)                                              \
    do {                                                                     \
        const uint16_t *stop = entry + (steps) * SPARSE_STEP;                \
        for (; entry < stop; entry += SPARSE_STEP) {                         \
            TERM(operation, 0);                                              \
            TERM(operation, 1);                                              \
        }                                                                    \
    } while (0)

/* All outputs of SPARSE_TILE tokens, shifted unless they are kept: int8 if they are narrowed, else int16,
   [outputs][SPARSE_TILE]. */
AVX2_LOOP("O2") void sparse_sums(const Linear *l, const Finish *f, const int16_t *columns, void *sums)
{
    const __m256i most = _mm256_set1_epi8((int8_t)(f->kind == NARROW ? largest(f->bits) : 0));
    const __m256i least = f->relu ? _mm256_setzero_si256() : _mm256_sub_epi8(_mm256_setzero_si256(), most);
    const uint16_t *entry = l->entry;
    const SparseRow *row = l->row, *end = row + l->blocks * BLOCK;
    for (; row < end; row++) {
        const int shift = f->kind == KEEP ? 0 : l->shift[row->output / BLOCK];
        __m256i a = _mm256_set1_epi16((int16_t)l->bias[row->output]), b = a;
        TERMS(_mm256_add_epi16, row->plus);
        TERMS(_mm256_sub_epi16, row->minus);
        a = round_shift16(a, shift);
        b = round_shift16(b, shift);
        if (f->kind == NARROW) {
            a = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8);
            store((int8_t *)sums + row->output * SPARSE_TILE, _mm256_max_epi8(_mm256_min_epi8(a, most), least));
        } else {
            store((int16_t *)sums + row->output * SPARSE_TILE, a);
            store((int16_t *)sums + row->output * SPARSE_TILE + BLOCK, b);
        }
    }
}

/* A block of outputs int8 [BLOCK][SPARSE_TILE] goes to the tokens' rows. */
AVX2 static void scatter_bytes(const Linear *l, const Finish *f, const int8_t *bytes, int first, int tokens,
                               int block)
{
    const int count = smaller(BLOCK, l->outputs - block * BLOCK);
    int8_t *to = (int8_t *)f->out + first * f->stride + block * BLOCK;
    __m256i row[BLOCK];
    int t;
    for (t = 0; t < BLOCK; t++)
        row[t] = load(bytes + t * SPARSE_TILE);
    transpose_bytes(row);
    for (t = 0; t < smaller(BLOCK, tokens); t++)
        store_bytes(to + t * f->stride, _mm256_castsi256_si128(row[t]), count);
    for (; t < tokens; t++)
        store_bytes(to + t * f->stride, _mm256_extracti128_si256(row[t - BLOCK], 1), count);
}

/* Sixteen accumulators int16 of one token, shifted unless they are kept, become outputs. */
AVX2_INLINE void finish_words(const Finish *f, __m256i acc, ptrdiff_t at, int count)
{
    if (f->kind == KEEP) {
        int32_t all[BLOCK];
        store(all, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(acc)));
        store(all + 8, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(acc, 1)));
        memcpy((int32_t *)f->out + at, all, (size_t)count * sizeof *all);
    } else {
        const __m256i sum = _mm256_adds_epi16(acc, load16(f->residual + at, count));
        store16((int16_t *)f->out + at, within16(sum, largest(f->bits)), count);
    }
}

/* A block of accumulators int16 [BLOCK][SPARSE_TILE] goes to the tokens' rows. */
AVX2 static void scatter_words(const Linear *l, const Finish *f, const int16_t *words, int first, int tokens,
                               int block)
{
    const int count = smaller(BLOCK, l->outputs - block * BLOCK);
    int t, i;
    for (t = 0; t < tokens; t += 8, words += 8) {
        __m256i row[8];
        for (i = 0; i < 8; i++)
            row[i] = _mm256_set_m128i(load_bytes(words + (i + 8) * SPARSE_TILE, BLOCK),
                                      load_bytes(words + i * SPARSE_TILE, BLOCK));
        transpose_words(row);
        for (i = 0; i < smaller(8, tokens - t); i++)
            finish_words(f, row[i], (first + t + i) * f->stride + block * BLOCK, count);
    }
}

AVX2 static void avx2_sparse(const Linear *l, const int8_t *x, ptrdiff_t stride, int first, int rows, const Finish *f,
                             uint8_t *memory)
{
    int16_t *columns = (int16_t *)memory, *sums = columns + round_up((size_t)l->inputs + 1, BLOCK) * SPARSE_TILE;
    int block;
    for (; first < rows; first += SPARSE_TILE) {
        const int tokens = smaller(SPARSE_TILE, rows - first);
        columns_of(x + first * stride, stride, tokens, l->inputs, columns);
        sparse_sums(l, f, columns, sums);
        for (block = 0; block < l->blocks; block++)
            if (f->kind == NARROW)
                scatter_bytes(l, f, (int8_t *)sums + block * BLOCK * SPARSE_TILE, first, tokens, block);
            else
                scatter_words(l, f, sums + block * BLOCK * SPARSE_TILE, first, tokens, block);
    }
}

AVX2 static void avx2_linear(const Linear *l, const int8_t *x, ptrdiff_t stride, int rows, const Finish *f,
                             uint8_t *memory)
{
    const int last = rows % SPARSE_TILE;
    const int sparse = l->form == DENSE ? 0 : last && last <= l->few ? rows - last : rows;
    avx2_sparse(l, x, stride, 0, sparse, f, memory);
    avx2_dense(l, x, stride, sparse, rows, f, memory);
}

AVX2 static uint32_t norm_of(const int16_t *x, int width)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    int32_t lanes[8];
    uint32_t norm = 0;
    int k;
    for (k = 0; k + BLOCK <= width; k += BLOCK)
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load(x + k), _mm256_sign_epi16(ones, load(x + k))));
    store(lanes, sum);
    for (; k < width; k++)
        norm += (uint32_t)abs(x[k]);
    for (k = 0; k < 8; k++)
        norm += (uint32_t)lanes[k];
    return norm;
}

AVX2 static int avx2_norm16(const int16_t *x, int8_t *y, int rows, int width)
{
    int row, k;
    if (width > (1 << 16)) /* an int32 lane could not hold the sum */
        return portable_norm16(x, y, rows, width);
    for (row = 0; row < rows; row++, x += width, y += width) {
        const uint32_t norm = norm_of(x, width);
        int shift, factor;
        if (norm >= NORM_LIMIT)
            return 0;
        factor = norm_factor(norm, width, &shift);
        k = 0;
        if (shift >= 4 && shift <= 15) { /* one instruction multiplies, rounds and shifts by 15; the factor has 4 bits */
            const __m256i raised = _mm256_set1_epi16((int16_t)(factor << (15 - shift)));
            for (; k + BLOCK <= width; k += BLOCK)
                store8(y + k, within16(_mm256_mulhrs_epi16(load(x + k), raised), 127), BLOCK);
        }
        for (; k < width; k++)
            y[k] = (int8_t)requantize(x[k] * factor, shift, 8);
    }
    return 1;
}

AVX2 static void avx2_requantize(const int32_t *acc, void *out, size_t count, int shift, int bits)
{
    size_t i;
    for (i = 0; i + BLOCK <= count; i += BLOCK) {
        const __m256i y = narrow(load(acc + i), load(acc + i + 8), shift, largest(bits));
        if (bits <= 8)
            store8((int8_t *)out + i, y, BLOCK);
        else
            store16((int16_t *)out + i, y, BLOCK);
    }
    portable_requantize(acc + i, bits <= 8 ? (void *)((int8_t *)out + i) : (void *)((int16_t *)out + i), count - i,
                        shift, bits);
}

AVX2 static void avx2_residual_add(const int16_t *x, const int32_t *acc, int16_t *out, size_t count, int shift,
                                   int bits)
{
    /* A row of one block after the other, as a linear layer without weights would finish them. */
    uint8_t block_shift = (uint8_t)shift;
    const Linear l = {.outputs = BLOCK, .shift = &block_shift};
    const Finish f = {RESIDUAL, out, x, BLOCK, bits, 0};
    size_t i;
    for (i = 0; i + BLOCK <= count; i += BLOCK)
        avx2_finish(&l, &f, load(acc + i), load(acc + i + 8), (int)(i / BLOCK), 0);
    portable_residual_add(x + i, acc + i, out + i, count - i, shift, bits);
}

#endif
