// Ensembles, samples, likelihoods, models: written, checked and read.
#include <fcntl.h>
#include <sys/stat.h>

#include <cmath>
#include <numeric>
#include <thread>

#include "io/check.h"
#include "io/dataset.h"
#include "io/ensemble.h"
#include "io/likelihood.h"
#include "io/model.h"
#include "io/rows.h"
#include "io/samples.h"
#include "scratch.h"

namespace sde::io {
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

std::string checked(const std::string& path) {
  return caught([&] { check_file(path); }).sentence;
}

EnsembleLayout layout_of(std::uint64_t paths) {
  EnsembleLayout layout;
  layout.paths = paths;
  layout.time = {0, 0.5, 1};
  layout.columns = {"s", "v"};
  return layout;
}

EnsembleBlock block_of(std::uint64_t first, std::uint64_t count) {
  EnsembleBlock b;
  b.first = first;
  for (std::uint64_t p = first; p < first + count; ++p) {
    for (int k = 0; k < 6; ++k) b.value.push_back(static_cast<double>(p) + 0.1 * k);
    b.path_id.push_back(1000 + p);
    b.status.push_back(p % 7 == 0 ? 1 : 0);
  }
  return b;
}

TEST(EnsembleWriter, BlocksInAnyOrderFromManyThreadsMakeTheSameBytes) {
  const Scratch s;
  for (const OutputForm form : {OutputForm::hdf5, OutputForm::csv}) {
    std::string first;
    for (const int threads : {1, 4}) {
      const std::string path = s.path("out" + std::to_string(threads));
      EnsembleWriter w(path, form, layout_of(400), Provenance{}, {.force = true});
      std::vector<std::thread> workers;
      for (int t = 0; t < threads; ++t) {
        workers.emplace_back([&, t] {
          // The last rows first.
          for (int b = 39 - t; b >= 0; b -= threads)
            w.write(block_of(static_cast<std::uint64_t>(b) * 10, 10));
        });
      }
      for (auto& worker : workers) worker.join();
      w.finish();
      const std::string bytes = slurp(path);
      if (threads == 1) first = bytes;
      EXPECT_TRUE(bytes == first) << "threads " << threads;
    }
  }
  EXPECT_EQ(checked(s.path("out4")).find("is text") != std::string::npos, true);
}

TEST(EnsembleWriter, ComesBack) {
  const Scratch s;
  const std::string path = s.path("e.h5");
  Provenance p = make_provenance();
  p.seed = 42;
  for (const int deflate : {0, 3}) {
    EnsembleLayout layout = layout_of(30);
    layout.deflate = deflate;
    {
      EnsembleWriter w(path, OutputForm::hdf5, layout, p, {.force = true});
      w.write(block_of(17, 13));
      w.write(block_of(0, 17));
      w.statistic("mean", {1, 2, 3, 4, 5, 6});
      w.statistic("count", {1, 2, 3}, {"time"});
      w.statistic("quantiles", Numbers(12, 0.5), {"time", "dim", "quantile"});
      w.statistic_axis("quantile_levels", {0.05, 0.95});
      w.attribute("seconds", 1.5);
      w.finish();
    }
    EXPECT_EQ(checked(path), "(no error)");
    const Ensemble e = read_ensemble(Input(path));
    const EnsembleBlock all = block_of(0, 30);
    EXPECT_EQ(e.paths, 30u);
    EXPECT_EQ(e.value, all.value);
    EXPECT_EQ(e.path_id, all.path_id);
    EXPECT_EQ(e.status, all.status);
    EXPECT_EQ(e.time, layout.time);
    EXPECT_EQ(e.columns, layout.columns);
    EXPECT_EQ(e.provenance.seed, 42u);
    ASSERT_EQ(e.statistics.size(), 4u);
    EXPECT_EQ(e.statistics[1].first, "mean");
    const Reader r(path);
    EXPECT_EQ(r.shape("/statistics/quantiles"), (Shape{3, 2, 2}));
    EXPECT_EQ(r.shape("/statistics/count"), (Shape{3}));
    EXPECT_EQ(r.texts_attribute("/trajectories/value", "dims"), (Texts{"path", "time", "dim"}));
  }
}

TEST(EnsembleWriter, CsvIsALongTable) {
  const Scratch s;
  {
    EnsembleWriter w(s.path("e.csv"), OutputForm::csv, layout_of(2), Provenance{});
    EnsembleBlock b = block_of(0, 2);
    b.value[5] = std::nan("");
    w.write(std::move(b));
    w.finish();
  }
  const std::string text = slurp(s.path("e.csv"));
  EXPECT_EQ(text.substr(0, text.find("1001")),
            "id,time,s,v\n1000,0,0,0.10000000000000001\n1000,0.5,0.20000000000000001,0.30000000000000004\n"
            "1000,1,0.40000000000000002,nan\n");
  const Dataset d = read_dataset(s.path("e.csv"));
  EXPECT_EQ(d.n, 2u);
  EXPECT_EQ(d.t, 3u);
  EXPECT_EQ(d.columns, (Texts{"s", "v"}));
  EXPECT_EQ(d.time, (Numbers{0, 0.5, 1}));
  EXPECT_TRUE(std::isnan(d.at(0, 2, 1)));
}

TEST(EnsembleWriter, StatisticsAlone) {
  const Scratch s;
  EnsembleLayout layout = layout_of(1000000);
  layout.trajectories = false;
  for (const OutputForm form : {OutputForm::hdf5, OutputForm::csv}) {
    EnsembleWriter w(s.path(form == OutputForm::csv ? "e.csv" : "e.h5"), form, layout, make_provenance());
    w.statistic("mean", {1, 2, 3, 4, 5, 6});
    w.statistic("n", {7, 8, 9}, {"time"});
    w.statistic("q", Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {"time", "dim", "quantile"});
    w.finish();
  }
  EXPECT_EQ(checked(s.path("e.h5")), "(no error)");
  EXPECT_EQ(Reader(s.path("e.h5")).read<double>("/statistics/time"), layout.time);
  EXPECT_EQ(slurp(s.path("e.csv")),
            "time,s_mean,v_mean,n,s_q_1,s_q_2,v_q_1,v_q_2\n0,1,2,7,1,2,3,4\n0.5,3,4,8,5,6,7,8\n1,5,6,9,9,10,"
            "11,12\n");
}

TEST(EnsembleWriter, MissingAndDoubleRowsAreBugs) {
  const Scratch s;
  for (const OutputForm form : {OutputForm::hdf5, OutputForm::csv}) {
    {
      EnsembleWriter w(s.path("e"), form, layout_of(20), Provenance{});
      w.write(block_of(0, 10));
      EXPECT_REFUSED(w.finish(), Status::bug, "row 10 was never written");
    }
    {
      EnsembleWriter w(s.path("e"), form, layout_of(20), Provenance{});
      w.write(block_of(0, 10));
      w.write(block_of(9, 11));
      EXPECT_REFUSED(w.finish(), Status::bug, "written twice");
    }
    {
      EnsembleWriter w(s.path("e"), form, layout_of(20), Provenance{});
      EXPECT_REFUSED(w.write(block_of(15, 10)), Status::bug, "does not fit");
    }
    EXPECT_TRUE(s.names().empty());
  }
  EXPECT_REFUSED((EnsembleWriter{s.path("e.json"), OutputForm::json, layout_of(1), Provenance{}}),
                 Status::usage, "JSON");
}

TEST(EnsembleWriter, TheProducerLearnsOfAFullDisk) {
  const Scratch s;
  for (const OutputForm form : {OutputForm::hdf5, OutputForm::csv}) {
    const int status = in_child([&] {
      limit_file_size(100000);
      EnsembleWriter w(s.path("e"), form, layout_of(1000000), Provenance{});
      // Ends by the error from write(): the queue is far shorter than this.
      for (std::uint64_t p = 0; p < 1000000; p += 1000) w.write(block_of(p, 1000));
      ::_exit(1);
    });
    EXPECT_EQ(status, static_cast<int>(Status::io));
    EXPECT_TRUE(s.names().empty());
  }
}

TEST(EnsembleWriter, AClosedPipeEndsTheRun) {
  const int status = in_child([&] {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    if (::pipe(ends) != 0) return;
    ::close(ends[0]);
    ::dup2(ends[1], STDOUT_FILENO);
    EnsembleWriter w("-", OutputForm::csv, layout_of(1000000), Provenance{});
    try {
      for (std::uint64_t p = 0; p < 1000000; p += 10000) w.write(block_of(p, 10000));
    } catch (const BrokenPipe&) {
      ::_exit(99);
    }
  });
  EXPECT_EQ(status, 99);
}

TEST(SamplesWriter, ComesBackInBothForms) {
  const Scratch s;
  Numbers x(20);
  std::iota(x.begin(), x.end(), 0.25);
  const std::vector<std::uint64_t> ids = {5, 6, 7, 8};
  SamplesLayout layout;
  layout.n = 10;
  layout.columns = {"x1", "x2"};
  for (const OutputForm form : {OutputForm::hdf5, OutputForm::csv}) {
    const std::string path = s.path(form == OutputForm::csv ? "x.csv" : "x.h5");
    {
      SamplesWriter w(path, form, layout, make_provenance());
      w.write(6, std::span<const double>(x).subspan(12), ids);
      w.write(0, std::span<const double>(x).first(12));
      w.nfe(36);
      w.finish();
    }
    const Dataset d = read_dataset(path);
    EXPECT_EQ(d.n, form == OutputForm::csv ? 9u : 10u);  // id 5 is there twice: one series of two rows
    EXPECT_EQ(d.ids[9 - (form == OutputForm::csv ? 1 : 0)], "8");
  }
  EXPECT_EQ(checked(s.path("x.h5")), "(no error)");
  const Samples back = read_samples(Input(s.path("x.h5")));
  EXPECT_EQ(back.x, x);
  EXPECT_EQ(back.id, (std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 5, 6, 7, 8}));
  EXPECT_EQ(back.nfe, 36);
  EXPECT_EQ(back.columns, layout.columns);
  EXPECT_EQ(slurp(s.path("x.csv")).substr(0, 22), "id,x1,x2\n0,0.25,1.25\n1");
}

