#include "io/dataset.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "io/csv.h"
#include "io/ensemble.h"
#include "io/samples.h"
#include "io/table.h"
#include "scratch.h"

namespace sde::io {
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;
constexpr auto kSamples = DatasetOptions::Rows::samples;

class Csv : public ::testing::Test {
 protected:
  Dataset read(const std::string& text, const DatasetOptions& options = {}) {
    return read_dataset(scratch_.file("d.csv", text), options);
  }
  Caught refused(const std::string& text, const DatasetOptions& options = {}) {
    return caught([&] { (void)read(text, options); });
  }
  Scratch scratch_;
};

TEST_F(Csv, ATableIsOneSeries) {
  const Dataset d = read("x,y\n1,2\n3,4.5\n-5e-3,+6\n");
  EXPECT_EQ(d.n, 1u);
  EXPECT_EQ(d.t, 3u);
  EXPECT_EQ(d.d, 2u);
  EXPECT_EQ(d.x, (Numbers{1, 2, 3, 4.5, -5e-3, 6}));
  EXPECT_EQ(d.time, (Numbers{0, 1, 2}));
  EXPECT_EQ(d.columns, (Texts{"x", "y"}));
  EXPECT_FALSE(d.has_missing());
  EXPECT_EQ(d.kind, "csv");
}

TEST_F(Csv, OrAsManySamples) {
  DatasetOptions o;
  o.rows = kSamples;
  const Dataset d = read("t,y,label\n1,2,0\n3,4,7\n", o);
  EXPECT_EQ(d.n, 2u);
  EXPECT_EQ(d.t, 1u);
  EXPECT_EQ(d.columns, (Texts{"t", "y"}));  // a coordinate, not a time
  EXPECT_EQ(d.labels, (std::vector<std::int64_t>{0, 7}));
}

TEST_F(Csv, FormsOfTheSameTable) {
  const Numbers expected = {1, 2, 3, 4};
  for (const std::string text :
       {"a,b\n1,2\n3,4\n", "a,b\n1,2\n3,4",
        "\xef\xbb\xbf"
        "a,b\r\n1,2\r\n3,4\r\n",
        "# note\n\na,b\n# x,y\n1,2\n\n3,4\n\n", "a , b\n 1 ,\t2 \n3,4\n", "\"a\",\"b\"\n\"1\",2\n3,\"4\"\n",
        "a\tb\n1\t2\n3\t4\n", "a;b\n1;2\n3;4\n", "\"\",a,b\n\"1\",1,2\n\"2\",3,4\n",
        "a,\"b\"\n+1,2.0e0\n3,4.\n", "a,b\n1,2\n3,4\n# \"an open quote\n"}) {
    const Dataset d = read(text);
    EXPECT_EQ(d.x, expected) << text;
    EXPECT_EQ(d.columns, (Texts{"a", "b"})) << text;
  }
}

TEST_F(Csv, QuotedCellsMayHoldAnything) {
  DatasetOptions o;
  o.columns = {"b\"c,\nd"};
  const Dataset d = read("a,\"b\"\"c,\nd\"\n\"text, with\nlines\",1\nplain,2\n", o);
  EXPECT_EQ(d.x, (Numbers{1, 2}));
}

TEST_F(Csv, LinesAreCountedAsAnEditorDoes) {
  DatasetOptions o;
  o.columns = {"b"};
  EXPECT_EQ(refused("\n# c\na,b\n\"two\nlines\",2\n\nthree,x\n", o).sentence,
            scratch_.path("d.csv") + ":7: column \"b\": must be a number (got \"x\")");
}

TEST_F(Csv, RefusesWithFileAndLine) {
  const std::string f = scratch_.path("d.csv");
  const struct {
    const char *text, *sentence;
  } table[] = {
      {"", ": is empty"},
      {"\n \n# only\n", ": is empty; a CSV file starts with a line of column names"},
      {"a,b\n", ": has a header but no rows"},
      {"a,b\n1,2\n3\n", ":3: has 1 cell where the header has 2"},
      {"a,b\n1,2,3\n", ":2: has 3 cells where the header has 2"},
      {"a,b\n1,2,\n", ":2: has 3 cells where the header has 2"},
      {"a,b\n1,two\n", ":2: column \"b\": must be a number (got \"two\")"},
      {"a,b\n1,2x\n", ":2: column \"b\": must be a number (got \"2x\")"},
      {"a,b\n1,0x10\n", ":2: column \"b\": must be a number (got \"0x10\")"},
      {"a,b\n1,inf\n", ":2: column \"b\": must be finite (got inf)"},
      {"a,b\n1,1e999\n", ":2: column \"b\": must be finite (got 1e999)"},
      {"a,a\n1,2\n", ":1: column name \"a\" occurs twice"},
      {"a,,b\n1,2,3\n", ":1: column 2 has no name"},
      {"a,b,\n1,2,\n", ":1: column 3 has no name"},
      {"1,2\n3,4\n", ":1: the first line must name the columns (got numbers)"},
      {"1964-06,4\n1964-07,5\n", ":1: the first line must name the columns (got numbers)"},
      {"a,b\n1,\"2\n3,4\n", ":2: a quote is not closed"},
      {"a,b\n1,\"2\"3\n", ":2: there is text after a closing quote"},
      {"time,a\n1,1\n2,2\n2,3\n", ":4: column \"time\": times must increase strictly (got 2 after 2)"},
      {"time,a\n1,1\n,2\n", ":3: column \"time\": a time is missing"},
      {"date,a\n1964-13,1\n",
       ":2: column \"date\": must be a number or a date as 1964-06 or 1964-06-30 (got \"1964-13\")"},
      {"date,a\n1965-02-29,1\n",
       ":2: column \"date\": must be a number or a date as 1964-06 or 1964-06-30 (got \"1965-02-29\")"},
      {"id,time\n1,0\n", ": has no columns of data besides id, time and label"},
      {"id,a\n1,0\n,2\n", ":3: column \"id\": must not be empty"},
      {"a,label\n1,0.5\n", ":2: column \"label\": a label must be a whole number (got 0.5)"},
      {"id,a,label\n7,1,0\n7,2,1\n", ":3: column \"label\": a series must have one label (got 1 after 0)"},
      {"{\"sde\": 1}", ": is JSON, where data are needed: HDF5, or CSV with a header"},
  };
  for (const auto& [text, sentence] : table) {
    const Caught c = refused(text);
    EXPECT_EQ(c.sentence, f + sentence);
    EXPECT_EQ(c.status, Status::bad_data) << c.sentence;
  }
  const Caught c =
      caught([&] { (void)read_dataset(scratch_.file("d.csv", std::string("a,b\n1\0,2\n", 9))); });
  EXPECT_EQ(c.sentence, f + ": is neither HDF5 nor CSV");
  EXPECT_REFUSED((void)read_dataset(scratch_.path("none.csv")), Status::no_input, "no such file");
}

TEST_F(Csv, ColumnsAreChosenByName) {
  DatasetOptions o;
  o.columns = {"z", "x"};
  const Dataset d = read("x,y,z\n1,text,3\n4,,6\n", o);
  EXPECT_EQ(d.x, (Numbers{3, 1, 6, 4}));
  EXPECT_EQ(d.columns, o.columns);
  o.columns = {"rat"};
  const Caught c = refused("# c\ndate,rate\n1964-06,3\n", o);
  EXPECT_EQ(c.sentence, scratch_.path("d.csv") + ":2: there is no column \"rat\"; did you mean \"rate\"?");
  EXPECT_EQ(c.status, Status::bad_data);
  o.columns = {"x", "x"};
  EXPECT_EQ(refused("x,y\n1,2\n", o).status, Status::usage);
  o.columns = {"t"};  // asked for as a state, it is not the time
  const Dataset e = read("t,y\n5,2\n4,3\n", o);
  EXPECT_EQ(e.x, (Numbers{5, 4}));
  EXPECT_EQ(e.time, (Numbers{0, 1}));
}

TEST_F(Csv, Times) {
  EXPECT_EQ(read("Time,y\n0.5,1\n0.75,2\n").time, (Numbers{0.5, 0.75}));
  EXPECT_EQ(read("y,YEAR\n1,1990\n2,1991\n").time, (Numbers{1990, 1991}));
  DatasetOptions o;
  o.time_column = "when";
  EXPECT_EQ(read("y,when\n1,-1\n2,1\n", o).time, (Numbers{-1, 1}));
  o.dt = 0.25;
  EXPECT_EQ(refused("y,when\n1,-1\n2,1\n", o).status, Status::usage);
  o.time_column.clear();
  const Dataset d = read("date,y\nx1,1\nx2,2\nx3,3\n", o);  // the column is no state, and is not read
  EXPECT_EQ(d.time, (Numbers{0, 0.25, 0.5}));
  EXPECT_EQ(d.columns, Texts{"y"});
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    o.dt = bad;
    EXPECT_EQ(refused("y\n1\n2\n", o).status, Status::usage) << bad;
  }
}

