#include "cli/signals.h"

#include <signal.h>

#include <atomic>

#include "io/file.h"

namespace sde::cli {
namespace {

StopToken token;
std::atomic<int> received{0};

static_assert(std::atomic<int>::is_always_lock_free, "a handler may not take locks");

extern "C" void on_signal(int signal) {
  if (received.exchange(signal) == 0) {
    token.request();
    return;
  }
  // The second time: no more waiting. What stands half-written beside its destination goes.
  io::remove_unfinished();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void install_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    struct sigaction old {};
    sigaction(signal, nullptr, &old);
    // A shell that runs us in the background ignores SIGINT on our behalf; so it stays.
    if (old.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

const StopToken& stop_token() {
  return token;
}

int stop_signal() {
  return received.load();
}

const char* signal_name(int signal) {
  switch (signal) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "a signal";
  }
}

}  // namespace sde::cli
