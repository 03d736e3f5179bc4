/* Attention for 64-bit ARM; linear layers and the rest stay in the portable form, which compilers turn into NEON.

   Score: absolute differences of 16 dims of four keys, summed pairwise into int16.
   Inhibition: four queries meet 16 dims of one key; a saturating subtraction, then widening multiply-adds with the
   sign. */

#ifndef HWSIM_NEON_H
#define HWSIM_NEON_H

#include <arm_neon.h>

#include "portable.h"

#define QUERIES 4
#define WIDEST 256 /* dims whose distance fits uint16 */

/* Rows of whole blocks, zeros behind their ends. */
static void neon_pack(const int8_t *rows, ptrdiff_t stride, int n, int dh, int8_t *packed)
{
    const size_t width = round_up((size_t)dh, BLOCK);
    int j;
    for (j = 0; j < n; j++, packed += width) {
        memcpy(packed, rows + j * stride, (size_t)dh);
        memset(packed + dh, 0, width - (size_t)dh);
    }
}

/* z of one query to four keys. */
static inline uint32x4_t neon_distances(const int8_t *q, const int8_t *keys, int width)
{
    uint16x8_t a = vdupq_n_u16(0), b = a, c = a, d = a;
    int k;
    for (k = 0; k < width; k += BLOCK, keys += BLOCK) {
        const int8x16_t x = vld1q_s8(q + k);
        a = vpadalq_u8(a, vreinterpretq_u8_s8(vabdq_s8(x, vld1q_s8(keys))));
        b = vpadalq_u8(b, vreinterpretq_u8_s8(vabdq_s8(x, vld1q_s8(keys + width))));
        c = vpadalq_u8(c, vreinterpretq_u8_s8(vabdq_s8(x, vld1q_s8(keys + 2 * width))));
        d = vpadalq_u8(d, vreinterpretq_u8_s8(vabdq_s8(x, vld1q_s8(keys + 3 * width))));
    }
    return vpaddq_u32(vpaddq_u32(vpaddlq_u16(a), vpaddlq_u16(b)), vpaddq_u32(vpaddlq_u16(c), vpaddlq_u16(d)));
}

/* Magnitudes and, behind them, signs of the packed values. */
static void neon_split(const Head *h, int8_t *magnitude, int8_t *sign, size_t size)
{
    const int8x16_t zero = vdupq_n_s8(0), one = vdupq_n_s8(1);
    size_t i;
    for (i = 0; i < size; i += BLOCK) {
        const int8x16_t v = vld1q_s8(magnitude + i);
        const int8x16_t negative = vreinterpretq_s8_u8(vcltq_s8(v, zero));
        vst1q_s8(sign + i, h->is_signed ? vorrq_s8(negative, one) : one);
        vst1q_s8(magnitude + i, h->is_signed ? vabsq_s8(v) : vmaxq_s8(v, zero));
    }
}

/* H of four queries, whose scores are h->n apart, and 16 dims from `dim` on. */
static void neon_inhibit(const Head *h, const int8_t *score, const int8_t *magnitude, const int8_t *sign, int width,
                         int32_t sums[QUERIES][BLOCK])
{
    int j = 0, r, i;
    memset(sums, 0, QUERIES * sizeof *sums);
    while (j < h->n) {
        const int stop = smaller(h->n, j + VALUE_RUN);
        int16x8_t low[QUERIES], high[QUERIES];
        int16_t part[BLOCK];
        for (r = 0; r < QUERIES; r++)
            low[r] = high[r] = vdupq_n_s16(0);
        for (; j < stop; j++) {
            const uint8x16_t m = vreinterpretq_u8_s8(vld1q_s8(magnitude + j * width));
            const int8x16_t s = vld1q_s8(sign + j * width);
            for (r = 0; r < QUERIES; r++) {
                const uint8x16_t far = vdupq_n_u8((uint8_t)score[r * h->n + j]);
                const int8x16_t kept = vreinterpretq_s8_u8(vqsubq_u8(m, far));
                low[r] = vmlal_s8(low[r], vget_low_s8(kept), vget_low_s8(s));
                high[r] = vmlal_high_s8(high[r], kept, s);
            }
        }
        for (r = 0; r < QUERIES; r++) {
            vst1q_s16(part, low[r]);
            vst1q_s16(part + 8, high[r]);
            for (i = 0; i < BLOCK; i++)
                sums[r][i] += part[i];
        }
    }
}

static void neon_head(const Head *h, uint8_t *memory)
{
    const int width = (int)round_up((size_t)h->dh, BLOCK), fours = (int)round_up((size_t)h->n, 4);
    const size_t size = (size_t)fours * (size_t)width;
    int8_t *keys = (int8_t *)memory, *magnitude = keys + size, *sign = magnitude + size;
    int32_t *z = (int32_t *)(sign + size);
    int8_t *score = (int8_t *)(z + fours), q[WIDEST];
    int32_t sums[QUERIES][BLOCK];
    int i, j, r, k;
    if (h->dh > WIDEST) {
        portable_head(h, memory);
        return;
    }
    if (h->q) {
        neon_pack(h->k, h->stride, h->n, h->dh, keys);
        memset(keys + h->n * width, 0, (size_t)((fours - h->n) * width));
    }
    if (h->out) {
        neon_pack(h->v, h->stride, h->n, h->dh, magnitude);
        neon_split(h, magnitude, sign, (size_t)(h->n * width));
    }
    for (i = 0; i < h->n; i += QUERIES) {
        const int valid = smaller(QUERIES, h->n - i);
        for (r = 0; r < QUERIES; r++) {
            const ptrdiff_t row = smaller(i + r, h->n - 1);
            int8_t *to = score + r * h->n;
            if (h->q) {
                neon_pack(h->q + row * h->stride, h->stride, 1, h->dh, q);
                for (j = 0; j < fours; j += 4)
                    vst1q_s32(z + j, vreinterpretq_s32_u32(neon_distances(q, keys + j * width, width)));
                score_from(h, z, to);
                if (h->score && r < valid)
                    memcpy(h->score + row * h->n, to, (size_t)h->n);
            } else {
                memcpy(to, h->score + row * h->n, (size_t)h->n);
            }
        }
        for (k = 0; h->out && k < h->dh; k += BLOCK) {
            neon_inhibit(h, score, magnitude + k, sign + k, width, sums);
            for (r = 0; r < valid; r++)
                for (j = 0; j < smaller(BLOCK, h->dh - k); j++)
                    store_inhibited(h, sums[r][j], i + r, k + j);
        }
    }
}

static const Kernels NEON_KERNELS = {
    "neon", neon_head, portable_linear, portable_norm16, portable_requantize, portable_residual_add,
};

#endif
