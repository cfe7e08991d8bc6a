// always_inline.h - for small functions of hot loops that compilers find too large to put into each caller.
#pragma once

#if defined(_MSC_VER)
#define ASSAY_ALWAYS_INLINE __forceinline
#else
#define ASSAY_ALWAYS_INLINE [[gnu::always_inline]] inline
#endif
