// count_instructions.cpp - a plugin of QEMU that counts the instructions of a run: those of the program's own code, and
// those of code that was mapped elsewhere, as what a JIT compiler makes is.
//
//   qemu-aarch64 -plugin file=libassay_count_instructions.so,out=FILE PROGRAM ...    FILE then has two numbers
//
// Counted are instructions of blocks that were entered; a block that a fault leaves in its midst counts whole. Needs a
// QEMU with plugins whose interface has version 1, and knows where a program lies (7.1 to 8.2); others say that they
// do not take it. What is used of the interface (QEMU manual, "TCG Plugins") is declared here, since
// packages have no header for it. One call a block executed. Tested by `assay bench --instructions` in
// fuzz/cli/tests/cli_test.cmake.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

extern "C" {
struct qemu_plugin_tb;
struct qemu_info_t;
using qemu_plugin_id_t = uint64_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* block);
uint64_t qemu_plugin_tb_vaddr(const qemu_plugin_tb* block);
uint64_t qemu_plugin_start_code(void);
uint64_t qemu_plugin_end_code(void);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*translated)(qemu_plugin_id_t, qemu_plugin_tb*));
void qemu_plugin_register_vcpu_tb_exec_cb(qemu_plugin_tb* block, void (*executed)(unsigned processor, void* data),
                                          qemu_plugin_cb_flags flags, void* data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*ended)(qemu_plugin_id_t, void* data), void* data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
}

namespace {

char out_file[4096];
uint64_t counts[2]; // of the image, of other code

void count_image(unsigned, void* data) { counts[0] += reinterpret_cast<uintptr_t>(data); }
void count_other(unsigned, void* data) { counts[1] += reinterpret_cast<uintptr_t>(data); }

void on_translated(qemu_plugin_id_t, qemu_plugin_tb* block) {
  const uint64_t at = qemu_plugin_tb_vaddr(block);
  const bool is_own = at >= qemu_plugin_start_code() && at < qemu_plugin_end_code();
  qemu_plugin_register_vcpu_tb_exec_cb(block, is_own ? count_image : count_other, QEMU_PLUGIN_CB_NO_REGS,
                                       reinterpret_cast<void*>(qemu_plugin_tb_n_insns(block)));
}

void on_end(qemu_plugin_id_t, void*) {
  std::FILE* file = std::fopen(out_file, "w");
  if (file == nullptr) return; // whoever reads it sees that there is nothing
  std::fprintf(file, "%llu %llu\n", static_cast<unsigned long long>(counts[0]),
               static_cast<unsigned long long>(counts[1]));
  std::fclose(file);
}

} // namespace

extern "C" __attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t*,
                                                                          int count, char** arguments) {
  for (int i = 0; i < count; ++i)
    if (std::strncmp(arguments[i], "out=", 4) == 0 && std::strlen(arguments[i]) < sizeof out_file)
      std::strcpy(out_file, arguments[i] + 4);
  if (out_file[0] == 0) return -1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
  qemu_plugin_register_atexit_cb(id, on_end, nullptr);
  return 0;
}
