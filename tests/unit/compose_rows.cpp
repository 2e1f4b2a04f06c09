#include "tests/unit/compose_rows.hpp"

#include "tests/support/paths.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

namespace stack::compose::test {

namespace {

using nlohmann::json;

const std::string kRows = stack::test::source_path("tests/golden/compose/rows");

// A plain scalar is what it looks like in YAML 1.2; a quoted one is text.
json scalar_value(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    if (node.Tag() == "!") return text;
    if (text == "true" || text == "false") return text == "true";
    if (text == "null" || text == "~") return nullptr;
    std::int64_t integer = 0;
    if (YAML::convert<std::int64_t>::decode(node, integer)) return integer;
    double number = 0;
    if (YAML::convert<double>::decode(node, number)) return number;
    return text;
}

json value_of(const YAML::Node& node) {
    if (node.IsScalar()) return scalar_value(node);
    if (node.IsSequence()) {
        json list = json::array();
        for (const YAML::Node& item : node) list.push_back(value_of(item));
        return list;
    }
    if (node.IsMap()) {
        json map = json::object();
        for (const auto& member : node) map[member.first.Scalar()] = value_of(member.second);
        return map;
    }
    return nullptr;
}

std::string text_of(const YAML::Node& node) {
    if (!node.IsScalar()) throw std::invalid_argument("a text is wanted");
    return node.Scalar();
}

std::vector<std::string> texts_of(const YAML::Node& node) {
    if (!node.IsSequence()) return {text_of(node)};
    std::vector<std::string> texts;
    for (const YAML::Node& item : node) texts.push_back(text_of(item));
    return texts;
}

std::map<std::string, std::string> text_map_of(const YAML::Node& node) {
    if (!node.IsMap()) throw std::invalid_argument("a map of texts is wanted");
    std::map<std::string, std::string> map;
    for (const auto& member : node) map[text_of(member.first)] = text_of(member.second);
    return map;
}

std::string indented(const std::string& text, std::size_t columns) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        result += std::string(columns, ' ') + text.substr(at, end - at) + '\n';
        at = end + 1;
    }
    return result;
}

// `services.*.ports[].target` -> `services.web.ports.0.target`: the place that a case speaks of unless it says another.
std::string place_of(const std::string& row) {
    std::string place;
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i] == '*')
            place += place == "services." ? "web" : "a";
        else if (row.compare(i, 2, "[]") == 0)
            place += ".0", ++i;
        else
            place += row[i];
    }
    return place;
}

class RowCaseReader {
  public:
    RowCaseReader(std::string row, std::string chapter) {
        case_.row = std::move(row);
        case_.chapter = std::move(chapter);
        case_.request.environment["HOME"] = "/home/me";
        case_.request.purpose = LoadPurpose::inspect;
    }

    RowCase read(const YAML::Node& node) {
        try {
            if (!node.IsMap()) throw std::invalid_argument("a case is a map");
            for (const auto& member : node) field(text_of(member.first), member.second);
            finish();
        } catch (const std::exception& fault) {
            case_.fault = fault.what();
        }
        return std::move(case_);
    }

  private:
    void field(const std::string& key, const YAML::Node& value) {
        if (key == "claim") {
            case_.claim = text_of(value);
        } else if (key == "web" || key == "bare" || key == "also" || key == "top") {
            parts_[key] = text_of(value);
        } else if (key == "compose") {
            case_.files["compose.yaml"] = text_of(value);
        } else if (key == "over") {
            case_.files["compose.override.yaml"] = text_of(value);
        } else if (key == "over_web") {
            case_.files["compose.override.yaml"] = "services:\n  web:\n" + indented(text_of(value), 4);
        } else if (key == "files") {
            case_.files.merge(text_map_of(value));
        } else if (key == "env") {
            case_.request.environment.merge(text_map_of(value));
        } else if (key == "args") {
            for (const auto& member : value) argument(text_of(member.first), member.second);
        } else if (key == "at") {
            at_ = full_path(text_of(value));
        } else if (key == "is") {
            is_ = value_of(value), has_value_ = true;
        } else if (key == "expect") {
            for (const auto& member : value)
                case_.expected.push_back({full_path(text_of(member.first)), value_of(member.second)});
        } else if (key == "absent") {
            for (const std::string& path : texts_of(value)) case_.absent.push_back(full_path(path));
        } else if (key == "error") {
            case_.errors = texts_of(value);
        } else if (key == "warning") {
            case_.warnings = texts_of(value);
        } else if (key == "code") {
            case_.code = text_of(value);
        } else if (key == "line") {
            case_.line = text_of(value);
        } else {
            throw std::invalid_argument(fmt::format("a case has no field \"{}\"", key));
        }
    }