TEST(SamplesWriter, TrajectoriesAreComplete) {
  const Scratch s;
  SamplesLayout layout;
  layout.n = 2;
  layout.columns = {"x"};
  layout.grid = {1, 0.5, 0};
  const Numbers x = {1, 2}, paths = {1, 2, 3, 4, 5, 6};
  {
    SamplesWriter w(s.path("x.h5"), OutputForm::hdf5, layout, make_provenance());
    w.write(0, x);
    EXPECT_REFUSED(w.finish(), Status::bug, "never written");
    w.write_trajectory(0, paths);
    EXPECT_REFUSED(w.write(1, x), Status::bug, "do not fit");
    w.finish();
  }
  EXPECT_EQ(checked(s.path("x.h5")), "(no error)");
  EXPECT_EQ(Reader(s.path("x.h5")).read<double>("/samples/trajectory", {2, 3, 1}), paths);
  EXPECT_REFUSED((SamplesWriter{s.path("x.csv"), OutputForm::csv, layout, make_provenance()}), Status::usage,
                 "need HDF5");
}

TEST(LikelihoodWriter, ComesBackInBothForms) {
  const Scratch s;
  const Numbers value = {-1.5, -2.5, -3.5}, error = {0, 0.1, 0.2}, nfe = {20, 26, 32};
  const auto part = [](const Numbers& v, std::size_t first, std::size_t n) {
    return std::span<const double>(v).subspan(first, n);
  };
  for (const OutputForm form : {OutputForm::hdf5, OutputForm::csv}) {
    LikelihoodWriter w(s.path(form == OutputForm::csv ? "l.csv" : "l.h5"), form, 3, make_provenance());
    w.write(2, part(value, 2, 1), part(error, 2, 1), part(nfe, 2, 1));
    w.write(0, part(value, 0, 2), part(error, 0, 2), part(nfe, 0, 2));
    w.attribute("mean", -2.5);
    w.finish();
  }
  EXPECT_EQ(checked(s.path("l.h5")), "(no error)");
  const Likelihood l = read_likelihood(Input(s.path("l.h5")));
  EXPECT_EQ(l.value, value);
  EXPECT_EQ(l.standard_error, error);
  EXPECT_EQ(l.nfe, nfe);
  EXPECT_EQ(
      slurp(s.path("l.csv")),
      "id,value,stderr,nfe\n0,-1.5,0,20\n1,-2.5,0.10000000000000001,26\n2,-3.5,0.20000000000000001,32\n");
}

