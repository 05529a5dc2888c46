// The least that the architecture has (SSE2 on x86-64), and no products: those are OpenBLAS's.
#define TARGET
#define TABLE sordino_portable_kernels

#define MORE_SUMS

#include "kernels.h"

#include "lanes_portable.h"

#include "bodies.h"
