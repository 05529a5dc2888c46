// x86-64-v3: AVX2 and FMA.
#if defined(__x86_64__)
// The architecture level, not its features: the compiler would otherwise tune for processors that have neither and
// split every unaligned load in two.
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define TABLE sordino_avx2_kernels

// Twice the sums side by side that the compiler would take: with its own, a norm waits for its additions.
#define MORE_SUMS _Pragma("clang loop interleave_count(8)")

#include "kernels.h"

#include "lanes_avx2.h"

#include "bodies.h"
#endif
