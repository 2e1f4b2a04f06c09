#include "manager/compose/config_output.hpp"

namespace stack::compose {

std::string config_yaml(const Project& project, const ConfigOutputOptions&) {
    return "name: " + project.name + "\n";
}
std::string config_json(const Project& project, const ConfigOutputOptions&) {
    return "{\"name\":\"" + project.name + "\"}\n";
}

}  // namespace stack::compose
