// main.cpp - assay_agent: runs programs that arrive on standard input on this processor, real or emulated, and says on
// standard output what became of them (qemu/protocol/messages.h).
//
//   assay_agent               the conversation; ends when its input does
//   assay_agent --self-test   says what it can run; exit status 1 when that is nothing
#include "qemu/os/child_process.h"
#include "qemu/user/agent/session.h"

#include <cstdio>
#include <string_view>

namespace assay::qemu::agent {
namespace {

constexpr std::size_t kReceiveBytes = 64 * 1024;

int self_test() {
  const Session session;
  std::printf("%s\n", session.hello().runner.c_str());
  bool any = false;
  for (const protocol::Ability& ability : session.hello().abilities) {
    any = any || ability.reason.empty();
    std::printf("%s %s\n", std::string(name_of(ability.target)).c_str(),
                ability.reason.empty() ? "yes" : ability.reason.c_str());
  }
  return any ? 0 : 1;
}

int converse() {
  auto stream = ParentStream::take();
  if (!stream) {
    std::fprintf(stderr, "assay_agent: %s\n", stream.error().message.c_str());
    return 4;
  }
  Session session;
  std::vector<u8> answer;
  protocol::encode_hello(session.hello(), answer);
  protocol::FrameBuffer incoming;
  protocol::Frame frame;
  for (;;) {
    // Each answer goes out by itself: whoever asked then knows which run did not answer.
    if (!answer.empty() && !stream->send(answer)) return 0;
    answer.clear();
    const auto whole = incoming.next(frame);
    if (!whole) {
      protocol::encode_refused(0, {whole.error().kind, whole.error().message}, answer);
      static_cast<void>(stream->send(answer));
      return 3;
    }
    if (*whole) {
      session.handle(frame, answer);
      continue;
    }
    const std::size_t received = stream->receive(incoming.space(kReceiveBytes));
    if (received == 0) return 0;
    incoming.filled(received);
  }
}

} // namespace
} // namespace assay::qemu::agent

int main(int argc, char** argv) {
  using namespace assay::qemu::agent;
  if (argc == 1) return converse();
  if (argc == 2 && std::string_view(argv[1]) == "--self-test") return self_test();
  std::fprintf(stderr, "usage: assay_agent [--self-test]\n");
  return 2;
}
