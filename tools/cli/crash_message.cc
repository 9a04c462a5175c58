#include "tools/cli/crash_message.h"

#include <csignal>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/cli/exit_code.h"
#include "tools/cli/json_writer.h"
#include "tools/cli/text.h"

namespace cairn::cli {

namespace {

// Made beforehand: a handler may only write and leave.
std::string lastWord;

void leave(int) {
  [[maybe_unused]] ssize_t ignored = ::write(2, lastWord.data(), lastWord.size());
  ::_exit(static_cast<int>(ExitCode::kDamage));
}

}  // namespace

void blameRootForCrashes(const std::string& root, bool json) {
  std::string message = fmt::format(
      "the command died reading {}: its store is damaged in a way that LMDB does not check; "
      "nothing "
      "acknowledged was lost by that, and `cairn verify` says more",
      printable(root));
  lastWord.clear();
  if (json) {
    JsonWriter(lastWord)
        .beginObject()
        .key("error")
        .beginObject()
        .member("code", "damaged")
        .member("message", message)
        .endObject()
        .endObject();
  } else {
    lastWord = "cairn: " + message;
  }
  lastWord += '\n';
  struct sigaction action {};
  action.sa_handler = leave;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

}  // namespace cairn::cli
