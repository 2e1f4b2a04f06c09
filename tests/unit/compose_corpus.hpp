// The projects below tests/golden/compose/corpus, for the tests that go over all of them.
#pragma once

#include "manager/compose/loader.hpp"

#include <string>
#include <vector>

namespace stack::compose::test {

/// Directory of the corpus.
extern const std::string kCorpus;

/// Its projects, sorted: one a directory.
std::vector<std::string> corpus_names();

/// How the project is loaded: from its directory, in a small fixed environment. `request.yaml` in the directory may
/// say otherwise: `directory` (to load from, relative), `files` (-f), `env_files`, `profiles`, `project_name`,
/// `environment` (more variables). Throws for anything else in it.
LoadRequest corpus_request(const std::string& name);

}  // namespace stack::compose::test
