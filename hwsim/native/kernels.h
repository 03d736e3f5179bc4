/* The kernels that this processor can run, fastest first. */

#ifndef HWSIM_KERNELS_H
#define HWSIM_KERNELS_H

#include "portable.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include "avx2.h"
#include "avx2_dot_product.h"
#define HAS_OPPONENT __builtin_cpu_supports("avx2")
#define HAS_FASTER __builtin_cpu_supports("avx2")
#define FASTER (&AVX2_KERNELS)
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__AARCH64EB__)
#include "neon.h"
#define HAS_FASTER 1
#define FASTER (&NEON_KERNELS)
#endif

#define MOST_KERNELS 2

static int kernels_here(const Kernels *found[MOST_KERNELS])
{
    int count = 0;
#ifdef FASTER
    if (HAS_FASTER)
        found[count++] = FASTER;
#endif
    found[count++] = &PORTABLE;
    return count;
}

#endif
