// Files as the programs see them: an input that is read once, an output that appears under its name only when
// whole.
//
// "-" is standard input or output everywhere. What is no regular file (a pipe, a device, a shell's process
// substitution) is read to its end into memory, and written in place: nothing can be renamed onto it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sde::io {

// The reader of our pipe went away (`| head`). The programs end quietly, as cat does.
class BrokenPipe : public Error {
 public:
  explicit BrokenPipe(const std::string& name) : Error(Status::io, name + ": closed by its reader") {}
};

enum class Form { empty, hdf5, json, text, binary };

// An input whose bytes are asked for at most once, so that "-" can be looked at and then read. Copies share
// the bytes.
class Input {
 public:
  // Status::no_input where there is no such file or it cannot be opened; a directory is bad_data.
  explicit Input(const std::string& path);

  const std::string& path() const { return path_; }
  // For messages: the path, or "standard input".
  const std::string& name() const { return name_; }
  // False where the bytes can only come from memory ("-", pipes); bytes() has then been filled.
  bool regular() const { return regular_; }
  // From the first bytes, not from the ending: an HDF5 signature, a first visible character { or [, a NUL
  // byte.
  Form form() const;
  // The whole content. Status::io where reading fails.
  const std::string& bytes() const;
  std::string sha256() const;  // 64 hexadecimal digits

 private:
  std::string path_, name_;
  bool regular_ = false;
  mutable std::shared_ptr<const std::string> bytes_;
};

// Input(path).bytes(): the text of a configuration.
std::string read_file(const std::string& path);

struct OutputOptions {
  bool force = false;   // replace an existing file
  bool binary = false;  // refuse a terminal
};

// Whether an output could be created, without creating it: for dry runs. Throws what AtomicFile would.
void check_output(const std::string& path, const OutputOptions& options);

// Bytes that an output may still take where it will stand (on its disk, for this user); nothing for standard
// output and what is no regular file.
std::optional<double> free_bytes(const std::string& path);

// An output file. It is written beside its destination as a hidden file, then synced and renamed by commit():
// the destination is at any time absent, old or complete. Destroyed without commit(), it leaves nothing.
class AtomicFile {
 public:
  // Status::cannot_create where the destination exists without `force`, is a directory, or its directory
  // cannot be written; Status::usage where binary data would go to a terminal.
  explicit AtomicFile(const std::string& path, const OutputOptions& options = {});
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // For messages: the destination, or "standard output".
  const std::string& name() const { return name_; }
  // The hidden file where the bytes go until commit(); empty where the destination is written in place.
  const std::string& temporary() const { return temporary_; }
  bool in_place() const { return temporary_.empty(); }
  int descriptor() const { return descriptor_; }

  // Status::io where the device is full or fails, BrokenPipe where a pipe's reader is gone.
  void write(std::string_view bytes);
  // Tells of bytes that have come to be in the hidden file, by whatever way: from time to time the disk is
  // set to work on them, so that the sync of commit() finds little left.
  void wrote(std::size_t bytes);
  // Syncs and renames; for standard output, checks that everything arrived.
  void commit();

 private:
  void discard() noexcept;

  std::string destination_, name_, temporary_;
  int descriptor_ = -1;
  bool owned_ = false;  // the descriptor is ours to close
  bool force_ = false;
  int slot_ = -1;
  std::size_t waiting_ = 0;  // bytes that the disk may not have begun with
};

// One complete text output: AtomicFile, write, commit.
void write_file(const std::string& path, std::string_view bytes, const OutputOptions& options = {});

void write_stdout(std::string_view bytes);
// Call before a program ends: flushes stdio, and throws where anything printed to standard output was lost.
void finish_stdout();

// Removes the hidden files of unfinished outputs. Async-signal-safe: for a second interrupt, just before
// _exit.
void remove_unfinished() noexcept;

// What errno means, as a sentence's end: "No space left on device".
std::string errno_text(int error);

}  // namespace sde::io
