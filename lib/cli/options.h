// The options of a program. One definition of each makes its parser, its help, its line in the manual page,
// its completion and the configuration key that it sets.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sde::cli {

enum class OptionType {
  flag,        // no value; --no-NAME where `negatable`
  integer,     // a whole number; 1e6 is one
  number,      // a finite number
  text,        // any text, kept as it is
  choice,      // one of `choices`
  file,        // a file's name; completed as one
  list,        // comma-separated; numbers where all are numbers: 1,2,3 -> [1,2,3]
  assignment,  // NAME=VALUE, repeatable: sets key NAME of the object at the option's key
  value,       // a JSON value where the text is one, else text
};

struct Option {
  std::string name;  // "dt" makes --dt
  char letter = 0;   // 'N' makes -N too
  OptionType type = OptionType::text;
  std::string
      key;  // JSON pointer that it sets in the configuration: "/solver/dt"; empty: only the program's own
  std::string value_name;    // "H"
  std::string help;          // one sentence, small first letter, no full stop
  std::string default_text;  // shown in help as [default]; empty where there is none
  std::vector<std::string> choices;
  bool repeatable = false;  // values add up (the key, if any, becomes an array)
  bool negatable = false;
  bool existing = false;  // of an assignment: NAME must be there already
  bool hidden = false;
  std::string section;  // heading in help; empty: the program's own options
};

// A fluent handle on an option just added.
class OptionHandle {
 public:
  explicit OptionHandle(Option& option) : option_(option) {}
  OptionHandle& letter(char c) {
    option_.letter = c;
    return *this;
  }
  OptionHandle& value_name(std::string s) {
    option_.value_name = std::move(s);
    return *this;
  }
  OptionHandle& default_text(std::string s) {
    option_.default_text = std::move(s);
    return *this;
  }
  OptionHandle& choices(std::vector<std::string> c) {
    option_.choices = std::move(c);
    return *this;
  }
  OptionHandle& repeatable() {
    option_.repeatable = true;
    return *this;
  }
  OptionHandle& negatable() {
    option_.negatable = true;
    return *this;
  }
  OptionHandle& existing() {
    option_.existing = true;
    return *this;
  }
  OptionHandle& hidden() {
    option_.hidden = true;
    return *this;
  }
  OptionHandle& section(std::string s) {
    option_.section = std::move(s);
    return *this;
  }

 private:
  Option& option_;
};

// The table of a program's options. `key` is a JSON pointer into the configuration or "" (see Option::key).
class Options {
 public:
  OptionHandle flag(std::string name, std::string key, std::string help);
  OptionHandle integer(std::string name, std::string key, std::string help);
  OptionHandle number(std::string name, std::string key, std::string help);
  OptionHandle text(std::string name, std::string key, std::string help);
  OptionHandle choice(std::string name, std::string key, std::vector<std::string> choices, std::string help);
  OptionHandle file(std::string name, std::string key, std::string help);
  OptionHandle list(std::string name, std::string key, std::string help);
  OptionHandle assignment(std::string name, std::string key, std::string help);
  OptionHandle value(std::string name, std::string key, std::string help);

  // --columns, --time-column, --dt: how CSV is read wherever DATA is (keys /data/columns, /data/time_column,
  // /data/dt).
  void data_options();

  const std::deque<Option>& all() const { return options_; }
  const Option* find(std::string_view name) const;

 private:
  OptionHandle add(OptionType type, std::string name, std::string key, std::string help);

  std::deque<Option> options_;  // references to its items last
};

// What was given on the command line or in the environment, by option name.
class Values {
 public:
  bool has(std::string_view name) const;
  bool flag(std::string_view name) const;         // false where not given
  std::string text(std::string_view name) const;  // the last value given; "" where not given
  double number(std::string_view name, double otherwise) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  const std::vector<std::string>& list(std::string_view name) const;  // every value given, in order
  std::string origin(std::string_view name) const;                    // "--dt" or "SDE_DT", for messages

  void set(const std::string& name, std::vector<std::string> values, std::string origin);

 private:
  struct Given {
    std::vector<std::string> values;
    std::string origin;
  };
  std::map<std::string, Given, std::less<>> given_;
};

}  // namespace sde::cli
