// x86-64-v3: AVX2 and FMA.
#if defined(__x86_64__)
// The architecture level, not its features: the compiler would otherwise tune for processors that have neither and
// split every unaligned load in two.
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define TABLE sordino_avx2_kernels

#include "kernels.h"

#include "lanes_avx2.h"

#include "bodies.h"
#endif
