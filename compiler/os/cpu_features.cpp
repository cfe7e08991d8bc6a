// cpu_features.cpp - which optional instructions this processor and system have.
//
// CPUID leaves 1, 7 and 0x80000001 (Intel SDM volume 2, "CPUID"). FMA is encoded with VEX, so it also needs the system
// to save the AVX state (OSXSAVE, then XCR0 bits 1 and 2). Any other processor: the baseline. Asked once.
// Tested in compiler/os/tests/cpu_features_test.cpp.
#include "assay/compiler.h"

#if defined(__x86_64__) || defined(_M_X64)
#define ASSAY_HAS_CPUID 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#include <immintrin.h>
#endif
#endif

namespace assay {

#ifdef ASSAY_HAS_CPUID

namespace {

struct Leaf {
  u32 eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(u32 leaf) {
  Leaf out;
#if defined(_MSC_VER)
  int top[4] = {}, regs[4] = {};
  __cpuid(top, static_cast<int>(leaf & 0x80000000u));
  if (static_cast<u32>(top[0]) < leaf) return out;
  __cpuidex(regs, static_cast<int>(leaf), 0);
  out = {static_cast<u32>(regs[0]), static_cast<u32>(regs[1]), static_cast<u32>(regs[2]), static_cast<u32>(regs[3])};
#else
  __get_cpuid_count(leaf, 0, &out.eax, &out.ebx, &out.ecx, &out.edx);
#endif
  return out;
}

#if defined(__GNUC__)
__attribute__((target("xsave")))
#endif
u64 enabled_state() {
  return _xgetbv(0);
}

CpuFeatures detect() {
  const Leaf basic = cpuid(1), extended = cpuid(7), amd = cpuid(0x80000001u);
  const auto bit = [](u32 word, u32 index) { return ((word >> index) & 1) != 0; };
  CpuFeatures features;
  features.sse41 = bit(basic.ecx, 19);
  features.popcnt = bit(basic.ecx, 23);
  features.lzcnt = bit(amd.ecx, 5);
  features.bmi1 = bit(extended.ebx, 3);
  const bool saves_avx = bit(basic.ecx, 27) && (enabled_state() & 6) == 6;
  features.fma = bit(basic.ecx, 12) && saves_avx;
  features.bmi1 = features.bmi1 && saves_avx; // andn and its kin are VEX-encoded as well
  return features;
}

} // namespace

CpuFeatures host_features() {
  static const CpuFeatures features = detect();
  return features;
}

#else

CpuFeatures host_features() { return {}; }

#endif

} // namespace assay
