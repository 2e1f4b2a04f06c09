// The cases of tests/golden/compose/rows: for every key of the format, and for every rule that is no key, files that
// show it and what comes of them. The notation is told in rows/README.md; reading it is strict, so that a misspelt
// field can't switch a check off.
#pragma once

#include "manager/compose/loader.hpp"

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace stack::compose::test {

/// One load and what is to come of it.
struct RowCase {
    std::string row;      ///< path of the key table, or the id of a rule
    std::string claim;    ///< what is shown, in a few words
    std::string chapter;  ///< name of the file without `.yaml`
    std::string name;     ///< of the test: legal and unique
    std::string fault;    ///< what is wrong with the notation; the test fails with it

    std::map<std::string, std::string> files;  ///< below the project directory
    LoadRequest request;                       ///< `cwd` is below the project directory here
    bool all_resources = true;

    struct Expected {
        std::string path;
        nlohmann::json value;
    };
    std::vector<Expected> expected;     ///< of the canonical output
    std::vector<std::string> absent;    ///< paths that it must not have
    std::vector<std::string> errors;    ///< every text is in some error, every error has some text
    std::vector<std::string> warnings;  ///< likewise
    std::string code;                   ///< of an error
    std::string line;                   ///< `3:5`, of an error
};

/// In the order of the files. Read once.
const std::vector<RowCase>& row_cases();

/// A rule that is no key: how files are found, merged, interpolated, checked.
struct RowRule {
    std::string id;
    char importance;        ///< as in KeyRow
    std::string text;       ///< the rule
    std::string elsewhere;  ///< "FILE Suite.Test" that shows it, where it is not the loader's; else empty
};
const std::vector<RowRule>& row_rules();

/// Number and file of the cases of a row, for docs/compose.md: `3 in 02-service`.
std::string shown_by(std::string_view row);

}  // namespace stack::compose::test
