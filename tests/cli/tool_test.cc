// run_tool as a user meets it: standard output, standard error and exit status of whole runs.
#include "cli/tool.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "config/sde_document.h"
#include "io/provenance.h"

namespace sde::cli {
namespace {

struct Solver {
  std::string method = "auto";
  std::optional<double> dt;
  std::optional<std::uint64_t> steps;
  template <class V>
  void visit(V& v) {
    v("method", method);
    v("dt", dt);
    v("steps", steps);
  }
};

struct Config {
  JsonText sde;
  Solver solver;
  std::uint64_t paths = 1000;
  std::uint64_t seed = 0;
  std::vector<std::string> expect;
  template <class V>
  void visit(V& v) {
    v("sde", sde);
    v("solver", solver);
    v("paths", paths);
    v("seed", seed);
    v("expect", expect);
  }
};

ToolInfo tool() {
  ToolInfo info;
  info.name = "tool";
  info.summary = "a program for tests";
  info.description = "Says what it was given.";
  info.arguments = {{"MODEL", "a model"}};
  info.schema = "simulate";
  info.model_key = "/sde";
  info.model_kinds = {config::DocumentKind::sde};
  info.shards = true;
  Options& o = info.options;
  o.choice("method", "/solver/method", {}, "how a step is taken");
  o.number("dt", "/solver/dt", "the step").value_name("H");
  o.integer("steps", "/solver/steps", "the number of steps");
  o.integer("paths", "/paths", "the number of paths").letter('N');
  o.text("expect", "/expect", "an expression").repeatable();
  o.assignment("param", "/sde/parameters", "a parameter").existing();
  o.list("stats", "/output/statistics", "statistics");
  o.text("word", "", "a word of the program's own");
  o.flag("paint", "", "a switch").negatable();
  return info;
}

struct Outcome {
  int status;
  std::string out, err;
};

class Tool : public testing::Test {
 protected:
  void SetUp() override {
    home_ = std::filesystem::current_path();
    folder_ = testing::TempDir() + "sdetools_tool_test";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::filesystem::current_path(folder_);
  }
  void TearDown() override {
    std::filesystem::current_path(home_);
    std::filesystem::remove_all(folder_);
  }

  static Outcome run(std::vector<std::string> words, const std::function<int(Context&)>& callback,
                     ToolInfo info = tool()) {
    words.insert(words.begin(), info.name);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome result{};
    result.status = run_tool(static_cast<int>(words.size()), argv.data(), info, callback);
    result.out = testing::internal::GetCapturedStdout();
    result.err = testing::internal::GetCapturedStderr();
    return result;
  }

  // A run that keeps its configuration and ends well.
  Outcome run(const std::vector<std::string>& words) {
    config_ = Config();
    return run(words, [this](Context& context) {
      context.read(config_);
      config::Summary summary;
      summary.set("/kind", "test").set("/paths", config_.paths);
      return context.finish(summary, "a line for people\n");
    });
  }

  void fails(const std::vector<std::string>& words, int status, const std::string& sentence) {
    const Outcome result = run(words);
    EXPECT_EQ(result.status, status);
    EXPECT_EQ(result.err, "tool: " + sentence + "\n");
    EXPECT_EQ(result.out, "");
  }

  static void write(const std::string& name, const std::string& text) { std::ofstream(name) << text; }