TEST_F(Csv, DatesBecomeYears) {
  const Dataset months = read("date,y\n1964-06,1\n1964-07,2\n1965-01,3\n");
  EXPECT_EQ(months.time, (Numbers{1964 + 5 / 12.0, 1964.5, 1965}));
  const Dataset days =
      read("date,y\n1999-12-31,1\n2000-01-01,2\n2000-03-01,3\n2000-12-31T12:00:00Z,4\n2001-07-02 12:00,5\n");
  EXPECT_EQ(days.time, (Numbers{1999 + 364 / 365.0, 2000, 2000 + 60 / 366.0, 2000 + 365.5 / 366, 2001.5}));
  double year = 0;
  for (const char* bad :
       {"1964", "1964-6", "1964-00", "64-06", "1964/06", "1900-02-29", "2000-01-01T", "2000-01-01T25:00",
        "2000-01-01T1:00", "2000-01-01T10:60", "2000-01-01T10:00:99", "2000-04-31", "2000-01-1"}) {
    EXPECT_FALSE(parse_date(bad, year)) << bad;
  }
  EXPECT_TRUE(parse_date("2000-02-29", year));
  EXPECT_TRUE(parse_date("2000-01-01T06:00:00.000", year));
  EXPECT_DOUBLE_EQ(year, 2000 + 0.25 / 366);
}

