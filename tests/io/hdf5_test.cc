#include "io/hdf5.h"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "io/check.h"
#include "io/provenance.h"
#include "scratch.h"

namespace sde::io {
namespace {

using Texts = std::vector<std::string>;

template <class T>
std::vector<T> counting(std::size_t n) {
  std::vector<T> v(n);
  std::iota(v.begin(), v.end(), T{1});
  return v;
}

TEST(Hdf5, EveryTypeComesBack) {
  const Scratch s;
  const std::string path = s.path("a.h5");
  {
    Writer w(path, "bench");
    w.write("/a/b/f64", std::vector<double>{1.5, -0.0, 1e300, 5e-324}, {2, 2}, {"row", "column"});
    w.write("/a/f32", std::vector<float>{0.1f, 3.0f}, {2});
    w.write("/i64", std::vector<std::int64_t>{INT64_MIN, INT64_MAX}, {2});
    w.write("/i32", std::vector<std::int32_t>{-7}, {1});
    w.write("/u64", std::vector<std::uint64_t>{UINT64_MAX}, {1});
    w.write("/u8", std::vector<std::uint8_t>{0, 255}, {2});
    w.write("/none", std::vector<double>{}, {0, 3});
    w.write_scalar<double>("/scalar", 2.5);
    w.write_text("/text", "{\"k\": \"\xc3\xa9\"}");
    w.write_text("/long", std::string(200000, 'j'));  // an attribute could not hold it
    w.write_text("/empty", "");
    w.write_texts("/texts", {"one", "", "three"});
    w.write_text_pairs("/pairs", "path", "sha256", {{"p", "q"}, {"r", ""}});
    w.make_group("/runs");
    w.attribute("/a", "rate", 0.25);
    w.attribute("/a", "names", Texts{"s", "v"});
    w.attribute("/a", "counts", std::vector<std::uint64_t>{1, 2});
    w.attribute("/a", "rate", 0.5);  // replaces
    w.finish();
  }
  const Reader r(path, {"bench", "model"});
  EXPECT_EQ(r.kind(), "bench");
  EXPECT_EQ(r.read<double>("/a/b/f64", {kAny, 2}), (std::vector<double>{1.5, -0.0, 1e300, 5e-324}));
  EXPECT_TRUE(std::signbit(r.read<double>("/a/b/f64")[1]));
  EXPECT_EQ(r.texts_attribute("/a/b/f64", "dims"), (Texts{"row", "column"}));
  EXPECT_EQ(r.read<float>("/a/f32"), (std::vector<float>{0.1f, 3.0f}));
  EXPECT_EQ(r.read<std::int64_t>("/i64"), (std::vector<std::int64_t>{INT64_MIN, INT64_MAX}));
  EXPECT_EQ(r.read_scalar<std::int32_t>("/i32"), -7);
  EXPECT_EQ(r.read_scalar<std::uint64_t>("/u64"), UINT64_MAX);
  EXPECT_EQ(r.read<std::uint8_t>("/u8"), (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(r.shape("/none"), (Shape{0, 3}));
  EXPECT_TRUE(r.read<double>("/none").empty());
  EXPECT_EQ(r.read_scalar<double>("/scalar"), 2.5);
  EXPECT_EQ(r.read_text("/text"), "{\"k\": \"\xc3\xa9\"}");
  EXPECT_EQ(r.read_text("/long"), std::string(200000, 'j'));
  EXPECT_EQ(r.read_text("/empty"), "");
  EXPECT_EQ(r.read_texts("/texts"), (Texts{"one", "", "three"}));
  EXPECT_EQ(r.read_text_pairs("/pairs", "path", "sha256"),
            (std::vector<std::pair<std::string, std::string>>{{"p", "q"}, {"r", ""}}));
  EXPECT_EQ(r.attribute<double>("/a", "rate"), std::vector<double>{0.5});
  EXPECT_EQ(r.texts_attribute("/a", "names"), (Texts{"s", "v"}));
  EXPECT_EQ(r.attribute<std::uint64_t>("/a", "counts"), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(r.list("/a"), (Texts{"b", "f32"}));
  EXPECT_TRUE(r.exists("/a/b/f64"));
  EXPECT_FALSE(r.exists("/a/c/f64"));
  EXPECT_TRUE(r.is_group("/runs"));
  EXPECT_TRUE(r.is_text("/text"));
  EXPECT_TRUE(r.is_numeric("/u8"));
  EXPECT_FALSE(r.is_numeric("/text"));
}

TEST(Hdf5, PartsInAnyOrderMakeTheWhole) {
  const Scratch s;
  const auto all = counting<double>(7 * 5 * 2);
  for (const int deflate : {0, 6}) {
    for (const Element element : {Element::f64, Element::f32}) {
      const std::string path = s.path("parts.h5");
      {
        Writer w(path, "bench", {.force = true});
        Layout layout;
        layout.shape = {7, 5, 2};
        layout.deflate = deflate;
        w.create("/x", element, layout);
        w.write_rows("/x", 4, std::span(all).subspan(40, 30));
        w.write_rows("/x", 0, std::span(all).subspan(0, 30));
        w.write_part("/x", {3, 0, 0}, {1, 5, 2}, std::span(all).subspan(30, 10));
        w.finish();
      }
      const Reader r(path);
      EXPECT_EQ(r.read<double>("/x", {7, 5, 2}), all);
      EXPECT_EQ(r.read_rows<double>("/x", 2, 3), std::vector<double>(all.begin() + 20, all.begin() + 50));
    }
  }
}

TEST(Hdf5, AnExtendibleDatasetGrows) {
  const Scratch s;
  const auto all = counting<double>(300000);
  {
    Writer w(s.path("grow.h5"), "bench");
    Layout layout;
    layout.shape = {0, 3};
    layout.extendible = true;
    w.create("/loss", Element::f64, layout);
    for (std::size_t at = 0; at < all.size(); at += 9999) {
      w.append("/loss", std::span(all).subspan(at, std::min<std::size_t>(9999, all.size() - at)));
    }
    EXPECT_EQ(w.shape("/loss"), (Shape{100000, 3}));
    w.finish();
  }
  EXPECT_EQ(Reader(s.path("grow.h5")).read<double>("/loss", {100000, 3}), all);
}

TEST(Hdf5, WrongUseIsABug) {
  const Scratch s;
  Writer w(s.path("bug.h5"), "bench");
  EXPECT_REFUSED(w.write("/x", counting<double>(3), {2, 2}), Status::bug, "3 values for shape [2, 2]");
  Layout layout;
  layout.shape = {4, 2};
  w.create("/y", Element::f64, layout);
  const auto five = counting<double>(5), ten = counting<double>(10);
  EXPECT_REFUSED(w.write_rows("/y", 0, std::span(five)), Status::bug, "not whole rows");
  EXPECT_REFUSED(w.write_rows("/y", 0, std::span(ten)), Status::bug, "do not fit");
  EXPECT_REFUSED(w.write_rows("/z", 0, std::span(ten)), Status::bug, "before it was created");
}

TEST(Hdf5, ReadersSayWhatIsWrong) {
  const Scratch s;
  const std::string path = s.path("a.h5");
  {
    Writer w(path, "samples");
    w.write("/x", counting<double>(6), {2, 3});
    w.write_text("/t", "text");
    w.finish();
  }
  const Reader r(path);
  EXPECT_REFUSED((void)r.read<double>("/y/z"), Status::bad_data, "a.h5: at /y/z: is missing");
  EXPECT_REFUSED((void)r.read<double>("/t"), Status::bad_data, "at /t: must hold numbers");
  EXPECT_REFUSED((void)r.read_text("/x"), Status::bad_data, "at /x: must hold text");
  EXPECT_REFUSED((void)r.read<double>("/x", {kAny, 4}), Status::bad_data,
                 "must have shape [any, 4] (got [2, 3])");
  EXPECT_REFUSED((void)r.read<double>("/"), Status::bad_data, "must be a dataset");
  EXPECT_REFUSED((void)r.read_scalar<double>("/x"), Status::bad_data, "must hold 1 value (got shape [2, 3])");
  EXPECT_REFUSED((void)r.attribute<double>("/", "nfe"), Status::bad_data, "/@nfe: is missing");
  EXPECT_REFUSED(Reader(path, {"model", "ensemble"}), Status::bad_data,
                 "must be of kind model or ensemble (got samples)");
}

// Files that another program might hand over, made with the C API.
class Foreign : public ::testing::Test {
 protected:
  // Root attributes as asked for; `format` empty: none.
  std::string make(const std::string& name, const std::string& format, int major, bool complete) {
    const std::string path = scratch_.path(name);
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (!format.empty()) {
      const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
      H5Tset_size(type, format.size());  // of fixed length, as other writers store it
      for (const char* attribute : {"format", "kind"}) {
        const hid_t a = H5Acreate2(file, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT);
        H5Awrite(a, type, format.data());
        H5Aclose(a);
      }
      const hsize_t two = 2;
      const hid_t pair = H5Screate_simple(1, &two, nullptr);
      const int version[] = {major, 7};
      const hid_t v = H5Acreate2(file, "format_version", H5T_STD_I64BE, pair, H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(v, H5T_NATIVE_INT, version);
      H5Aclose(v);
    }
    if (complete) {
      const int one = 1;
      const hid_t a =
          H5Acreate2(file, "complete", H5T_NATIVE_INT, H5Screate(H5S_SCALAR), H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(a, H5T_NATIVE_INT, &one);
      H5Aclose(a);
    }
    H5Fclose(file);
    return path;
  }
  Scratch scratch_;
};

TEST_F(Foreign, IsRefusedInOneSentence) {
  EXPECT_REFUSED(Reader(make("a.h5", "", 1, true)), Status::bad_data,
                 "a.h5: is HDF5, but not of this format");
  EXPECT_REFUSED(Reader(make("a.h5", "netcdf", 1, true)), Status::bad_data, "not of this format");
  EXPECT_REFUSED(Reader(make("a.h5", "sdetools", 2, true)), Status::bad_data,
                 "version 2.7, newer than the 1.0");
  EXPECT_REFUSED(Reader(make("a.h5", "sdetools", 0, true)), Status::bad_data,
                 "version 0.7, older than the 1.0");
  EXPECT_REFUSED(Reader(make("a.h5", "sdetools", 1, false)), Status::bad_data, "is incomplete");
  EXPECT_EQ(Reader(make("a.h5", "sdetools", 1, true)).kind(), "sdetools");  // a newer minor version is read
  EXPECT_REFUSED(Reader(scratch_.file("b", "")), Status::bad_data, "b: is empty");
  EXPECT_REFUSED(Reader(scratch_.file("b", "{}")), Status::bad_data, "is JSON");
  EXPECT_REFUSED(Reader(scratch_.file("b", "x,y\n")), Status::bad_data, "is text");
  EXPECT_REFUSED(Reader(scratch_.file("b", std::string(9, '\0'))), Status::bad_data, "is not HDF5");
  EXPECT_REFUSED(Reader(scratch_.path("none")), Status::no_input, "no such file");
}

TEST_F(Foreign, AnExtentThatMemoryCannotHoldIsRefused) {
  const std::string path = make("huge.h5", "sdetools", 1, true);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hsize_t extent[] = {hsize_t{1} << 40, hsize_t{1} << 12};
  const hid_t space = H5Screate_simple(2, extent, nullptr), creation = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk[] = {1024, 1};
  H5Pset_chunk(creation, 2, chunk);
  H5Dclose(H5Dcreate2(file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Fclose(file);
  const Reader r(path);
  EXPECT_REFUSED((void)r.read<double>("/x"), Status::bad_data, "at /x: does not fit into memory");
}

std::string example_file(const Scratch& s) {
  const std::string path = s.path("example.h5");
  Writer w(path, "bench");
  Provenance p = make_provenance();
  p.config_json = "{\"steps\": 10}";
  p.inputs = {{"a.csv", std::string(64, '0')}};
  write_provenance(w, p);
  w.write("/runs/value", counting<double>(2000), {100, 20}, {"run", "value"});
  Layout layout;
  layout.shape = {0, 8};
  layout.extendible = true;
  layout.deflate = 4;
  w.create("/runs/trace", Element::f32, layout);
  const auto rows = counting<double>(8000);
  w.append("/runs/trace", std::span(rows));
  w.write_texts("/runs/name", {"a", "b"});
  w.finish();
  return path;
}

TEST(Hdf5, TheSameContentMakesTheSameBytes) {
  const Scratch s;
  const auto bytes = [&] {
    Writer w(s.path("same.h5"), "bench", {.force = true});
    write_provenance(w, Provenance{});
    w.make_group("/runs/deep");
    w.make_group("/runs");  // is there already
    w.write("/a/b/x", counting<double>(10), {10});
    w.finish();
    return slurp(s.path("same.h5"));
  };
  const std::string first = bytes();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5 would store times in seconds
  EXPECT_TRUE(bytes() == first);
}

TEST(Hdf5, TruncatedAtAnyLengthIsBadData) {
  const Scratch s;
  const std::string bytes = slurp(example_file(s));
  ASSERT_EQ(caught([&] { check_file(s.path("example.h5")); }).sentence, "(no error)");
  std::vector<std::size_t> lengths = {0, 1, 7, 8, 9, 47, 48, 95, 96, 511, 512, 2048, bytes.size() - 1};
  for (std::size_t i = 1; i < 200; ++i) lengths.push_back(bytes.size() * i / 200);
  for (const std::size_t n : lengths) {
    const Caught c = caught([&] { check_file(s.file("cut.h5", bytes.substr(0, n))); });
    EXPECT_EQ(c.status, Status::bad_data) << n << ": " << c.sentence;
    EXPECT_NE(c.sentence.find("cut.h5: "), std::string::npos) << c.sentence;
  }
  EXPECT_REFUSED(check_file(s.file("cut.h5", bytes.substr(0, bytes.size() / 2))), Status::bad_data,
                 "is truncated");
}

TEST(Hdf5, TruncatedImagesAreBadDataToo) {
  const Scratch s;
  const std::string bytes = slurp(example_file(s));
  for (std::size_t i = 0; i <= 20; ++i) {
    const std::string cut = s.file("cut.h5", bytes.substr(0, (bytes.size() - 1) * i / 20));
    const int status = in_child([&] {
      ::dup2(::open(cut.c_str(), O_RDONLY), STDIN_FILENO);
      check_file("-");
    });
    EXPECT_EQ(status, static_cast<int>(Status::bad_data)) << i;
  }
}

// Damage in the middle: either an error or an answer, never a crash. Each file in a child, so that a crash is
// one result.
TEST(Hdf5, FlippedBytesNeverCrash) {
  const Scratch s;
  const std::string bytes = slurp(example_file(s));
  const std::size_t heap = bytes.find("GCOL");
  ASSERT_NE(heap, std::string::npos);
  int refused = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    std::string damaged = bytes;
    const std::size_t at = (i * 7919 + 8) % bytes.size();
    if (at >= heap && at < heap + 4096) continue;
    damaged[at] ^= static_cast<char>(1 << (i % 8));
    const std::string path = s.file("damaged.h5", damaged);
    const int status = in_child([&] { check_file(path); });
    EXPECT_TRUE(status == 0 || status == 65) << i << ": " << status;
    refused += status == 65;
  }
  EXPECT_GT(refused, 0);
}

TEST(Hdf5, AnImageTravelsThroughPipes) {
  const Scratch s;
  const std::string pipe = s.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto values = counting<double>(100000);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(pipe.c_str(), O_WRONLY), STDOUT_FILENO);
    ::_exit(static_cast<int>(caught([&] {
                               Writer w("-", "bench");
                               w.write("/x", values, {100000});
                               w.write_text("/json", "{}");
                               w.make_group("/runs");
                               write_provenance(w, make_provenance());
                               w.finish();
                             }).status));
  }
  const Input input(pipe);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  const Reader r(input);
  EXPECT_EQ(r.read<double>("/x"), values);
  EXPECT_EQ(r.read_text("/json"), "{}");
  r.read_everything();
  // The image is a file: no other byte was sent.
  EXPECT_EQ(caught([&] { check_file(s.file("image.h5", input.bytes())); }).sentence, "(no error)");
}

TEST(Hdf5, AFullDeviceIsAnIoErrorWhereverItFills) {
  const Scratch s;
  s.file("old.h5", "old");
  const auto rows = counting<double>(1 << 14);
  std::vector<int> seen;
  for (const rlim_t limit : {0, 100, 5000, 200000, 800000, 1048576 + 3000}) {
    for (const int deflate : {0, 1}) {
      if (deflate > 0 && limit > 800000) continue;  // there the compressed file fits
      const int status = in_child([&] {
        limit_file_size(limit);
        Writer w(s.path("old.h5"), "bench", {.force = true});
        write_provenance(w, make_provenance());
        Layout layout;
        layout.shape = {1024, 128};
        layout.deflate = deflate;
        w.create("/x", Element::f64, layout);
        std::vector<double> noise(rows);
        for (std::size_t i = 0; i < 8; ++i) {
          for (auto& v : noise) v = std::sin(v * 12345.678 + static_cast<double>(i));
          w.write_rows("/x", i * 128, std::span<const double>(noise));
        }
        w.finish();
      });
      EXPECT_EQ(status, static_cast<int>(Status::io)) << limit << " " << deflate;
      EXPECT_EQ(s.names(), std::vector<std::string>{"old.h5"});
      EXPECT_TRUE(slurp(s.path("old.h5")) == "old") << limit << " " << deflate;
    }
  }
}

TEST(Hdf5, AfterAFailedWriteEveryCallFailsAlike) {
  const Scratch s;
  const int status = in_child([&] {
    limit_file_size(100000);
    Writer w(s.path("x.h5"), "bench");
    const Caught first = caught([&] { w.write("/x", counting<double>(100000), {100000}); });
    const Caught second = caught([&] { w.write_text("/t", "text"); });
    const Caught third = caught([&] { w.finish(); });
    const bool told = first.sentence.find("x.h5: at /x: write failed: File too large") != std::string::npos;
    // Other files are not affected.
    Writer other(s.path("y.h5"), "bench");
    other.write_text("/t", "text");
    other.finish();
    ::_exit(told && first.status == Status::io && second.sentence == first.sentence &&
                    third.sentence == first.sentence
                ? 0
                : 1);
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Reader(s.path("y.h5")).read_text("/t"), "text");
}

TEST(Hdf5, AFullStandardOutputIsAnIoError) {
  const int status = in_child([&] {
    ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
    Writer w("-", "bench");
    w.write("/x", counting<double>(1000), {1000});
    w.finish();
  });
  EXPECT_EQ(status, static_cast<int>(Status::io));
}

TEST(Hdf5, UnfinishedLeavesNothing) {
  const Scratch s;
  {
    Writer w(s.path("x.h5"), "bench");
    w.write("/x", counting<double>(1000), {1000});
    w.flush();
  }
  EXPECT_TRUE(s.names().empty());
}

TEST(Hdf5, ManyThreadsMayWriteTheirOwnFiles) {
  const Scratch s;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string path = s.path("t" + std::to_string(t) + ".h5");
      for (int i = 0; i < 5; ++i) {
        Writer w(path, "bench", {.force = true});
        w.write("/x", counting<double>(100), {100});
        w.finish();
        EXPECT_EQ(Reader(path).read<double>("/x").size(), 100u);
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(s.names().size(), 4u);
}

TEST(Provenance, ComesBack) {
  const Scratch s;
  Provenance p = make_provenance();
  EXPECT_FALSE(p.version.empty());
  EXPECT_EQ(p.started_utc.size(), 20u);
  p.config_json = std::string(100000, ' ') + "{}";
  p.command_line = "sde-simulate 'a b.json' -o x.h5";
  p.seed = UINT64_MAX;
  p.threads = 2;
  add_input(p, Input(s.file("in", "abc")));
  {
    Writer w(s.path("x.h5"), "bench");
    write_provenance(w, p);
    w.finish();
  }
  const Provenance q = read_provenance(Reader(s.path("x.h5")));
  EXPECT_EQ(q.config_json, p.config_json);
  EXPECT_EQ(q.command_line, p.command_line);
  EXPECT_EQ(q.version, p.version);
  EXPECT_EQ(q.git_commit, p.git_commit);
  EXPECT_EQ(q.seed, p.seed);
  EXPECT_EQ(q.threads, p.threads);
  EXPECT_EQ(q.host, p.host);
  EXPECT_EQ(q.started_utc, p.started_utc);
  EXPECT_EQ(q.inputs, p.inputs);
  EXPECT_EQ(q.inputs[0].second, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace sde::io