    void argument(const std::string& key, const YAML::Node& value) {
        LoadRequest& request = case_.request;
        if (key == "file") {
            request.files = texts_of(value);
        } else if (key == "cwd") {
            request.cwd = text_of(value);
        } else if (key == "project_name") {
            request.project_name = text_of(value);
        } else if (key == "project_directory") {
            request.project_directory = text_of(value);
        } else if (key == "env_file") {
            request.env_files = texts_of(value);
        } else if (key == "profile") {
            request.profiles = texts_of(value);
        } else if (key == "stdin") {
            request.stdin_text = text_of(value);
        } else if (key == "select") {
            const std::vector<std::string> names = texts_of(value);
            request.selected_services.insert(names.begin(), names.end());
        } else if (key == "interpolate") {
            request.interpolate = value.as<bool>();
        } else if (key == "run") {
            request.purpose = value.as<bool>() ? LoadPurpose::run : LoadPurpose::inspect;
        } else if (key == "all_resources") {
            case_.all_resources = value.as<bool>();
        } else {
            throw std::invalid_argument(fmt::format("a load has no argument \"{}\"", key));
        }
    }

    // A leading dot stands for services.web.
    static std::string full_path(const std::string& path) {
        return path.starts_with('.') ? "services.web" + path : path;
    }

    void finish() {
        if (case_.claim.empty()) throw std::invalid_argument("a case needs a claim");
        if (!parts_.empty()) case_.files["compose.yaml"] = compose_file();
        if (has_value_) case_.expected.push_back({at_.empty() ? place_of(case_.row) : at_, is_});
        const bool fails = !case_.errors.empty();
        if (fails && (!case_.expected.empty() || !case_.absent.empty()))
            throw std::invalid_argument("a load that fails has no output to compare");
        if (!fails && case_.expected.empty() && case_.absent.empty() && case_.warnings.empty())
            throw std::invalid_argument("a case needs something that it expects");
        if (!fails && (!case_.code.empty() || !case_.line.empty()))
            throw std::invalid_argument("code and line are those of an error");
    }

    std::string compose_file() {
        std::string text = "services:\n  web:\n";
        if (!parts_.contains("bare")) text += "    image: nginx\n";
        for (const char* part : {"bare", "web"}) text += indented(parts_[part], 4);
        return text + indented(parts_["also"], 2) + parts_["top"] + "\n";
    }

    RowCase case_;
    std::map<std::string, std::string> parts_;
    std::string at_;
    json is_;
    bool has_value_ = false;
};

// Letters, digits and single underscores, as gtest wants it.
std::string legal_name(const std::string& text) {
    std::string name;
    for (const char c : text) {
        const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (legal)
            name += c;
        else if (!name.empty() && name.back() != '_')
            name += '_';
    }
    while (name.ends_with('_')) name.pop_back();
    return name;
}

std::vector<std::string> chapter_files() {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator{kRows})
        if (const std::string name = entry.path().stem();
            entry.path().extension() == ".yaml" && name != "rules")
            files.push_back(name);
    std::sort(files.begin(), files.end());
    return files;
}

std::vector<RowCase> read_chapter(const std::string& chapter) {
    std::vector<RowCase> cases;
    try {
        for (const auto& row : YAML::LoadFile(fmt::format("{}/{}.yaml", kRows, chapter)))
            for (const YAML::Node& node : row.second)
                cases.push_back(RowCaseReader{row.first.Scalar(), chapter}.read(node));
    } catch (const YAML::Exception& fault) {
        RowCase broken;
        broken.row = broken.chapter = chapter;
        broken.fault = fault.what();
        cases.push_back(std::move(broken));
    }
    return cases;
}

std::vector<RowCase> read_cases() {
    std::vector<RowCase> all;
    std::map<std::string, int> names;
    for (const std::string& chapter : chapter_files()) {
        for (RowCase& one : read_chapter(chapter)) {
            const std::string row = one.row.starts_with("services.*.") ? one.row.substr(11) : one.row;
            one.name = legal_name(row) + "__" + legal_name(one.claim);
            if (const int uses = ++names[one.name]; uses > 1) one.name += fmt::format("_{}", uses);
            all.push_back(std::move(one));
        }
    }
    return all;
}

}  // namespace

const std::vector<RowCase>& row_cases() {
    static const std::vector<RowCase> kCases = read_cases();
    return kCases;
}

const std::vector<RowRule>& row_rules() {
    static const std::vector<RowRule> kRules = [] {
        std::vector<RowRule> rules;
        for (const auto& member : YAML::LoadFile(kRows + "/rules.yaml")) {
            const YAML::Node& rule = member.second;
            RowRule one{member.first.Scalar(), text_of(rule["class"]).at(0), text_of(rule["rule"]), {}};
            if (rule["elsewhere"]) one.elsewhere = text_of(rule["elsewhere"]);
            rules.push_back(std::move(one));
        }
        return rules;
    }();
    return kRules;
}

std::string shown_by(std::string_view row) {
    std::map<std::string, int> counts;
    for (const RowCase& one : row_cases())
        if (one.row == row) ++counts[one.chapter];
    std::string text;
    for (const auto& [chapter, count] : counts)
        text += fmt::format("{}{} in {}", text.empty() ? "" : ", ", count, chapter);
    return text;
}

}  // namespace stack::compose::test
