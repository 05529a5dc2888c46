// x86-64-v4: AVX-512 (F, BW, CD, DQ, VL).
#if defined(__x86_64__)
// Features, not arch=x86-64-v4: the compiler would then tune for processors on which vectors of 512 bits are slow.
#define TARGET                                                                                       \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,bmi,bmi2,cx16,f16c,fma," \
                          "lzcnt,movbe,popcnt,sahf")))
#define TABLE sordino_avx512_kernels
#define HAS_WIDE_CONVERSIONS

#define MORE_SUMS

#include "kernels.h"

#include "lanes_avx512.h"

#include "bodies.h"
#endif
