#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "io/format.h"
#include "io/sha256.h"
#include "scratch.h"

namespace sde::io {
namespace {

using Names = std::vector<std::string>;

// FIPS 180-4 examples, and lengths around the 55/56/64-byte edges of the padding (from coreutils' sha256sum).
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, AgreesWithSha256sumForEveryLength) {
  if (std::system("command -v sha256sum >/dev/null") != 0) GTEST_SKIP() << "sha256sum is not installed";
  const Scratch scratch;
  for (std::size_t n : {1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 1000}) {
    const std::string path = scratch.file("data", std::string(n, 'x'));
    ASSERT_EQ(std::system(("sha256sum <" + path + " >" + scratch.path("sum")).c_str()), 0);
    EXPECT_EQ(slurp(scratch.path("sum")).substr(0, 64), Input(path).sha256()) << n;
  }
}

TEST(Sha256, PartsMakeTheWhole) {
  const std::string text(1000, 'q');
  for (const std::size_t part : {1, 7, 63, 64, 65, 500}) {
    Sha256 hash;
    for (std::size_t i = 0; i < text.size(); i += part) hash.update(std::string_view(text).substr(i, part));
    EXPECT_EQ(hash.finish(), sha256(text)) << part;
  }
}

TEST(Input, TellsFormsByContent) {
  const Scratch s;
  EXPECT_EQ(Input(s.file("a", "")).form(), Form::empty);
  EXPECT_EQ(Input(s.file("a", " \n{\"x\":1}")).form(), Form::json);
  EXPECT_EQ(Input(s.file("a", "\xef\xbb\xbf[1]")).form(), Form::json);
  EXPECT_EQ(Input(s.file("a", "x,y\n1,2\n")).form(), Form::text);
  EXPECT_EQ(Input(s.file("a", std::string("x\0y", 3))).form(), Form::binary);
  EXPECT_EQ(Input(s.file("a", "\x89HDF\r\n\x1a\n....")).form(), Form::hdf5);
  for (const std::size_t user_block : {512, 1024, 65536}) {
    EXPECT_EQ(Input(s.file("a", std::string(user_block, '\0') + "\x89HDF\r\n\x1a\n....")).form(), Form::hdf5);
  }
}

TEST(Input, AbsentFileIsNoInput) {
  const Scratch s;
  EXPECT_REFUSED(Input(s.path("none.h5")), Status::no_input, "none.h5: no such file");
  EXPECT_REFUSED(Input(s.file("a", "x") + "/b"), Status::no_input, "no such file");
  EXPECT_REFUSED(Input(s.directory()), Status::bad_data, "is a directory");
}

TEST(Input, ReadsAPipeOnce) {
  const Scratch s;
  const std::string pipe = s.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string text(300000, 'z');
  const pid_t child = ::fork();
  if (child == 0) {
    std::ofstream(pipe) << text;
    ::_exit(0);
  }
  const Input input(pipe);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(input.regular());
  EXPECT_EQ(input.form(), Form::text);
  EXPECT_EQ(input.bytes(), text);
  EXPECT_EQ(input.sha256(), sha256(text));
}

TEST(AtomicFile, AppearsWhenCommitted) {
  const Scratch s;
  AtomicFile file(s.path("out"));
  file.write("hello");
  EXPECT_FALSE(std::filesystem::exists(s.path("out")));
  EXPECT_EQ(s.names().size(), 1u);  // the hidden one
  EXPECT_EQ(s.names()[0].front(), '.');
  file.commit();
  EXPECT_EQ(s.names(), Names{"out"});
  EXPECT_EQ(slurp(s.path("out")), "hello");
}

TEST(AtomicFile, LeavesNothingWhenAbandoned) {
  const Scratch s;
  {
    AtomicFile file(s.path("out"));
    file.write("half");
  }
  EXPECT_TRUE(s.names().empty());
}

TEST(AtomicFile, RefusesWhatExistsUnlessForced) {
  const Scratch s;
  s.file("out", "old");
  EXPECT_REFUSED(AtomicFile{s.path("out")}, Status::cannot_create, "exists; use -f");
  EXPECT_REFUSED(check_output(s.path("out"), {}), Status::cannot_create, "exists; use -f");
  ::chmod(s.path("out").c_str(), 0640);
  {
    AtomicFile file(s.path("out"), {.force = true});
    file.write("lost");
    EXPECT_EQ(slurp(s.path("out")), "old");
  }
  EXPECT_EQ(slurp(s.path("out")), "old");
  write_file(s.path("out"), "new", {.force = true});
  EXPECT_EQ(slurp(s.path("out")), "new");
  struct stat status;
  ASSERT_EQ(::stat(s.path("out").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
  EXPECT_EQ(s.names(), Names{"out"});
}

TEST(AtomicFile, ASymbolicLinkStaysALink) {
  const Scratch s;
  std::filesystem::create_directory(s.path("there"));
  s.file("there/real", "old");
  std::filesystem::create_symlink("there/real", s.path("link"));
  write_file(s.path("link"), "new", {.force = true});
  EXPECT_TRUE(std::filesystem::is_symlink(s.path("link")));
  EXPECT_EQ(slurp(s.path("there/real")), "new");
}

TEST(AtomicFile, KeepsTheResultWhereAnotherTookTheName) {
  const Scratch s;
  AtomicFile file(s.path("out"));
  file.write("mine");
  s.file("out", "theirs");
  const std::string hidden = file.temporary();
  EXPECT_REFUSED(file.commit(), Status::cannot_create, hidden);
  EXPECT_EQ(slurp(s.path("out")), "theirs");
  EXPECT_EQ(slurp(hidden), "mine");
}

TEST(AtomicFile, SaysWhyItCannotBeCreated) {
  const Scratch s;
  s.file("plain", "");
  const struct {
    std::string path, part;
  } table[] = {
      {s.path("none/out"), "there is no directory"},
      {s.path("plain/out"), "no directory"},
      {s.directory(), "is a directory"},
      {s.directory() + "/", "names a directory"},
      {"/proc/sde-out", "is not writable"},
      {s.path(std::string(300, 'n')), "name is too long"},
  };
  for (const auto& [path, part] : table) {
    EXPECT_REFUSED(AtomicFile{path}, Status::cannot_create, part);
  }
  EXPECT_REFUSED(check_output(s.path("none/out"), {}), Status::cannot_create, "there is no directory");
  EXPECT_REFUSED(check_output(s.path("plain/out"), {}), Status::cannot_create, "no directory");
  EXPECT_REFUSED(AtomicFile{""}, Status::usage, "empty");
  EXPECT_EQ(caught([&] { check_output(s.path("fine"), {}); }).status, Status::success);
  EXPECT_EQ(s.names(), Names{"plain"});
}

TEST(AtomicFile, ALongNameFits) {
  const Scratch s;
  const std::string name(250, 'n');
  write_file(s.path(name), "x");
  EXPECT_EQ(s.names(), Names{name});
}

TEST(AtomicFile, AFullDeviceIsAnIoError) {
  EXPECT_REFUSED(write_file("/dev/full", "x"), Status::io, "No space left on device");
  EXPECT_EQ(caught([] { write_file("/dev/null", "x"); }).status, Status::success);
}

TEST(AtomicFile, AFileSizeLimitIsAnIoErrorAndLeavesNothing) {
  const Scratch s;
  s.file("out", "old");
  const int status = in_child([&] {
    limit_file_size(1000);
    write_file(s.path("out"), std::string(5000, 'x'), {.force = true});
  });
  EXPECT_EQ(status, static_cast<int>(Status::io));
  EXPECT_EQ(s.names(), Names{"out"});
  EXPECT_EQ(slurp(s.path("out")), "old");
}

TEST(Stdout, AFullDeviceIsAnIoError) {
  for (const bool stdio : {false, true}) {
    const int status = in_child([&] {
      ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
      if (stdio) {
        std::printf("text");
        finish_stdout();
      } else {
        write_stdout("text");
      }
    });
    EXPECT_EQ(status, static_cast<int>(Status::io));
  }
}

TEST(Stdout, AClosedPipeIsToldApart) {
  for (const bool stdio : {false, true}) {
    const int status = in_child([&] {
      std::signal(SIGPIPE, SIG_IGN);
      int ends[2];
      if (::pipe(ends) != 0) return;
      ::close(ends[0]);
      ::dup2(ends[1], STDOUT_FILENO);
      try {
        std::string text(100, 'x');
        if (stdio) {
          std::fputs(text.c_str(), stdout);
          finish_stdout();
        } else {
          AtomicFile file("-");
          file.write(text);
        }
      } catch (const BrokenPipe&) {
        ::_exit(99);
      }
    });
    EXPECT_EQ(status, 99);
  }
}

TEST(Stdout, RefusesBinaryDataOnATerminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0)
    GTEST_SKIP() << "no pseudo-terminals here";
  const std::string name = ::ptsname(terminal);
  EXPECT_REFUSED((AtomicFile{name, {.binary = true}}), Status::usage, "is a terminal");
  const int status = in_child([&] {
    ::dup2(::open(name.c_str(), O_WRONLY | O_NOCTTY), STDOUT_FILENO);
    AtomicFile file("-", {.binary = true});
  });
  EXPECT_EQ(status, static_cast<int>(Status::usage));
  ::close(terminal);
}

TEST(Unfinished, AreRemovedOnRequest) {
  const Scratch s;
  const int status = in_child([&] {
    AtomicFile a(s.path("a")), b(s.path("b"));
    a.write("x");
    remove_unfinished();
    ::_exit(s.names().empty() ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
}

TEST(OutputForm, FollowsEndingOrFormat) {
  EXPECT_EQ(output_form("a.csv", ""), OutputForm::csv);
  EXPECT_EQ(output_form("a.json", ""), OutputForm::json);
  EXPECT_EQ(output_form("a.h5", ""), OutputForm::hdf5);
  EXPECT_EQ(output_form("-", ""), OutputForm::hdf5);
  EXPECT_EQ(output_form("-", "csv"), OutputForm::csv);
  EXPECT_EQ(output_form("a.csv", "h5"), OutputForm::hdf5);
  EXPECT_REFUSED(output_form("a", "hdf5"), Status::usage, "--format");
}

}  // namespace
}  // namespace sde::io