  Config config_;
  std::filesystem::path home_;
  std::string folder_;
};

TEST_F(Tool, PrintsASummaryForPeopleOrForMachines) {
  EXPECT_EQ(run({"@ou"}).out, "a line for people\n");
  EXPECT_EQ(config::parse_json(run({"@ou", "--json", "-N", "5"}).out, "").dump(),
            R"({"kind":"test","paths":5})");
  EXPECT_EQ(run({"@ou"}).err, "");
}

TEST_F(Tool, TheFormOfTheOutputIsItsEnding) {
  const Outcome result = run({"@ou", "-o", "out.json"});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "a line for people\n");
  EXPECT_EQ(config::read_document("out.json").json()["kind"], "test");
  EXPECT_EQ(run({"@ou", "-o", "-", "--format", "json"}).out,
            "{\n  \"kind\": \"test\",\n  \"paths\": 1000\n}\n");
  fails({"@ou", "-o", "out.json"}, 73, "out.json: exists; use -f to replace it");
  EXPECT_EQ(run({"@ou", "-o", "out.json", "-f", "-q"}).err, "");
  fails({"@ou", "--format", "csv"}, 2,
        "--format: says the form of an output; add -o FILE, or -o - for standard output");
  fails({"@ou", "-o", "-", "--json"}, 2, "--json and -o - both want standard output");
  for (const auto& [words, form] : std::vector<std::pair<std::vector<std::string>, io::OutputForm>>{
           {{"@ou", "-o", "a.h5"}, io::OutputForm::hdf5},
           {{"@ou", "-o", "a.csv"}, io::OutputForm::csv},
           {{"@ou", "-o", "a.json"}, io::OutputForm::json},
           {{"@ou", "-o", "a"}, io::OutputForm::hdf5},
           {{"@ou", "-o", "a.csv", "--format", "h5"}, io::OutputForm::hdf5}}) {
    run(words, [&, wanted = form](Context& context) {
      EXPECT_EQ(context.output().form, wanted);
      return 0;
    });
  }
}

TEST_F(Tool, EachStepOfPrecedenceGoesOverTheOneBefore) {
  write("ou.json", R"({"state": ["x"], "drift": {"x": "-k*x"}, "parameters": {"k": 2}})");
  write("sim.json", R"({"sde": "ou.json", "paths": 1, "solver": {"dt": 0.5}})");
  write("over.json", R"({"paths": 2, "solver": {"method": "heun"}})");
  const auto paths = [&](const std::vector<std::string>& words) {
    const Outcome result = run(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return config_.paths;
  };
  EXPECT_EQ(paths({"ou.json"}), 1000u);
  EXPECT_EQ(paths({"sim.json"}), 1u);
  EXPECT_EQ(paths({"sim.json", "-c", "over.json"}), 2u);
  EXPECT_EQ(config_.solver.method, "heun");
  EXPECT_EQ(config_.solver.dt, 0.5);
  setenv("SDE_SET", "paths=3\nsolver.method=euler", 1);
  EXPECT_EQ(paths({"sim.json", "-c", "over.json"}), 3u);
  EXPECT_EQ(config_.solver.method, "euler");
  setenv("SDE_PATHS", "4", 1);
  EXPECT_EQ(paths({"sim.json", "-c", "over.json"}), 4u);
  EXPECT_EQ(paths({"sim.json", "-c", "over.json", "--set", "paths=5"}), 5u);
  EXPECT_EQ(paths({"sim.json", "-c", "over.json", "-N6", "--set", "paths=5"}), 6u);
  EXPECT_EQ(paths({"sim.json", "--paths=7"}), 7u);
  EXPECT_EQ(paths({"sim.json", "--paths=7", "--paths", "1e6"}), 1000000u);
  unsetenv("SDE_SET");
  unsetenv("SDE_PATHS");
  EXPECT_EQ(paths({"sim.json", "--steps", "9"}), 1u);
  EXPECT_EQ(config_.solver.steps, 9u);
  EXPECT_FALSE(config_.solver.dt);
  EXPECT_EQ(paths({"-c", "sim.json"}), 1u);
}

TEST_F(Tool, ValuesReachTheirKeys) {
  ASSERT_EQ(
      run({"@ou", "--expect", "x", "--expect", "x,y", "--param", "theta=3", "--seed", "18446744073709551615"})
          .status,
      0);
  EXPECT_EQ(config_.expect, (std::vector<std::string>{"x", "x,y"}));
  EXPECT_EQ(config_.seed, 18446744073709551615u);
  EXPECT_EQ(config::parse_json(config_.sde.text, "")["parameters"]["theta"], 3);
  run({"@ou", "--word", "-a b", "--no-paint", "-v", "-v", "--stats", "mean,variance", "--shard", "2/3",
       "--seed", "7"},
      [](Context& context) {
        EXPECT_EQ(context.values().text("word"), "-a b");
        EXPECT_TRUE(context.values().has("paint"));
        EXPECT_FALSE(context.values().flag("paint"));
        EXPECT_EQ(context.verbosity(), 2);
        EXPECT_EQ(context.config().json()["output"]["statistics"].dump(), R"(["mean","variance"])");
        EXPECT_EQ(context.shard().index, 2u);
        EXPECT_EQ(context.shard().count, 3u);
        EXPECT_EQ(context.seed(), 7u);
        EXPECT_EQ(context.argument("MODEL"), "@ou");
        return 0;
      });
  fails({"-o", "out.h5", "--merge", "a.h5", "b.h5"}, 66, "a.h5: no such file");
  fails({"-o", "out.h5", "--seed", "3", "--merge", "a.h5", "b.h5"}, 2,
        "--seed: has no place beside --merge without a MODEL; the shards say what the run was");
}

TEST_F(Tool, WrongUseIsOneSentence) {
  fails({}, 2, "MODEL is missing (a model); see tool --help");
  fails({"@ou", "--jsno"}, 2, "unknown option --jsno; did you mean --json?");
  fails({"@ou", "--qqqqqqqqq=3"}, 2, "unknown option --qqqqqqqqq; see tool --help");
  fails({"@ou", "-Z"}, 2, "unknown option -Z; see tool --help");
  fails({"@ou", "x"}, 2, "unexpected argument \"x\"; see tool --help");
  fails({"@ou", "--dt"}, 2, "--dt: needs a value, as in --dt H");
  fails({"@ou", "--dt", "fast"}, 2, "--dt: must be a number (got \"fast\")");
  fails({"@ou", "--dt", "nan"}, 2, "--dt: must be finite (got nan)");
  fails({"@ou", "--dt", "1e999"}, 2, "--dt: 1e999 is out of range");
  fails({"@ou", "--dt", "-0.1"}, 2, "--dt: must be > 0 (got -0.1)");
  fails({"@ou", "--dt", "0"}, 2, "--dt: must be > 0 (got 0)");
  fails({"@ou", "--seed", "1.5"}, 2, "--seed: must be an integer (got 1.5)");
  fails({"@ou", "--seed", "-1"}, 2, "--seed: must be >= 0 (got -1)");
  fails({"@ou", "-j", "-3"}, 2, "--threads: must be between 0 (all) and 65536 (got -3)");
  fails({"@ou", "--method", "huen"}, 2, "--method: unknown method \"huen\"; did you mean \"heun\"?");
  fails({"@ou", "--progress", "plian"}, 2, "--progress: unknown progress \"plian\"; did you mean \"plain\"?");
  fails({"@ou", "--param", "thta=1"}, 2, "--param: there is no \"thta\"; did you mean \"theta\"?");
  fails({"@ou", "--param", "theta"}, 2, "--param: expected NAME=VALUE (got \"theta\")");
  fails({"@ou", "--param", "theta=x"}, 2,
        "--param theta: must be a number, an object with \"uniform\", an object with \"normal\" or an "
        "object with \"lognormal\" (got \"x\")");
  fails({"@ou", "--shard", "3/3"}, 2, "--shard: expected I/N with 0 <= I < N, as in 0/4 (got \"3/3\")");
  fails({"-", "-c", "-"}, 2, "standard input (-) can be read only once");
  fails({"absent.json"}, 66, "absent.json: no such file");
  fails({"@uo"}, 2, "@uo: no such model; did you mean \"@ou\"?");
  fails({"@two-gaussians"}, 2, "@two-gaussians: is a score document; expected an SDE document");
  fails({"@ou", "--plot", "a.gif"}, 2,
        "--plot a.gif: the ending must be .png, .svg or .pdf (or - for the terminal)");
  setenv("SDE_DT", "soon", 1);
  fails({"@ou"}, 2, "SDE_DT: must be a number (got \"soon\")");
  unsetenv("SDE_DT");
  setenv("SDE_FORCE", "maybe", 1);
  fails({"@ou"}, 2, "SDE_FORCE: must be 0 or 1 (got \"maybe\")");
  unsetenv("SDE_FORCE");
  setenv("SDE_SIMD", "mmx", 1);
  EXPECT_EQ(run({"@ou"}).status, 2);
  unsetenv("SDE_SIMD");
}

TEST_F(Tool, WhatIsThrownBecomesTheExitStatus) {
  const auto status = [](const std::function<int(Context&)>& callback) {
    return run({"@ou"}, callback).status;
  };
  EXPECT_EQ(status([](Context&) { return 1; }), 1);
  EXPECT_EQ(status([](Context&) -> int { fail(Status::bad_data, "x"); }), 65);
  EXPECT_EQ(status([](Context&) -> int { fail(Status::io, "x"); }), 74);
  EXPECT_EQ(status([](Context&) -> int { throw std::bad_alloc(); }), 74);
  EXPECT_EQ(status([](Context&) -> int { throw io::BrokenPipe("standard output"); }), 0);
  const Outcome bug = run({"@ou"}, [](Context&) -> int { throw std::logic_error("broken"); });
  EXPECT_EQ(bug.status, 70);
  EXPECT_NE(bug.err.find("broken (this is a bug in tool"), std::string::npos);
  EXPECT_NE(bug.err.find("please report it"), std::string::npos);
}

TEST_F(Tool, AnswersAboutItselfWithoutAModel) {
  EXPECT_EQ(run({"--version"}).out.rfind("tool (sdetools) ", 0), 0u);
  EXPECT_EQ(config::parse_json(run({"-V", "--json"}).out, "")["program"], "tool");
  EXPECT_EQ(config::parse_json(run({"--print-schema"}).out, "")["title"], "Simulation configuration");
  EXPECT_NE(run({"--list-models"}).out.find("\nou "), std::string::npos);
  EXPECT_EQ(run({"--list-models"}).out.find("two-gaussians"), std::string::npos);
  EXPECT_EQ(config::parse_json(run({"--print-config"}).out, "")["paths"], 1000);
}

TEST_F(Tool, HelpFitsATerminalAndNamesEveryOption) {
  const std::string help = run({"--help"}).out;
  for (const char* word :
       {"--dt H", "-N, --paths N", "[1000]", "euler-maruyama", "--no-paint", "--print-config", "--merge"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(help.find("print-completion"), std::string::npos);
  for (std::size_t start = 0; start < help.size();) {
    const std::size_t end = std::min(help.find('\n', start), help.size());
    EXPECT_LE(end - start, 100u) << help.substr(start, end - start);
    start = end + 1;
  }
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = run({"--print-completion", shell}).out;
    for (const char* word : {"dt", "paths", "no-paint", "print-schema", "@heston", "milstein"}) {
      EXPECT_NE(script.find(word), std::string::npos) << shell << " " << word;
    }
  }
  EXPECT_NE(run({"--print-man-options"}).out.find("*-N*, *--paths* N\n\tthe number of paths"),
            std::string::npos);
}

TEST_F(Tool, TheEffectiveConfigurationReadsBackToItself) {
  const std::string once = run({"@heston", "--dt", "0.25", "-N", "3", "--seed", "5", "--print-config"}).out;
  write("once.json", once);
  EXPECT_EQ(run({"once.json", "--print-config"}).out, once);
  EXPECT_EQ(config::parse_json(once, "")["sde"]["name"], "heston");
  EXPECT_EQ(config::parse_json(once, "")["seed"], 5);
}

TEST_F(Tool, ADryRunTellsWhatARunWouldTake) {
  const auto plan = [](Context& context) {
    Config config;
    context.read(config);
    config::Plan p;
    p.paths = 1000;
    p.steps = 2000;
    p.memory_bytes = 3 << 20;
    p.more = {{"method", "heun"}};
    return context.dry_run() ? context.print_plan(p) : 1;
  };
  const Outcome people = run({"@ou", "-n"}, plan);
  EXPECT_EQ(people.status, 0);
  for (const char* word : {"2 million", "3.0 MiB", "heun", "\"paths\": 1000"}) {
    EXPECT_NE(people.out.find(word), std::string::npos) << word << "\n" << people.out;
  }
  const config::Json json = config::parse_json(run({"@ou", "-n", "--json"}, plan).out, "");
  EXPECT_EQ(json["steps"], 2000);
  EXPECT_EQ(json["config"]["sde"]["name"], "ou");
}

TEST_F(Tool, ProvenanceTellsHowToDoItAgain) {
  write("ou.json", R"({"state": ["x"], "drift": {"x": "0 - x"}})");
  run({"ou.json", "--seed", "9", "--word", "two words", "-j", "1"}, [](Context& context) {
    Config config;
    context.read(config);
    const io::Provenance provenance = context.provenance();
    EXPECT_EQ(provenance.command_line, "tool ou.json --seed 9 --word 'two words' -j 1");
    EXPECT_EQ(provenance.seed, 9u);
    EXPECT_EQ(provenance.threads, 1u);
    EXPECT_EQ(config::parse_json(provenance.config_json, "")["sde"]["drift"]["x"], "0 - x");
    EXPECT_EQ(provenance.inputs.size(), 1u);
    EXPECT_EQ(provenance.inputs.at(0).first, "ou.json");
    EXPECT_EQ(provenance.inputs.at(0).second.size(), 64u);
    EXPECT_FALSE(provenance.started_utc.empty());
    return 0;
  });
}

TEST_F(Tool, WarningsAndNotesGoToStandardError) {
  const auto speak = [](Context& context) {
    context.hooks().warn("a warning");
    context.note("a note");
    return 0;
  };
  EXPECT_EQ(run({"@ou"}, speak).err, "tool: warning: a warning\n");
  EXPECT_EQ(run({"@ou", "-v"}, speak).err, "tool: warning: a warning\ntool: a note\n");
  EXPECT_EQ(run({"@ou", "-q"}, speak).err, "");
}

TEST_F(Tool, ProgressAsJsonIsOneObjectALine) {
  const Outcome result = run({"@ou", "--progress", "json"}, [](Context& context) {
    context.phase("working", "steps");
    context.hooks().report(1, 4);
    context.hooks().report(4, 4);
    context.phase("resting", "breaths");
    return 0;
  });
  const config::Json line = config::parse_json(result.err, "progress");
  EXPECT_EQ(line["phase"], "working");
  EXPECT_EQ(line["done"], 4);
  EXPECT_EQ(line["total"], 4);
}

TEST_F(Tool, AProgramMayHaveNoConfigurationAndNoOutput) {
  ToolInfo info;
  info.name = "plain";
  info.summary = "s";
  info.description = "d";
  info.arguments = {{"SUITE", "a suite"}, {"CASE", "cases", false, true}};
  info.formats = {};
  info.plots = false;
  const Outcome result = run(
      {"speed", "a", "b", "--seed", "3"},
      [](Context& context) {
        EXPECT_EQ(context.argument("SUITE"), "speed");
        EXPECT_EQ(context.arguments("CASE"), (std::vector<std::string>{"a", "b"}));
        EXPECT_EQ(context.seed(), 3u);
        return 0;
      },
      info);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(run(
                {"speed", "-o", "x.h5"}, [](Context&) { return 0; }, info)
                .status,
            2);
}

}  // namespace
}  // namespace sde::cli
