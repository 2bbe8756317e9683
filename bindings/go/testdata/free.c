/* Preloaded by a test: a free that ends the process if the tests' parent secret is still in the block. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

void free(void *block)
{
    static const char secret[] = "0000000000000000000000000000000000000000000000000000000000000001";
    static void (*system_free)(void *);
    if (!system_free)
        *(void **)&system_free = dlsym(RTLD_NEXT, "free");
    if (block && memmem(block, malloc_usable_size(block), secret, sizeof secret - 1))
        _exit(3);
    system_free(block);
}
