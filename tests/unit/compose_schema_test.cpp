// schemas/compose.schema.json is what editors go by; the loader is what counts. Here the two are held together: they
// know the same keys, accept the whole corpus and refuse the same mistakes.
//
// Out of the schema's scope is what one document can't tell: names that are defined nowhere, cycles, files that are
// missing, values that contradict each other. tests/golden/compose/spoilt/semantic.yaml shows where the border runs.
#include "manager/compose/document.hpp"
#include "manager/compose/key_walk.hpp"
#include "manager/compose/keys.hpp"
#include "manager/compose/scalar.hpp"
#include "manager/compose/validate.hpp"
#include "runtime/base/path_at.hpp"
#include "tests/support/paths.hpp"
#include "tests/unit/compose_corpus.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace stack::compose::test {
namespace {

using nlohmann::json;
using namespace nlohmann::literals;

// ---- the schema ------------------------------------------------------------------------------------------------------

const json& schema_text() {
    static const json kText = json::parse(read_file(stack::test::source_path("schemas/compose.schema.json")));
    return kText;
}

/// What the schema has against the document; empty when nothing.
std::string complaint(const json& document) {
    static const valijson::Schema& schema = *[] {
        auto* parsed = new valijson::Schema;  // lives as long as the program
        valijson::SchemaParser{}.populateSchema(valijson::adapters::NlohmannJsonAdapter{schema_text()},
                                                *parsed);
        return parsed;
    }();
    valijson::ValidationResults results;
    valijson::Validator validator;
    if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter{document}, &results)) return {};
    std::string text;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
        for (const std::string& step : error.context) text += step;
        text += ": " + error.description + "\n";
    }
    return text.empty() ? "invalid" : text;
}

/// The node itself, or what it refers to or chooses among.
std::vector<const json*> alternatives(const json& node) {
    if (node.contains("$ref")) {
        const auto name = node.at("$ref").get<std::string>().substr(std::string{"#/definitions/"}.size());
        return alternatives(schema_text().at("definitions").at(name));
    }
    if (!node.contains("anyOf")) return {&node};
    std::vector<const json*> result;
    for (const json& one : node.at("anyOf"))
        for (const json* alternative : alternatives(one)) result.push_back(alternative);
    return result;
}

/// The schema by paths as in the table of keys.
struct Places {
    std::map<std::string, const json*> keys;  ///< `services.*.ports`: its description and what it takes
    std::map<std::string, const json*> maps;  ///< `services.*.ports[]`: maps with members of fixed names
};

void add_places(const json& node, const std::string& path, Places& places) {
    for (const json* one : alternatives(node)) {
        if (one->contains("properties")) {
            EXPECT_EQ(one->at("additionalProperties"), false) << path;
            EXPECT_TRUE(one->contains("/patternProperties/^x-"_json_pointer)) << path;
            places.maps[path] = one;
            for (const auto& [key, value] : one->at("properties").items()) {
                const std::string below = path.empty() ? key : path + "." + key;
                places.keys[below] = &value;
                add_places(value, below, places);
            }
        } else if (one->contains("patternProperties")) {
            for (const json& value : one->at("patternProperties")) add_places(value, path + ".*", places);
        } else if (one->contains("additionalProperties")) {
            add_places(one->at("additionalProperties"), path + ".*", places);
        }
        if (one->contains("items") && one->at("items").is_object())
            add_places(one->at("items"), path + "[]", places);
    }
}

const Places& schema_places() {
    static const Places kPlaces = [] {
        Places places;
        add_places(schema_text(), "", places);
        return places;
    }();
    return kPlaces;
}

TEST(ComposeSchema, KnowsTheKeysOfTheTableAndNoOther) {
    std::set<std::string> keys, places;
    for (const KeyRow& row : key_table())
        if (row.path != "x-*") keys.emplace(row.path);  // a pattern in every map
    for (const auto& [path, node] : schema_places().keys) places.insert(path);
    for (const std::string& key : keys) EXPECT_TRUE(places.contains(key)) << key << " is not in the schema";
    for (const std::string& place : places) EXPECT_TRUE(keys.contains(place)) << place << " is no key";
}