TEST_F(Csv, EmptyCellsAreMissing) {
  const Dataset d = read("x,y\n1,\nNA,2\nnan,\" \"\n4,5\n");
  EXPECT_EQ(d.observed, (std::vector<std::uint8_t>{1, 0, 0, 1, 0, 0, 1, 1}));
  EXPECT_TRUE(std::isnan(d.at(0, 0, 1)));
  EXPECT_EQ(d.at(0, 3, 1), 5);
}

TEST_F(Csv, AnIdMakesSeriesOfAnyLength) {
  const Dataset d = read("time,id,x\n0,b,1\n1,b,2\n0,a,10\n2,b,3\n0.5,a,20\n");
  EXPECT_EQ(d.n, 2u);
  EXPECT_EQ(d.t, 3u);
  EXPECT_EQ(d.ids, (Texts{"b", "a"}));
  EXPECT_EQ(d.length, (std::vector<std::size_t>{3, 2}));
  EXPECT_FALSE(d.common_time);
  EXPECT_EQ(d.at(1, 1, 0), 20);
  EXPECT_EQ(d.time_at(1, 1), 0.5);
  EXPECT_TRUE(std::isnan(d.at(1, 2, 0)));
  EXPECT_TRUE(std::isnan(d.time_at(1, 2)));
  EXPECT_EQ(d.observed, (std::vector<std::uint8_t>{1, 1, 1, 1, 1, 0}));
  EXPECT_EQ(refused("time,id,x\n0,b,1\n1,a,1\n0,b,2\n").sentence,
            scratch_.path("d.csv") + ":4: column \"time\": times must increase strictly (got 0 after 0)");
  const Dataset common = read("id,time,x\n1,0,1\n1,1,2\n2,0,3\n2,1,4\n");
  EXPECT_TRUE(common.common_time);
  EXPECT_EQ(common.time, (Numbers{0, 1}));
  EXPECT_TRUE(common.observed.empty());
}

TEST_F(Csv, OneColumnWithoutSeparator) {
  const Dataset d = read("rate\n3.5\nNA\n3.6\n");
  EXPECT_EQ(d.t, 3u);
  EXPECT_TRUE(std::isnan(d.x[1]));
}

TEST_F(Csv, TinyNumbersBecomeZeroOrSubnormal) {
  const Dataset d = read("x\n1e-400\n4e-320\n-1e-400\n");
  EXPECT_EQ(d.x, (Numbers{0, 4e-320, 0}));
  EXPECT_TRUE(std::signbit(d.x[2]));
}

TEST_F(Csv, WhatATableWriterWritesReadsBackToTheSameBits) {
  Numbers values = {
      0.1, 1.0 / 3, 1e-308, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345678.0, 3.141592653589793};
  {
    TableWriter w(scratch_.path("t.csv"), {"plain", "with,comma", "with \"quote\"", "#hash"});
    w.row(std::span<const double>(values).first(4));
    w.row(std::span<const double>(values).last(4));
    w.finish();
  }
  const Dataset d = read_dataset(scratch_.path("t.csv"));
  ASSERT_EQ(d.x.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(d.x[i]), std::bit_cast<std::uint64_t>(values[i])) << values[i];
  }
  EXPECT_EQ(d.columns, (Texts{"plain", "with,comma", "with \"quote\"", "#hash"}));
}

