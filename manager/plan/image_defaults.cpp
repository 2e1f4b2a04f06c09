#include "manager/plan/image_defaults.hpp"

#include "manager/plan/blame.hpp"
#include "runtime/base/signals.hpp"
#include "runtime/container_defaults.hpp"

#include <csignal>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace stack::plan {

using namespace std::chrono_literals;

namespace {

// An environment in the order in which names were first set.
class EnvironmentList {
  public:
    void set(std::string_view name, std::string_view value) {
        for (auto& [known, old] : entries_) {
            if (known != name) continue;
            old = value;
            return;
        }
        entries_.emplace_back(name, value);
    }
    void remove(std::string_view name) {
        std::erase_if(entries_, [name](const auto& entry) { return entry.first == name; });
    }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> result;
        for (const auto& [name, value] : entries_) result.push_back(name + "=" + value);
        return result;
    }

  private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

// CMD, CMD-SHELL and NONE; empty for "no check".
std::vector<std::string> probe_argv(const std::vector<std::string>& test) {
    if (test.empty() || test.front() == "NONE") return {};
    if (test.front() == "CMD-SHELL") return {"/bin/sh", "-c", test.size() > 1 ? test[1] : std::string{}};
    return {test.begin() + (test.front() == "CMD" ? 1 : 0), test.end()};
}

std::chrono::nanoseconds first_set(const std::optional<compose::Duration>& service,
                                   std::chrono::nanoseconds image, std::chrono::nanoseconds otherwise) {
    if (service && *service > 0ns) return *service;
    return image > 0ns ? image : otherwise;
}

}  // namespace

std::vector<std::string> effective_argv(const compose::Service& service, const ImageConfig& image) {
    std::vector<std::string> argv = service.entrypoint.value_or(image.entrypoint);
    const std::vector<std::string> own_command = service.entrypoint ? std::vector<std::string>{} : image.cmd;
    const std::vector<std::string> command = service.command.value_or(own_command);
    argv.insert(argv.end(), command.begin(), command.end());
    if (argv.empty() || argv.front().empty())
        throw blame(
            Error{ErrorKind::invalid_input, fmt::format("service \"{}\" has nothing to run", service.name)},
            service, service.entrypoint ? "entrypoint" : "command")
            .with_hint("its image brings no command for it; give it a `command:`");
    return argv;
}

std::vector<std::string> effective_environment(const compose::Service& service, const ImageConfig& image,
                                               const std::string& hostname) {
    EnvironmentList environment;
    environment.set("PATH", kDefaultPath);
    environment.set("HOSTNAME", hostname);
    if (service.tty) environment.set("TERM", "xterm");
    for (const std::string& line : image.env) {
        const std::size_t equals = line.find('=');
        if (equals == 0 || equals == std::string::npos) continue;
        environment.set(std::string_view{line}.substr(0, equals), std::string_view{line}.substr(equals + 1));
    }
    for (const auto& [name, value] : service.environment) {
        if (value) {
            environment.set(name, *value);
        } else {
            environment.remove(name);
        }
    }
    return environment.lines();
}

int effective_stop_signal(const compose::Service& service, const ImageConfig& image) {
    const std::string& text = !service.stop_signal.empty() ? service.stop_signal : image.stop_signal;
    if (text.empty()) return SIGTERM;
    const std::optional<int> number = parse_signal(text);
    if (!number)
        throw blame(Error{ErrorKind::invalid_input,
                          fmt::format("\"{}\" is no signal, in the {} of service \"{}\"", text,
                                      service.stop_signal.empty() ? "image" : "stop_signal", service.name)},
                    service, "stop_signal");
    return *number;
}

std::chrono::nanoseconds effective_stop_grace(const compose::Service& service) {
    return service.stop_grace_period.value_or(10s);
}

std::optional<ProbeSettings> effective_healthcheck(const compose::Service& service,
                                                   const ImageConfig& image) {
    const compose::Healthcheck own = service.healthcheck.value_or(compose::Healthcheck{});
    const ImageHealthcheck inherited = image.healthcheck.value_or(ImageHealthcheck{});
    if (own.disable) return std::nullopt;

    ProbeSettings settings;
    settings.argv = probe_argv(!own.test.empty() ? own.test : inherited.test);
    if (settings.argv.empty()) return std::nullopt;
    settings.interval = first_set(own.interval, inherited.interval, settings.interval);
    settings.timeout = first_set(own.timeout, inherited.timeout, settings.timeout);
    settings.start_period = own.start_period.value_or(inherited.start_period);
    settings.start_interval =
        first_set(own.start_interval, inherited.start_interval, settings.start_interval);
    if (own.retries && *own.retries > 0) {
        settings.retries = *own.retries;
    } else if (inherited.retries > 0) {
        settings.retries = inherited.retries;
    }
    return settings;
}

}  // namespace stack::plan
