// stubs.cpp - see stubs.h. Installs the target's stubs like any other code, with frames the unwinder is asked about.
//
// The installer and the code are leaked on purpose: compiled code may run until the very end of the process.
// Tested in compiler/jit/tests/instance_test.cpp.
#include "compiler/jit/stubs.h"

#include "assay/compiler.h"
#include "compiler/jit/installer.h"
#include "compiler/jit/instance.h"

#include <cstring>

#if defined(__aarch64__) || defined(_M_ARM64)
#include "compiler/target/a64/stubs.h"
#else
#include "compiler/target/x64/stubs.h"
#endif

namespace assay::jit {

namespace {

#if defined(__aarch64__) || defined(_M_ARM64)
using a64::make_stubs;
#else
using x64::make_stubs;
#endif

struct Home {
  StubCode code = make_stubs(host_os());
  std::optional<Installer> installer;
  Installed installed;
  Stubs stubs;
};

/// On any other processor the installer refuses the code.
Result<const Stubs*> make() {
  static Home* const home = new Home;
  auto installer = Installer::create();
  if (!installer) return installer.error();
  home->installer.emplace(std::move(installer).value());
  const u64 on_trap = reinterpret_cast<u64>(&Instance::on_trap);
  std::memcpy(home->code.object.code.data() + home->code.on_trap_field, &on_trap, sizeof on_trap);
  if (auto done = home->installer->install(home->code.object, home->installed); !done) return done.error();
  const u64 enter = home->installed.base() + home->code.enter_offset;
  std::memcpy(&home->stubs.enter, &enter, sizeof enter);
  for (u32 kind = 0; kind < kTrapCount; ++kind)
    home->stubs.trap_entry[kind] = home->installed.base() + home->code.trap_offset[kind];
  home->stubs.unwindable = home->installed.unwindable();
  home->stubs.object = &home->code.object;
  home->stubs.base = reinterpret_cast<const u8*>(home->installed.base());
  return &home->stubs;
}

} // namespace

Result<const Stubs*> process_stubs() {
  static const Result<const Stubs*> stubs = make();
  return stubs;
}

} // namespace assay::jit
