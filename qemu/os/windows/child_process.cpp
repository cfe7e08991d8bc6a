// windows/child_process.cpp - child_process.h for Windows, where no executor works in another process yet: each start
// is
// refused with the reason, so that subjects which need one are reported as such.
#include "qemu/os/child_process.h"

namespace assay::qemu {

namespace {
Error unsupported() {
  return Error{ErrorKind::Unsupported, {}, 0, 0, "executors in other processes are not there for Windows"};
}
} // namespace

Result<ChildProcess> ChildProcess::start(std::span<const std::string>, u32) { return unsupported(); }
ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(process_, other.process_);
  std::swap(stream_, other.stream_);
  return *this;
}
ChildProcess::~ChildProcess() = default;
bool ChildProcess::is_ours() const { return false; }
u64 ChildProcess::processor_time_ms() const { return 0; }
Transfer ChildProcess::transfer(std::span<const u8>&, std::span<u8>, std::size_t& received) {
  received = 0;
  return Transfer::Closed;
}
std::string ChildProcess::end(u32) { return {}; }

Result<ParentStream> ParentStream::take() { return unsupported(); }
std::size_t ParentStream::receive(std::span<u8>) { return 0; }
bool ParentStream::send(std::span<const u8>) { return false; }

std::string own_path() { return {}; }
bool can_execute(const std::string&) { return false; }

} // namespace assay::qemu
