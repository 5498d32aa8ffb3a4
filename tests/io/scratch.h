// What the tests of io share: a directory that goes away, errors as values, child processes.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace sde::io {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sde-io-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string file(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  // Names of everything there, hidden files too.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_))
      all.push_back(entry.path().filename());
    std::sort(all.begin(), all.end());
    return all;
  }
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Caught {
  Status status = Status::success;
  std::string sentence = "(no error)";
};

inline Caught caught(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    return {e.status(), e.what()};
  }
  return {};
}

// The exit status of `run` in a child, minus the signal's number where one ended it. The child's status is
// the error's.
inline int in_child(const std::function<void()>& run) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Caught c = caught(run);
    ::_exit(static_cast<int>(c.status));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// In a child: no file may grow beyond `bytes`, as on a full disk.
inline void limit_file_size(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {bytes, bytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

#define EXPECT_REFUSED(statement, expected_status, part)                             \
  do {                                                                               \
    const auto refused_ = ::sde::io::caught([&] { statement; });                     \
    EXPECT_EQ(refused_.status, expected_status) << refused_.sentence;                \
    EXPECT_NE(refused_.sentence.find(part), std::string::npos) << refused_.sentence; \
  } while (false)

}  // namespace sde::io
