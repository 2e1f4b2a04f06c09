// Everything that client and server write is as schemas/control.schema.json says: the schema is what others code by.
#include "manager/control/protocol.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/paths.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace stack::control {
namespace {

using nlohmann::json;

/// Empty when `text` is a `definition` of the schema, else the first complaint.
std::string complaint(const std::string& definition, const std::string& text) {
    static const json whole = json::parse(read_file(stack::test::source_path("schemas/control.schema.json")));
    if (!whole.at("definitions").contains(definition)) return "no such definition: " + definition;
    json one = whole;
    one["$ref"] = "#/definitions/" + definition;
    valijson::Schema schema;
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter{one}, schema);
    const json value = json::parse(text);
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter{value}, &results)) return {};
    valijson::ValidationResults::Error error;
    return results.popError(error) ? error.description : "invalid";
}

TEST(ControlSchema, DescribesEveryRequest) {
    UpRequest up;
    up.project.name = "shop";
    up.options.services = {"web"};
    up.options.scale = {{"web", 2}};
    up.options.timeout = std::chrono::seconds{1};
    EXPECT_EQ(complaint("up_request", to_json(up)), "");
    EXPECT_EQ(complaint("down_request", to_json(DownRequest{})), "");
    EXPECT_EQ(complaint("select_request", to_json(SelectRequest{})), "");
    ExecRequest exec;
    exec.service = "web";
    exec.argv = {"sh"};
    EXPECT_EQ(complaint("exec_request", to_json(exec)), "");
}

TEST(ControlSchema, DescribesEveryAnswer) {
    EXPECT_EQ(
        complaint("stream_event", to_json(StreamEvent{ProgressEvent{"Container a-b-1", "Creating", ""}})),
        "");
    EXPECT_EQ(complaint("stream_event", to_json(StreamEvent{WarningEvent{"x"}})), "");
    Error error{ErrorKind::not_found, "no image"};
    error.add_context("creating container a").at({"compose.yaml", 1, 2}).with_hint("import it");
    EXPECT_EQ(complaint("stream_event", to_json(StreamEvent{ResultEvent{false, 1, {error}}})), "");
    EXPECT_EQ(complaint("event", to_json(Event{SnapshotEvent{{{"a-b-1", "id", "b", 1, "running", 0, ""}}}})),
              "");
    ContainerEvent die;
    die.action = "die";
    EXPECT_EQ(complaint("event", to_json(Event{die})), "");
    EXPECT_EQ(complaint("project_summary", to_json(ProjectSummary{"a", "/a", {"/a/compose.yaml"}, {}})), "");
    EXPECT_EQ(complaint("error", error_to_json(error).dump()), "");
}

TEST(ControlSchema, RefusesWhatIsNone) {
    EXPECT_NE(complaint("up_request", "{}"), "");
    EXPECT_NE(complaint("exec_request", R"({"argv":[]})"), "");
    EXPECT_NE(complaint("select_request", R"({"options":{"services":"web"}})"), "");
    EXPECT_NE(complaint("stream_event", R"({"event":"tea"})"), "");
    EXPECT_NE(complaint("error", R"({"kind":"odd","message":"x","context":[]})"), "");
}

}  // namespace
}  // namespace stack::control
