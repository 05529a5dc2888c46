// Vectors of 4 floats for convolution.h, in the compiler's own terms; whether a multiply-add is fused is the architecture's
// affair. The other products are OpenBLAS's here.
#define PARTS_ARE_FREE 0
#define MANY_REGISTERS 0

enum { lanes = 4, product_rows = 4, product_vectors = 3 };

typedef float vector __attribute__((vector_size(16)));
typedef float unaligned_vector __attribute__((vector_size(16), aligned(4)));
typedef size_t part;

INLINE part first_lanes(size_t count) { return count; }
INLINE vector zeros(void) { return (vector){0}; }
INLINE vector spread(float value) { return (vector){value, value, value, value}; }
INLINE vector load(const float *place) { return *(const unaligned_vector *)place; }
INLINE vector load_part(const float *place, part present) {
    return (vector){place[0], present > 1 ? place[1] : 0, present > 2 ? place[2] : 0, present > 3 ? place[3] : 0};
}
INLINE void store(float *place, vector value) { *(unaligned_vector *)place = value; }
INLINE void store_part(float *place, vector value, part present) {
    for (size_t lane = 0; lane < present; lane++) place[lane] = value[lane];
}
INLINE vector multiply_add(vector a, vector b, vector c) { return a * b + c; }
