// What others make of our files: h5py, h5dump; and what we make of theirs.
#include <cstdio>

#include "io/check.h"
#include "io/dataset.h"
#include "io/ensemble.h"
#include "io/model.h"
#include "scratch.h"

namespace sde::io {
namespace {

// Debian's interpreter, for which its h5py is installed.
constexpr const char* kPython = "/usr/bin/python3";

bool have_h5py() {
  return std::system((std::string(kPython) + " -c 'import h5py' >/dev/null 2>&1").c_str()) == 0;
}

// Runs a script; its standard output and error, and whether it succeeded.
std::pair<bool, std::string> python(const Scratch& s, const std::string& script) {
  s.file("script.py", script);
  const std::string command =
      std::string(kPython) + " " + s.path("script.py") + " >" + s.path("log") + " 2>&1";
  const bool good = std::system(("cd " + s.directory() + " && " + command).c_str()) == 0;
  return {good, slurp(s.path("log"))};
}

void write_example(const Scratch& s) {
  EnsembleLayout layout;
  layout.paths = 3;
  layout.time = {0, 0.5};
  layout.columns = {"s", "v"};
  Provenance p = make_provenance();
  p.config_json = "{\"name\": \"caf\xc3\xa9\"}";
  p.seed = 18446744073709551615u;
  p.inputs = {{"in.json", std::string(64, 'a')}};
  EnsembleWriter w(s.path("e.h5"), OutputForm::hdf5, layout, p);
  w.write({0, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {10, 11, 12}, {0, 2, 1}});
  w.statistic("mean", {1, 2, 3, 4});
  w.finish();
}

TEST(Outside, H5pyReadsOurFiles) {
  if (!have_h5py()) GTEST_SKIP() << kPython << " has no h5py: install python3-h5py";
  const Scratch s;
  write_example(s);
  const auto [good, log] = python(s, R"(
import h5py, json, numpy as np
f = h5py.File("e.h5", "r")
assert f.attrs["format"] == "sdetools", f.attrs["format"]
assert f.attrs["kind"] == "ensemble"
assert list(f.attrs["format_version"]) == [1, 0]
assert f.attrs["complete"] == 1
assert list(f.attrs["columns"]) == ["s", "v"]
x = f["trajectories/value"]
assert x.shape == (3, 2, 2) and x.dtype == np.dtype("<f8"), (x.shape, x.dtype)
assert (x[()].ravel() == np.arange(12)).all()
assert list(x.attrs["dims"]) == ["path", "time", "dim"]
assert list(f["trajectories/time"][()]) == [0, 0.5]
assert list(f["path_id"][()]) == [10, 11, 12] and f["path_id"].dtype == np.uint64
assert list(f["status"][()]) == [0, 2, 1] and f["status"].dtype == np.uint8
assert (f["statistics/mean"][()] == [[1, 2], [3, 4]]).all()
p = f["provenance"]
assert json.loads(p["config_json"][()]) == {"name": "caf\u00e9"}
assert p["config_json"].asstr()[()] == '{"name": "caf\u00e9"}'
assert p["config_json"].shape == ()
assert int(p["seed"][()]) == 2**64 - 1
assert p["inputs"]["path"][0] == b"in.json" and p["inputs"]["sha256"][0] == b"a" * 64
assert p["command_line"][()] == b""
)");
  EXPECT_TRUE(good) << log;
}

TEST(Outside, WeReadWhatH5pyWrites) {
  if (!have_h5py()) GTEST_SKIP() << kPython << " has no h5py: install python3-h5py";
  const Scratch s;
  const auto [good, log] = python(s, R"(
import h5py, numpy as np
f = h5py.File("d.h5", "w")
f.attrs["format"] = "sdetools"
f.attrs["kind"] = np.bytes_("dataset")
f.attrs["format_version"] = [1, 0]
f.attrs["columns"] = ["a", "b"]
f.create_dataset("data/x", data=np.arange(12).reshape(3, 2, 2), dtype=">f4", chunks=(1, 2, 2), compression="gzip", shuffle=True)
f["data/time"] = np.array([0, 2], dtype=">i2")
f["data/mask"] = np.array([[1, 1], [1, 1], [1, 0]], dtype=bool)
f["data/labels"] = [1, 2, 3]
f["note"] = "variable length \u00e9"
f["notes"] = np.array([b"fixed", b"len"])
f.attrs["complete"] = 1
)");
  ASSERT_TRUE(good) << log;
  EXPECT_EQ(caught([&] { check_file(s.path("d.h5")); }).sentence, "(no error)");
  const Dataset d = read_dataset(s.path("d.h5"));
  EXPECT_EQ(d.n, 3u);
  EXPECT_EQ(d.columns, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(d.time, (std::vector<double>{0, 2}));
  EXPECT_EQ(d.at(1, 1, 1), 7);
  EXPECT_EQ(d.labels, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(d.observed, (std::vector<std::uint8_t>{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}));
  const Reader r(s.path("d.h5"));
  EXPECT_EQ(r.read_text("/note"), "variable length \xc3\xa9");
  EXPECT_EQ(r.read_texts("/notes"), (std::vector<std::string>{"fixed", "len"}));
}

TEST(Outside, H5pyReadsAModel) {
  if (!have_h5py()) GTEST_SKIP() << kPython << " has no h5py: install python3-h5py";
  const Scratch s;
  ModelFile m;
  m.config_json = "{}";
  m.weights = {{"layer0/W", {1, 2}, {0.5f, 2}}, {"layer0/b", {1}, {3}}};
  m.mean = {1};
  m.std = {2};
  m.step = 9;
  write_model(s.path("m.h5"), m);
  const auto [good, log] = python(s, R"(
import h5py, numpy as np
f = h5py.File("m.h5", "r")
assert (f["weights/layer0/W"][()] == [[0.5, 2]]).all() and f["weights/layer0/W"].dtype == np.float32
assert f["weights/layer0/b"][0] == 3
assert f["normalization/mean"][0] == 1 and f["training/step"][()] == 9
)");
  EXPECT_TRUE(good) << log;
}

TEST(Outside, H5dumpReadsOurFiles) {
  if (std::system("command -v h5dump >/dev/null") != 0)
    GTEST_SKIP() << "h5dump is not installed: install hdf5-tools";
  const Scratch s;
  write_example(s);
  ASSERT_EQ(std::system(("h5dump " + s.path("e.h5") + " >" + s.path("dump") + " 2>&1").c_str()), 0)
      << slurp(s.path("dump"));
  const std::string dump = slurp(s.path("dump"));
  for (const char* part : {"ATTRIBUTE \"complete\"", "\"sdetools\"", "DATASET \"value\"", "H5T_IEEE_F64LE",
                           "( 3, 2, 2 ) / ( 3, 2, 2 )", "\"in.json\""}) {
    EXPECT_NE(dump.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(dump.find("unable to"), std::string::npos);
}

}  // namespace
}  // namespace sde::io
