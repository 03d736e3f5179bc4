/* Loads, stores and the way from 32 bits to fewer, for the AVX2 kernels. */

#ifndef HWSIM_AVX2_COMMON_H
#define HWSIM_AVX2_COMMON_H

#include <immintrin.h>

#include "portable.h"

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline

/* For innermost loops: at -O3 gcc moves loads and subtractions out of order and then spills a sum. */
#ifdef __clang__
#define AVX2_LOOP(...) AVX2 static
#else
#define AVX2_LOOP(...) AVX2 __attribute__((optimize(__VA_ARGS__), noinline)) static
#endif

/* Unrolled, a loop over queries keeps its sums in registers; other loops just have fewer ends. */
#define UNROLLED _Pragma("GCC unroll 4")

AVX2_INLINE __m256i load(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

AVX2_INLINE void store(void *to, __m256i x)
{
    _mm256_storeu_si256((__m256i *)to, x);
}

AVX2_INLINE __m256i broadcast32(const void *from)
{
    int32_t x;
    memcpy(&x, from, sizeof x);
    return _mm256_set1_epi32(x);
}

AVX2_INLINE __m256i broadcast64(const void *from)
{
    int64_t x;
    memcpy(&x, from, sizeof x);
    return _mm256_set1_epi64x(x);
}

/* `round_shift` of eight accumulators. */
AVX2_INLINE __m256i round_shift8(__m256i acc, int shift)
{
    const __m256i half = _mm256_sra_epi32(acc, _mm_cvtsi32_si128(larger(shift - 1, 0)));
    const __m256i up = _mm256_and_si256(half, _mm256_set1_epi32(shift > 0));
    return _mm256_add_epi32(_mm256_sra_epi32(acc, _mm_cvtsi32_si128(shift)), up);
}

/* `round_shift` of sixteen int16. */
AVX2_INLINE __m256i round_shift16(__m256i x, int shift)
{
    if (!shift)
        return x;
    return _mm256_mulhrs_epi16(x, _mm256_set1_epi16((int16_t)(shift < BLOCK ? 1 << (15 - shift) : 0)));
}

AVX2_INLINE __m256i within16(__m256i x, int limit)
{
    const __m256i most = _mm256_set1_epi16((int16_t)limit);
    return _mm256_max_epi16(_mm256_min_epi16(x, most), _mm256_sub_epi16(_mm256_setzero_si256(), most));
}

/* Sixteen int32, in order, saturated to +-limit as int16. */
AVX2_INLINE __m256i saturate16(__m256i low, __m256i high, int limit)
{
    return within16(_mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8), limit);
}

AVX2_INLINE __m256i narrow(__m256i low, __m256i high, int shift, int limit)
{
    return saturate16(round_shift8(low, shift), round_shift8(high, shift), limit);
}

/* `count` int16, up to sixteen, and zeros. */
AVX2_INLINE __m256i load16(const int16_t *from, int count)
{
    int16_t all[BLOCK] = {0};
    if (count == BLOCK)
        return load(from);
    memcpy(all, from, (size_t)count * sizeof *all);
    return load(all);
}

/* The first `count` of sixteen int16, as they are. */
AVX2_INLINE void store16(int16_t *to, __m256i x, int count)
{
    int16_t all[BLOCK];
    if (count == BLOCK) {
        store(to, x);
        return;
    }
    store(all, x);
    memcpy(to, all, (size_t)count * sizeof *all);
}

/* `count` bytes, up to sixteen, and zeros. */
AVX2_INLINE __m128i load_bytes(const void *from, int count)
{
    int8_t all[BLOCK] = {0};
    if (count == BLOCK)
        return _mm_loadu_si128((const __m128i *)from);
    memcpy(all, from, (size_t)count);
    return _mm_loadu_si128((const __m128i *)all);
}

AVX2_INLINE void store_bytes(void *to, __m128i x, int count)
{
    int8_t all[BLOCK];
    if (count == BLOCK) {
        _mm_storeu_si128((__m128i *)to, x);
        return;
    }
    _mm_storeu_si128((__m128i *)all, x);
    memcpy(to, all, (size_t)count);
}

/* The first `count` of sixteen int16 as int8, which they must fit. */
AVX2_INLINE void store8(int8_t *to, __m256i x, int count)
{
    store_bytes(to, _mm_packs_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)), count);
}

#endif
