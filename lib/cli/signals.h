// Signals: TERM, INT and USR1 ask the run to stop after its step; a second one of them ends the program at
// once.
#pragma once

#include "base/hooks.h"

namespace sde::cli {

// Installs the handlers for the whole process; a closed pipe and a file's size limit become errors of
// write().
void install_signals();

// Set by the first signal.
const StopToken& stop_token();

// The signal that asked to stop, 0 where none did; and its name for messages ("SIGTERM").
int stop_signal();
const char* signal_name(int signal);

}  // namespace sde::cli