TEST(ComposeSchema, DescribesEachKeyInASentenceAndSaysWhichAreRefused) {
    for (const KeyRow& row : key_table()) {
        if (row.path == "x-*") continue;
        const std::string text = schema_places().keys.at(std::string{row.path})->value("description", "");
        EXPECT_TRUE(!text.empty() && text.back() == '.') << row.path;
        EXPECT_EQ(text.ends_with(": refused."), row.state == KeyState::refused) << row.path;
    }
}

// ---- documents -------------------------------------------------------------------------------------------------------

json scalar_to_json(const Node& node) {
    switch (scalar_type(node)) {
        case ScalarType::null:
            return nullptr;
        case ScalarType::boolean:
            return *parse_yaml_bool(node.text);
        case ScalarType::integer:
            return *parse_yaml_int(node.text);
        case ScalarType::floating:
            return *parse_yaml_float(node.text);
        case ScalarType::string:
            break;
    }
    return std::string{node.text};
}

// As an editor sees it, `${}` and all. What says only how to merge goes: `!reset`, and in a later file or document a
// null, which leaves the earlier value as it is.
json node_to_json(const Node& node, bool later) {
    if (node.is_sequence()) {
        json list = json::array();
        for (const Entry& item : node.items()) list.push_back(node_to_json(*item.value, later));
        return list;
    }
    if (!node.is_mapping()) return scalar_to_json(node);
    json map = json::object();
    for (const Entry& entry : node.items()) {
        if (entry.value->tag == NodeTag::reset || (later && entry.value->is_null())) continue;
        map[std::string{entry.key->text}] = node_to_json(*entry.value, later);
    }
    return map;
}

struct ReadText {
    std::unique_ptr<Tree> tree = std::make_unique<Tree>();
    std::vector<Node*> documents;
};

ReadText read_text(const std::string& name, const std::string& text) {
    ReadText read;
    DocumentBudget budget;
    Reporter reporter;
    const std::uint32_t file = read.tree->add_file(name, std::make_shared<const std::string>(text));
    read.documents = parse_documents(*read.tree, file, budget, reporter);
    EXPECT_FALSE(read.documents.empty()) << name;
    return read;
}

/// Whether the loader's check of keys and shapes passes it.
bool shapes_pass(const json& document) {
    const ReadText read = read_text("document", document.dump());
    Reporter reporter;
    validate(*read.tree, *read.documents.at(0), ValidateStage::merged, reporter);
    return !reporter.failed();
}

// ---- each key with right and wrong values ----------------------------------------------------------------------------

json samples(const json& node);

/// A map or list with what it can't do without, and one member of each form that members have.
json sample_map(const json& schema) {
    json map = json::object();
    if (schema.contains("required"))
        for (const json& member : schema.at("required"))
            map[member.get<std::string>()] =
                samples(schema.at("properties").at(member.get<std::string>())).at(0);
    if (schema.contains("properties")) return map;
    const json& members = schema.contains("patternProperties") ? *schema.at("patternProperties").begin()
                                                               : schema.at("additionalProperties");
    for (const json& value : samples(members)) map["name-" + std::to_string(map.size())] = value;
    return map;
}
json sample_list(const json& schema) {
    json list = json::array();
    if (!schema.contains("items")) return list;
    if (schema.at("items").is_object()) return samples(schema.at("items"));
    for (const json& item : schema.at("items")) list.push_back(samples(item).at(0));
    return list;
}

/// A list of values that the schema accepts at the node: one for each alternative. `${}` is left out, since the check
/// of shapes comes after it has been filled in.
json samples(const json& node) {
    json result = json::array();
    for (const json* one : alternatives(node)) {
        if (one->contains("enum")) result.push_back(one->at("enum")[0]);
        if (one->contains("examples"))
            result.insert(result.end(), one->at("examples").begin(), one->at("examples").end());
        if (one->contains("enum") || one->contains("examples") || one->contains("pattern")) continue;
        const json types = one->value("type", json{"string"});
        for (const json& type : types.is_array() ? types : json::array({types})) {
            if (type == "object") result.push_back(sample_map(*one));
            if (type == "array") result.push_back(sample_list(*one));
            if (type == "string") result.push_back("text");
            if (type == "integer") result.push_back(100);
            if (type == "number") result.push_back(1.5);
            if (type == "boolean") result.push_back(true);
            if (type == "null") result.push_back(nullptr);
        }
    }
    return result;
}

json right_values(const KeyRow& row) {
    return samples(*schema_places().keys.at(std::string{row.path}));
}