TEST(AppendNumber, IsPrintfs17g) {
  for (const double v :
       {0.1, 1.0, 100.0, 1e16, 1e17, 1e18, 123456.789, 1e-4, 1e-5, -2.5, 5e-324, 0.0, -0.0, HUGE_VAL}) {
    char expected[64];
    std::snprintf(expected, sizeof expected, "%.17g", v);
    std::string text;
    append_number(text, v);
    EXPECT_EQ(text, expected);
  }
  std::string text;
  append_number(text, -std::nan(""));
  EXPECT_EQ(text, "nan");
}

TEST_F(Csv, AMillionRowsPerSecond) {
  std::string text = "time,x,y\n";
  for (int i = 0; i < 1000000; ++i) text += std::to_string(i) + ",0.12345678901234567,-1.2345e-3\n";
  const std::string path = scratch_.file("big.csv", text);
  const std::clock_t start = std::clock();  // of this process: other load does not count
  const Dataset d = read_dataset(path);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_EQ(d.t, 1000000u);
  EXPECT_EQ(d.at(0, 999999, 0), 0.12345678901234567);
  std::printf("    %.1f million rows/s, %.0f MB/s\n", 1 / seconds,
              static_cast<double>(text.size()) / 1e6 / seconds);
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(seconds, 1.0);
#endif
}

TEST_F(Csv, ComesFromStandardInput) {
  const std::string path = scratch_.file("d.csv", "x\n1\n2\n");
  const int status = in_child([&] {
    ::dup2(::open(path.c_str(), O_RDONLY), STDIN_FILENO);
    const Dataset d = read_dataset("-");
    if (d.x != Numbers{1, 2} || d.source != "standard input") fail(Status::bug, "wrong");
  });
  EXPECT_EQ(status, 0);
}

// ---- HDF5

class Hdf5Data : public ::testing::Test {
 protected:
  Dataset trip(const Dataset& d, const DatasetOptions& options = {}) {
    write_dataset(scratch_.path("d.h5"), d, make_provenance(), {.force = true});
    return read_dataset(scratch_.path("d.h5"), options);
  }
  std::string make(const std::function<void(Writer&)>& fill) {
    Writer w(scratch_.path("d.h5"), "dataset", {.force = true});
    fill(w);
    w.finish();
    return scratch_.path("d.h5");
  }
  Scratch scratch_;
};

TEST_F(Hdf5Data, ADatasetComesBack) {
  Dataset d;
  d.n = 2, d.t = 2, d.d = 2;
  d.x = {1, 2, 3, 4, 5, 6, 7, 8};
  d.time = {0, 0.5};
  d.labels = {3, 4};
  d.columns = {"s", "v"};
  const Dataset e = trip(d);
  EXPECT_EQ(e.x, d.x);
  EXPECT_EQ(e.time, d.time);
  EXPECT_EQ(e.labels, d.labels);
  EXPECT_EQ(e.columns, d.columns);
  EXPECT_EQ(e.kind, "dataset");
  EXPECT_FALSE(e.has_missing());

  const Dataset ragged = read_dataset(scratch_.file("r.csv", "id,time,x,y\na,0,1,\na,1,2,3\nb,0.5,4,5\n"));
  const Dataset f = trip(ragged);
  EXPECT_EQ(f.observed, ragged.observed);
  EXPECT_EQ(f.length, ragged.length);
  EXPECT_EQ(f.at(1, 0, 1), 5);
  EXPECT_EQ(f.time_at(1, 0), 0.5);
  EXPECT_TRUE(std::isnan(f.at(0, 0, 1)));

  DatasetOptions o;
  o.columns = {"v"};
  o.dt = 2;
  const Dataset g = trip(d, o);
  EXPECT_EQ(g.x, (Numbers{2, 4, 6, 8}));
  EXPECT_EQ(g.time, (Numbers{0, 2}));
  o.columns = {"w"};
  EXPECT_REFUSED((void)trip(d, o), Status::bad_data, "there is no column \"w\"");
  o = {};
  o.time_column = "t";
  EXPECT_REFUSED((void)trip(d, o), Status::usage, "--time-column: is for CSV");
}

