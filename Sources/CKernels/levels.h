// The kernels of a level as a table, which dispatch.c chooses from.
#ifndef SORDINO_LEVELS_H
#define SORDINO_LEVELS_H

#include "CKernels.h"

/// The forms of one level. `product` and `affine` are null where the level has none.
typedef struct {
#define KERNEL(result, name, parameters, arguments) result(*name) parameters;
#include "kernel_list.h"
} sordino_kernels;

extern const sordino_kernels sordino_portable_kernels;
#if defined(__x86_64__)
extern const sordino_kernels sordino_avx2_kernels, sordino_avx512_kernels;
#elif defined(__aarch64__)
extern const sordino_kernels sordino_neon_kernels;
#endif

/// The kernels of a level; null where this processor cannot run them.
const sordino_kernels *sordino_kernels_of(sordino_level level);

#endif
