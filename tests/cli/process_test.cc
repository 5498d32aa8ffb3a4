// Signals and threads, in processes of their own.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "cli/threads.h"
#include "cli/tool.h"

namespace sde::cli {
namespace {

// Starts a run that lasts until it is asked to stop, sends `signals` to it, and returns waitpid's status.
int run_and_signal(std::initializer_list<int> signals, const std::string& remedy, bool stubborn) {
  int ready[2];
  EXPECT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    ::signal(SIGINT, SIG_DFL);
    close(STDERR_FILENO);
    ToolInfo info;
    info.name = "tool";
    char name[] = "tool";
    char* argv[] = {name, nullptr};
    _exit(run_tool(1, argv, info, [&](Context& context) {
      if (write(ready[1], "x", 1) != 1) return 99;
      while (stubborn || !context.hooks().stopped())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      context.check_stopped(remedy);
      return 0;
    }));
  }
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  for (int signal : signals) {
    kill(child, signal);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  int status = 0;
  waitpid(child, &status, 0);
  close(ready[0]);
  close(ready[1]);
  return status;
}

TEST(Signals, TheFirstEndsTheRunAfterItsStep) {
  for (int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    const int status = run_and_signal({signal}, "", false);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
  }
}

TEST(Signals, ACheckpointMakesItSeventyFive) {
  const int status = run_and_signal({SIGTERM}, "continue with --resume", false);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 75);
}

TEST(Signals, TheSecondEndsItAtOnce) {
  const int status = run_and_signal({SIGINT, SIGINT}, "", true);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(Threads, SlurmAndTheMachineBindThem) {
  unsetenv("SLURM_CPUS_PER_TASK");
  const int all = allowed_threads();
  EXPECT_GE(all, 1);
  EXPECT_LE(all, static_cast<int>(std::thread::hardware_concurrency()));
  setenv("SLURM_CPUS_PER_TASK", "1", 1);
  EXPECT_EQ(allowed_threads(), 1);
  setenv("SLURM_CPUS_PER_TASK", "100000", 1);
  EXPECT_EQ(allowed_threads(), all);
  unsetenv("SLURM_CPUS_PER_TASK");
}

}  // namespace
}  // namespace sde::cli