ModelFile example_model() {
  ModelFile m;
  m.config_json = "{\"network\": {\"type\": \"mlp\"}}";
  for (const char* name : {"layer2/W", "layer2/b", "layer10/W"}) {
    m.weights.push_back({name, {2, 3}, {1, 2, 3, 4, 5, 6.5f}});
    m.ema.push_back({name, {2, 3}, {6, 5, 4, 3, 2, 1}});
    m.optimizer.push_back({std::string(name) + "/m", {2, 3}, {0, 0, 0, 0, 0, 1e-30f}});
  }
  m.mean = {0.5, 1};
  m.std = {2, 3};
  m.columns = {"x", "y"};
  m.step = 12345;
  m.loss_step = {100, 200};
  m.loss = {1.5, 1.25};
  m.validation_loss = {std::nan(""), 1.3};
  m.state = {{"ema_step", 77}};
  m.provenance = make_provenance();
  return m;
}

TEST(Model, ComesBack) {
  const Scratch s;
  const ModelFile m = example_model();
  write_model(s.path("m.h5"), m);
  EXPECT_EQ(checked(s.path("m.h5")), "(no error)");
  const ModelFile r = read_model(Input(s.path("m.h5")));
  EXPECT_EQ(r.config_json, m.config_json);
  for (const auto& [a, b] :
       {std::pair{&m.weights, &r.weights}, {&m.ema, &r.ema}, {&m.optimizer, &r.optimizer}}) {
    ASSERT_EQ(a->size(), b->size());
    for (std::size_t i = 0; i < a->size(); ++i) {
      EXPECT_EQ((*a)[i].name, (*b)[i].name);
      EXPECT_EQ((*a)[i].shape, (*b)[i].shape);
      EXPECT_EQ((*a)[i].values, (*b)[i].values);
    }
  }
  EXPECT_EQ(r.mean, m.mean);
  EXPECT_EQ(r.std, m.std);
  EXPECT_EQ(r.columns, m.columns);
  EXPECT_EQ(r.step, m.step);
  EXPECT_EQ(r.loss, m.loss);
  EXPECT_EQ(r.loss_step, m.loss_step);
  EXPECT_TRUE(std::isnan(r.validation_loss[0]));
  EXPECT_EQ(r.state, m.state);
  ASSERT_NE(r.find(r.weights, "layer10/W"), nullptr);
  EXPECT_EQ(r.find(r.weights, "layer3/W"), nullptr);
}