/// The map at a path of the table (`services.*.ports[]`) with the members that it must have.
json right_map(const std::string& path) {
    const auto found = schema_places().maps.find(path);
    return found == schema_places().maps.end() ? json::object() : sample_map(*found->second);
}

/// A document that holds nothing but the value at the path, and `beside` it other members of the same map. Maps on
/// the way have the members that they must have.
json document_with(std::string path, json value, json beside = json::object()) {
    while (!path.empty()) {
        const std::size_t dot = path.rfind('.');
        const std::string above = dot == std::string::npos ? "" : path.substr(0, dot);
        const std::string name = path.substr(above.empty() ? 0 : dot + 1);
        if (name.ends_with("[]")) {
            value = json::array({value});
            path.resize(path.size() - 2);
            continue;
        }
        if (name == "*") {
            value = json::object({{"name", value}});
        } else {
            json map = above.empty() ? json::object() : right_map(above);
            map.update(std::exchange(beside, json::object()));
            map[name] = std::move(value);
            value = std::move(map);
        }
        path = above;
    }
    return value;
}

TEST(ComposeSchema, AcceptsTheRightValuesOfEachKeyAsTheLoaderDoes) {
    for (const KeyRow& row : key_table()) {
        if (row.path == "x-*") continue;
        for (const json& value : right_values(row)) {
            const json document = document_with(std::string{row.path}, value);
            EXPECT_EQ(complaint(document), "") << row.path << " " << document;
            if (row.state != KeyState::refused) {
                EXPECT_TRUE(shapes_pass(document)) << row.path << " " << document;
            }
        }
    }
}

LoadResult load_text(const std::string& text) {
    LoadRequest request;
    request.cwd = kCorpus;
    request.project_name = "spoilt";
    request.files = {"-"};
    request.stdin_text = text;
    request.purpose = LoadPurpose::inspect;
    return load(request);
}

/// Whether the whole loader takes it, when there is a service and services have an image.
bool loads(json document) {
    json& services = document["services"];
    if (services.is_null()) services["web"] = json::object();
    if (services.is_object())
        for (json& service : services)
            if (service.is_object() && !service.contains("build")) service.emplace("image", "x");
    return load_text(document.dump()).project.has_value();
}

TEST(ComposeSchema, RefusesWhatTheLoaderRefusesAndTheOtherWayRound) {
    // Texts and numbers may be refused for what they say as well: by the schema, and by later phases of the loader,
    // which know more. So what is in the schema's scope is never taken by the loader when the schema refuses it.
    const json shapes = R"([null, true, [7], [true], [null], [["text"]], {"x-k": [[]]}])"_json;
    const json words = R"([7, 1.5, -1, "some text", "", ["text"], [""], {"": ""}, {"a": null}, [{}]])"_json;
    for (const KeyRow& row : key_table()) {
        if (row.path == "x-*" || row.state == KeyState::refused) continue;
        const std::string path{row.path};
        for (json value : row.shape == Shape::any ? json::array() : shapes) {
            if (value.is_object()) value.update(right_map(path));
            const json document = document_with(path, value);
            EXPECT_EQ(complaint(document).empty(), shapes_pass(document)) << path << " " << document;
        }
        for (const json& value : words) {
            const json document = document_with(path, value);
            EXPECT_TRUE(!loads(document) || complaint(document).empty()) << path << " " << document;
        }
    }
}

TEST(ComposeSchema, RefusesAnUnknownKeyBesideEachKnownOne) {
    for (const KeyRow& row : key_table()) {
        if (row.path == "x-*" || row.state == KeyState::refused) continue;
        for (const json& beside : {R"({"unknown_key": "value"})"_json, R"({"x-other": "value"})"_json}) {
            const json document = document_with(std::string{row.path}, right_values(row).at(0), beside);
            EXPECT_EQ(complaint(document).empty(), beside.contains("x-other")) << document;
            EXPECT_EQ(shapes_pass(document), beside.contains("x-other")) << document;
        }
    }
}

// ---- whole files -----------------------------------------------------------------------------------------------------

/// The Compose files of a project of the corpus.
std::vector<std::filesystem::path> compose_files(const std::string& project) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{kCorpus + "/" + project}) {
        const std::string name = entry.path().filename(), extension = entry.path().extension();
        if ((extension == ".yaml" || extension == ".yml") && name != "request.yaml" &&
            name != "expected.yaml")
            files.push_back(entry.path());
    }
    return files;
}

