/* The kernels for AVX2, together. */

#ifndef HWSIM_AVX2_H
#define HWSIM_AVX2_H

#include "avx2_head.h"
#include "avx2_linear.h"

static const Kernels AVX2_KERNELS = {
    "avx2", avx2_head, avx2_linear, avx2_norm16, avx2_requantize, avx2_residual_add,
};

#endif