TEST(Model, AFitHasNoArrays) {
  const Scratch s;
  ModelFile m;
  m.config_json = "{}";
  write_model(s.path("m.h5"), m);
  EXPECT_EQ(checked(s.path("m.h5")), "(no error)");
  EXPECT_TRUE(read_model(Input(s.path("m.h5"))).weights.empty());
}

TEST(Model, AveragesMustMatchWeights) {
  const Scratch s;
  ModelFile m = example_model();
  m.ema[1].shape = {3, 2};
  write_model(s.path("m.h5"), m);
  EXPECT_NE(checked(s.path("m.h5")).find("m.h5: at /ema/layer2/b: must have its like in /weights"),
            std::string::npos);
}

TEST(Model, IsRefusedWhereAnotherKindIsNeeded) {
  const Scratch s;
  write_model(s.path("m.h5"), example_model());
  EXPECT_REFUSED((void)read_samples(Input(s.path("m.h5"))), Status::bad_data,
                 "must be of kind samples (got model)");
  EXPECT_REFUSED((void)read_dataset(s.path("m.h5")), Status::bad_data,
                 "must be of kind dataset, ensemble or samples (got model)");
}

// What each kind must have, by leaving it out.
TEST(CheckFile, NamesWhatIsMissingOrDoesNotFit) {
  const Scratch s;
  const auto file = [&](const std::string& kind, const std::function<void(Writer&)>& fill) {
    Writer w(s.path("c.h5"), kind, {.force = true});
    write_provenance(w, make_provenance());
    fill(w);
    w.finish();
    return checked(s.path("c.h5"));
  };
  const std::string f = s.path("c.h5") + ": at ";
  const Numbers two = {1, 2};
  EXPECT_EQ(file("ensembel", [](Writer&) {}),
            f + "/@kind: unknown kind \"ensembel\"; did you mean \"ensemble\"?");
  EXPECT_EQ(file("bench", [](Writer&) {}), f + "/runs: is missing");
  EXPECT_EQ(file("model", [](Writer&) {}), f + "/model/config_json: is missing");
  EXPECT_EQ(file("dataset", [](Writer&) {}), f + "/data/x: is missing");
  EXPECT_EQ(file("samples", [](Writer&) {}), f + "/@columns: is missing");
  EXPECT_EQ(file("likelihood", [](Writer&) {}), f + "/loglik/value: is missing");
  EXPECT_EQ(file("likelihood",
                 [&](Writer& w) {
                   w.write("/loglik/value", two, {2});
                   w.write("/loglik/stderr", Numbers{1}, {1});
                 }),
            f + "/loglik/stderr: must have shape [2] (got [1])");
  EXPECT_EQ(file("ensemble",
                 [&](Writer& w) {
                   w.attribute("/", "columns", Texts{"x"});
                   w.write("/trajectories/time", two, {2});
                   w.write("/trajectories/value", two, {1, 1, 2});
                 }),
            f + "/trajectories/value: must have shape [any, 2, 1] (got [1, 1, 2])");
  EXPECT_EQ(file("ensemble", [&](Writer& w) { w.attribute("/", "columns", Texts{"x"}); }),
            f + "/statistics: is missing");
  EXPECT_EQ(file("samples",
                 [&](Writer& w) {
                   w.attribute("/", "columns", Texts{"x"});
                   w.write("/samples/x", two, {2, 1});
                 }),
            f + "/sample_id: is missing");
  {
    Writer w(s.path("c.h5"), "bench", {.force = true});
    w.make_group("/runs");
    w.finish();
  }
  EXPECT_EQ(checked(s.path("c.h5")), f + "/provenance/config_json: is missing");
  EXPECT_REFUSED(check_file(s.path("none")), Status::no_input, "no such file");
}

TEST(Coverage, FindsGapsAndOverlaps) {
  Coverage c;
  EXPECT_TRUE(c.complete(0));
  EXPECT_TRUE(c.add(5, 5));
  EXPECT_FALSE(c.add(4, 2));
  EXPECT_FALSE(c.add(9, 1));
  EXPECT_FALSE(c.add(0, 20));
  EXPECT_TRUE(c.add(7, 0));
  EXPECT_EQ(c.missing(), 0u);
  EXPECT_TRUE(c.add(0, 3));
  EXPECT_EQ(c.missing(), 3u);
  EXPECT_TRUE(c.add(3, 2));
  EXPECT_TRUE(c.complete(10));
  EXPECT_FALSE(c.complete(11));
  EXPECT_EQ(c.missing(), 10u);
}

}  // namespace
}  // namespace sde::io
