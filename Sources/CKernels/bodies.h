// All kernels in the form of one level: included by each level_*.c, after TARGET (the attribute of its functions),
// TABLE (the name of its table) and what its vectors can do.
#include "levels.h"

// What others use.
#include "bodies/products.h"
#include "bodies/wide.h"

#include "bodies/activations.h"
#include "bodies/attention.h"
#include "bodies/convolution.h"
#include "bodies/grid.h"
#include "bodies/group_norm.h"
#include "bodies/lanes.h"
#include "bodies/normal.h"
#include "bodies/order.h"
#include "bodies/pooling.h"
#include "bodies/recurrent.h"
#include "bodies/sampler.h"
#include "bodies/units.h"
#include "bodies/vectors.h"
#include "bodies/winograd.h"

#ifndef HAS_PRODUCTS
#define level_product 0
#define level_affine 0
#endif

const sordino_kernels TABLE = {
#define KERNEL(result, name, parameters, arguments) .name = level_##name,
#include "kernel_list.h"
};
