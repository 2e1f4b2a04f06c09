// Compose files in the manner of those that people have: each loads to the model whose canonical form was checked by
// hand (expected.yaml), and that form loads to itself.
#include "tests/unit/compose_corpus.hpp"

#include "manager/compose/config_output.hpp"
#include "manager/compose/model_json.hpp"
#include "tests/support/golden.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stack::compose::test {
namespace {

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

// Positions tell where a value was read, which differs between a file and its canonical form.
Project without_places(Project project) {
    project.files.clear();
    for (auto& [key, service] : project.services) {
        service.position = {};
        service.positions.clear();
        for (Port& port : service.ports) port.position = {};
        for (VolumeMount& mount : service.volumes) mount.position = {};
        for (FileGrant& grant : service.secrets) grant.position = {};
        for (FileGrant& grant : service.configs) grant.position = {};
        for (DeviceGrant& grant : service.devices) grant.position = {};
        for (DeviceRequest& request : service.device_requests) request.position = {};
    }
    const auto clear = [](auto& resources) {
        for (auto& [key, resource] : resources) resource.position = {};
    };
    clear(project.networks);
    clear(project.volumes);
    clear(project.secrets);
    clear(project.configs);
    return project;
}

class ComposeCorpus : public ::testing::TestWithParam<std::string> {
  protected:
    LoadResult load_corpus() {
        LoadResult result = load(corpus_request(GetParam()));
        EXPECT_TRUE(result.project) << render(result.diagnostics, result.sources, false);
        return result;
    }
};

TEST_P(ComposeCorpus, LoadsToTheExpectedModel) {
    const LoadResult result = load_corpus();
    ASSERT_TRUE(result.project);
    const std::string text =
        render(result.diagnostics, result.sources, false) + config_yaml(*result.document->root);
    const std::string directory = kCorpus + "/" + GetParam();
    EXPECT_TRUE(
        stack::test::matches_golden("compose/corpus/" + GetParam() + "/expected.yaml",
                                    replace_all(replace_all(text, directory, "/project"), kCorpus, "")));
}

TEST_P(ComposeCorpus, CanonicalOutputLoadsToItself) {
    const LoadResult first = load_corpus();
    ASSERT_TRUE(first.project);
    for (const bool as_json : {false, true}) {
        LoadRequest again = corpus_request(GetParam());
        again.files = {"-"};
        again.stdin_text = as_json ? config_json(*first.document->root) : config_yaml(*first.document->root);
        const LoadResult second = load(again);
        ASSERT_TRUE(second.project) << render(second.diagnostics, second.sources, false);
        EXPECT_EQ(config_yaml(*second.document->root), config_yaml(*first.document->root));
        EXPECT_EQ(config_json(*second.document->root), config_json(*first.document->root));
        // Unused resources and disabled services are not printed, so they can't come back.
        Project expected = without_places(*first.project), actual = without_places(*second.project);
        for (const auto& [key, service] : expected.services)
            EXPECT_EQ(to_json(actual.services[key]).dump(1), to_json(service).dump(1));
        EXPECT_EQ(actual.services.size(), expected.services.size());
    }
}

TEST_P(ComposeCorpus, SurvivesTheWayThroughJson) {
    const LoadResult result = load_corpus();
    ASSERT_TRUE(result.project);
    const std::string text = to_json(*result.project).dump();
    EXPECT_EQ(project_from_json(nlohmann::json::parse(text)), *result.project);
}

TEST_P(ComposeCorpus, LoadsWithAPhaseLeftOut) {
    for (bool LoadRequest::*phase : {&LoadRequest::resolve_paths, &LoadRequest::normalize,
                                     &LoadRequest::resolve_environment, &LoadRequest::check_consistency}) {
        LoadRequest request = corpus_request(GetParam());
        request.*phase = false;
        const LoadResult result = load(request);
        EXPECT_TRUE(result.project) << render(result.diagnostics, result.sources, false);
    }
}

TEST_P(ComposeCorpus, KeepsVariablesWhenTheyAreNotToBeFilledIn) {
    LoadRequest request = corpus_request(GetParam());
    request.interpolate = false;
    const LoadResult first = load(request);
    ASSERT_TRUE(first.project) << render(first.diagnostics, first.sources, false);
    ConfigOutputOptions as_written;
    as_written.double_dollars = false;
    const std::string text = config_yaml(*first.document->root, as_written);
    request.files = {"-"};
    request.stdin_text = text;
    const LoadResult second = load(request);
    ASSERT_TRUE(second.project) << render(second.diagnostics, second.sources, false);
    EXPECT_EQ(config_yaml(*second.document->root, as_written), text);
}

TEST_P(ComposeCorpus, IsRefusedForNothingButKeysThatAreNotSupportedYet) {
    LoadRequest request = corpus_request(GetParam());
    request.purpose = LoadPurpose::run;
    for (const Diagnostic& diagnostic : load(request).diagnostics) {
        if (diagnostic.severity != Severity::error) continue;
        EXPECT_EQ(diagnostic.code, "not-supported") << diagnostic.message;
        EXPECT_FALSE(diagnostic.position.file.empty()) << diagnostic.message;
    }
}

INSTANTIATE_TEST_SUITE_P(Files, ComposeCorpus, ::testing::ValuesIn(corpus_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace stack::compose::test