class ComposeSchemaCorpus : public ::testing::TestWithParam<std::string> {};

TEST_P(ComposeSchemaCorpus, EachDocumentPasses) {
    const LoadRequest request = corpus_request(GetParam());
    const auto files = compose_files(GetParam());
    EXPECT_FALSE(files.empty());
    for (const auto& file : files) {
        const bool first = request.files.empty()
                               ? file.filename().string().find("override") == std::string::npos
                               : file == request.cwd + "/" + request.files[0];
        const ReadText read = read_text(file, read_file(file));
        for (std::size_t i = 0; i < read.documents.size(); ++i)
            EXPECT_EQ(complaint(node_to_json(*read.documents[i], !first || i > 0)), "") << file;
    }
}

INSTANTIATE_TEST_SUITE_P(Files, ComposeSchemaCorpus, ::testing::ValuesIn(corpus_names()),
                         [](const auto& info) { return info.param; });

TEST(ComposeSchema, IsTriedOnEveryKeyByTheCorpus) {
    std::set<std::string_view> used;
    auto note = [&used](Entry&, const KeyNode& keys) { return used.insert(keys.row->path).second || true; };
    for (const std::string& project : corpus_names())
        for (const auto& file : compose_files(project)) {
            const ReadText read = read_text(file, read_file(file));
            for (Node* document : read.documents) walk_keys(*document, key_tree(), note);
        }
    for (const KeyRow& row : key_table()) {
        if (row.path == "x-*" || row.state == KeyState::refused) continue;
        EXPECT_TRUE(used.contains(row.path)) << row.path;
    }
}

struct Spoilt {
    std::string text;
    int line = 0;  ///< of the mistake: the one that ends in the mark `#!`
};

/// The documents of a file below tests/golden/compose/spoilt: each is a file with one mistake.
std::vector<Spoilt> spoilt_documents(const std::string& name) {
    std::vector<Spoilt> documents;
    std::istringstream lines{read_file(stack::test::source_path("tests/golden/compose/spoilt/") + name)};
    Spoilt current;
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line == "---") {
            documents.push_back(std::exchange(current, {}));
            number = 0;
            continue;
        }
        ++number;
        current.text += line + "\n";
        if (line.ends_with("#!")) current.line = number;
    }
    documents.push_back(current);
    return documents;
}

/// The line of the first error; 0 when there is none.
int first_error_line(const LoadResult& result) {
    for (const Diagnostic& diagnostic : result.diagnostics)
        if (diagnostic.severity == Severity::error) return diagnostic.position.line;
    return 0;
}

class ComposeSpoilt : public ::testing::TestWithParam<std::string> {};

TEST_P(ComposeSpoilt, IsRefusedBySchemaAndLoader) {
    for (const Spoilt& spoilt : spoilt_documents(GetParam() + ".yaml")) {
        ASSERT_NE(spoilt.line, 0) << "no mark in\n" << spoilt.text;
        const ReadText read = read_text("spoilt", spoilt.text);
        EXPECT_NE(complaint(node_to_json(*read.documents.at(0), false)), "") << spoilt.text;
        const LoadResult result = load_text(spoilt.text);
        EXPECT_EQ(first_error_line(result), spoilt.line)
            << spoilt.text << render(result.diagnostics, result.sources, false);
    }
}

INSTANTIATE_TEST_SUITE_P(Files, ComposeSpoilt,
                         ::testing::Values("top_level", "service", "build", "health", "network", "files",
                                           "limits", "deploy", "develop", "resources"),
                         [](const auto& info) { return info.param; });

TEST(ComposeSchema, LeavesToTheLoaderWhatOneDocumentCantTell) {
    for (const Spoilt& spoilt : spoilt_documents("semantic.yaml")) {
        const ReadText read = read_text("spoilt", spoilt.text);
        EXPECT_EQ(complaint(node_to_json(*read.documents.at(0), false)), "") << spoilt.text;
        const LoadResult result = load_text(spoilt.text);
        EXPECT_EQ(first_error_line(result), spoilt.line)
            << spoilt.text << render(result.diagnostics, result.sources, false);
    }
}

}  // namespace
}  // namespace stack::compose::test
