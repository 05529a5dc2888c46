// AArch64, every processor of which has NEON with fused multiply-adds.
#if defined(__aarch64__)
#define TARGET
#define TABLE sordino_neon_kernels
#define HAS_WIDE_CONVERSIONS

#define MORE_SUMS

#include "kernels.h"

#include "lanes_neon.h"

#include "bodies.h"
#endif
