// Any bytes as a compose file, through the whole load. What loads, prints; what was printed, loads to the same print;
// what fails, renders.
#include "manager/compose/config_output.hpp"
#include "manager/compose/loader.hpp"
#include "manager/compose/model_json.hpp"

#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    using namespace stack::compose;
    LoadRequest request;
    request.cwd = "/nonexistent";
    request.project_name = "fuzz";
    request.environment = {
        {"A", "value"}, {"B", ""}, {"HOME", "/home/user"}, {"COMPOSE_DISABLE_ENV_FILE", "1"}};
    request.profiles = {"*"};
    request.files = {"-"};
    request.stdin_text = std::string(reinterpret_cast<const char*>(data), size);
    const LoadResult first = load(request);
    if (render(first.diagnostics, first.sources, true).empty() && !first.project) std::abort();
    if (!first.project) return 0;
    if (!(project_from_json(to_json(*first.project)) == *first.project)) std::abort();

    ConfigOutputOptions all;
    all.all_resources = true;
    const std::string printed = config_yaml(*first.document->root, all);
    request.stdin_text = printed;
    const LoadResult second = load(request);
    if (!second.project || config_yaml(*second.document->root, all) != printed) {
        std::fprintf(stderr, "%s%s", printed.c_str(),
                     render(second.diagnostics, second.sources, false).c_str());
        std::abort();
    }
    return 0;
}
