// Which level's kernels run, and the interface, which calls them.
//
// The level is chosen once, when the program is loaded and before any thread: by the processor, or by the variable
// SORDINO_CPU_LEVEL. What is wrong with the variable is for `VectorLevel` to say; here it is as if it were not set.
#include "levels.h"

#include <stdlib.h>
#include <string.h>

static const sordino_kernels *kernels = &sordino_portable_kernels;
static sordino_level level = sordino_level_portable;

const sordino_kernels *sordino_kernels_of(sordino_level level) {
    if (level == sordino_level_portable) return &sordino_portable_kernels;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (level == sordino_level_avx2 && __builtin_cpu_supports("x86-64-v3")) return &sordino_avx2_kernels;
    if (level == sordino_level_avx512 && __builtin_cpu_supports("x86-64-v4")) return &sordino_avx512_kernels;
#elif defined(__aarch64__)
    if (level == sordino_level_neon) return &sordino_neon_kernels;
#endif
    return 0;
}

int sordino_level_named(const char *name) {
    static const char *const names[] = {"portable", "neon", "v3", "v4"};
    for (int number = 0; number < 4; number++) {
        if (strcmp(name, names[number]) == 0) return number;
    }
    return -1;
}

int sordino_has_level(sordino_level level) { return sordino_kernels_of(level) != 0; }

sordino_level sordino_current_level(void) { return level; }

__attribute__((constructor)) static void choose(void) {
    const char *name = getenv("SORDINO_CPU_LEVEL");
    const int wanted = name ? sordino_level_named(name) : -1;
    const sordino_kernels *found = wanted < 0 ? 0 : sordino_kernels_of((sordino_level)wanted);
    int best = found ? wanted : sordino_level_avx512;
    while (!(found = sordino_kernels_of((sordino_level)best))) best--;
    kernels = found;
    level = (sordino_level)best;
}

#define KERNEL(result, name, parameters, arguments) \
    result sordino_##name parameters { return kernels->name arguments; }
#include "kernel_list.h"