TEST_F(Hdf5Data, TwoDimensionsAreASeriesOrSamples) {
  const std::string path = make([](Writer& w) {
    w.write("/data/x", Numbers{1, 2, 3, 4, 5, 6}, {3, 2});
    w.write("/data/mask", std::vector<std::uint8_t>{1, 0, 1}, {3});
  });
  const Dataset series = read_dataset(path);
  EXPECT_EQ(series.n, 1u);
  EXPECT_EQ(series.t, 3u);
  EXPECT_EQ(series.columns, (Texts{"x1", "x2"}));
  EXPECT_EQ(series.observed, (std::vector<std::uint8_t>{1, 1, 0, 0, 1, 1}));
  DatasetOptions o;
  o.rows = kSamples;
  const Dataset samples = read_dataset(path, o);
  EXPECT_EQ(samples.n, 3u);
  EXPECT_EQ(samples.t, 1u);
}

TEST_F(Hdf5Data, RefusesWhatDoesNotFit) {
  const Numbers x = {1, 2, 3, 4, 5, 6};
  EXPECT_REFUSED((void)read_dataset(make([&](Writer&) {})), Status::bad_data, "at /data/x: is missing");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", x, {1, 1, 3, 2});
                 })),
                 Status::bad_data, "at /data/x: must have shape [N, D] or [N, T, D] (got [1, 1, 3, 2])");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", Numbers{}, {0, 2});
                 })),
                 Status::bad_data, "holds no data");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", Numbers{1, HUGE_VAL}, {2, 1});
                 })),
                 Status::bad_data, "at /data/x: must be finite (got inf in row 1)");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", x, {3, 2});
                   w.write("/data/time", Numbers{0, 1}, {2});
                 })),
                 Status::bad_data, "at /data/time: must have shape [3] (got [2])");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", x, {3, 2});
                   w.write("/data/time", Numbers{0, 1, 1}, {3});
                 })),
                 Status::bad_data, "at /data/time: times must increase strictly ([2] is 1 after 1)");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", x, {3, 2});
                   w.attribute("/", "columns", Texts{"only"});
                 })),
                 Status::bad_data, "/@columns: must have 2 names (got 1)");
  EXPECT_REFUSED((void)read_dataset(make([&](Writer& w) {
                   w.write("/data/x", x, {3, 2});
                   w.write("/data/mask", std::vector<std::uint8_t>{1}, {1});
                 })),
                 Status::bad_data, "at /data/mask: must have shape [3, 2] (got [1])");
}

TEST_F(Hdf5Data, EnsemblesAndSamplesAreData) {
  EnsembleLayout layout;
  layout.paths = 2;
  layout.time = {0, 1};
  layout.columns = {"x"};
  {
    EnsembleWriter w(scratch_.path("e.h5"), OutputForm::hdf5, layout, make_provenance());
    w.write({0, {1, 2, 3, HUGE_VAL}, {7, 9}, {0, 1}});
    w.finish();
  }
  const Dataset e = read_dataset(scratch_.path("e.h5"));
  EXPECT_EQ(e.kind, "ensemble");
  EXPECT_EQ(e.n, 2u);
  EXPECT_EQ(e.ids, (Texts{"7", "9"}));
  EXPECT_EQ(e.observed, (std::vector<std::uint8_t>{1, 1, 1, 0}));
  {
    SamplesLayout s;
    s.n = 2;
    s.columns = {"a", "b"};
    SamplesWriter w(scratch_.path("s.h5"), OutputForm::hdf5, s, make_provenance());
    const Numbers x = {1, 2, 3, 4};
    w.write(0, x);
    w.finish();
  }
  const Dataset s = read_dataset(scratch_.path("s.h5"));
  EXPECT_EQ(s.kind, "samples");
  EXPECT_EQ(s.n, 2u);
  EXPECT_EQ(s.t, 1u);
  EXPECT_EQ(s.columns, (Texts{"a", "b"}));
  layout.trajectories = false;
  {
    EnsembleWriter w(scratch_.path("st.h5"), OutputForm::hdf5, layout, make_provenance());
    w.statistic("mean", {1, 2});
    w.finish();
  }
  EXPECT_REFUSED((void)read_dataset(scratch_.path("st.h5")), Status::bad_data, "holds statistics alone");
}

TEST(MatchColumns, ByNameElseInOrder) {
  Dataset d;
  d.source = "d.csv";
  d.columns = {"v", "s", "extra"};
  EXPECT_EQ(match_columns(d, {"s", "v"}), (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(match_columns(d, {"a", "b", "c"}), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_REFUSED((void)match_columns(d, {"a", "b"}), Status::bad_data,
                 "d.csv: must have columns a, b (got v, s, extra); choose with --columns");
}

}  // namespace
}  // namespace sde::io
