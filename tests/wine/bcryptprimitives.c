/* Wine before 9 has no bcryptprimitives.dll, from which Rust's own library takes its random numbers. This stands in for
 * it where the tests run; every Windows has its own. */

#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
    return RtlGenRandom(data, (ULONG)length);
}
