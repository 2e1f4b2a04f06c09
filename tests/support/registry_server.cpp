#include "tests/support/registry_server.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/fd.hpp"
#include "runtime/base/path_at.hpp"
#include "runtime/base/text.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/test_image.hpp"

#include <fcntl.h>
#include <signal.h>

#include <utility>

#include <fmt/format.h>

namespace stack::test {

namespace {

std::string run(std::vector<std::string> argv) {
    SpawnOptions options;
    options.argv = std::move(argv);
    options.fds = {-1, -1, -1};
    const CommandResult result = run_command(options, 30000);
    if (result.exit_code != 0)
        throw Error{ErrorKind::failed, fmt::format("{}: {}", options.argv.front(), result.err)};
    return result.out;
}

}  // namespace

RegistryServer::RegistryServer(std::string folder, RegistryOptions options)
    : folder_{std::move(folder)}, options_{std::move(options)} {
    make_directories(folder_);
    const std::string config = folder_ + "/config.yml";
    write_file_atomically(config, configuration(), Durability::crash);
    const std::string log_file = folder_ + "/log";
    const UniqueFd log{::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    if (!log.valid()) throw_errno("create the registry's log");
    SpawnOptions spawned;
    spawned.argv = {"/usr/bin/docker-registry", "serve", config};
    spawned.env = std::vector<std::string>{"PATH=/usr/bin:/bin", "OTEL_TRACES_EXPORTER=none"};
    spawned.fds = {-1, log.get(), log.get()};
    process_ = spawn(spawned);
    wait_until_it_listens();
}

RegistryServer::~RegistryServer() {
    try {
        process_.signal(SIGKILL);
        wait_for_exit(process_);
    } catch (const Error&) {  // the leak check of the ring names it
    }
}

std::string RegistryServer::configuration() const {
    std::string text = fmt::format(
        "version: 0.1\n"
        "log: {{level: info, accesslog: {{disabled: false}}}}\n"
        "storage:\n"
        "  filesystem: {{rootdirectory: {}/data}}\n"
        "  delete: {{enabled: true}}\n"
        "http:\n"
        "  addr: 127.0.0.1:0\n"
        "  secret: of this test\n",
        folder_);
    if (!options_.certificate.empty()) {
        text += fmt::format("  tls:\n    certificate: {}\n    key: {}\n", options_.certificate, options_.key);
        if (!options_.client_authority.empty())
            text += fmt::format("    clientcas: [{}]\n", options_.client_authority);
    }
    if (!options_.user.empty()) {
        const std::string passwords = folder_ + "/htpasswd";
        write_file_atomically(passwords,
                              run({"/usr/bin/htpasswd", "-nbBC", "4", options_.user, options_.password}),
                              Durability::crash);
        text += fmt::format("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", passwords);
    }
    if (!options_.token_realm.empty()) {
        text += fmt::format(
            "auth:\n  token:\n    realm: {}\n    service: test-registry\n    issuer: {}\n"
            "    rootcertbundle: {}\n",
            options_.token_realm, options_.token_issuer, options_.token_certificate);
    }
    if (!options_.proxy_of.empty()) text += fmt::format("proxy: {{remoteurl: {}}}\n", options_.proxy_of);
    return text;
}

void RegistryServer::wait_until_it_listens() {
    constexpr std::string_view kListening = "listening on 127.0.0.1:";
    std::string port;
    const bool listens = eventually([&] {
        const std::string text = log();
        const std::size_t at = text.find(kListening);
        if (at == std::string::npos) return !process_.alive();
        port = text.substr(at + kListening.size());
        port.resize(std::min(port.find_first_not_of("0123456789"), port.size()));
        return true;
    });
    const auto number = parse_int(port);
    if (!listens || !number)
        throw Error{ErrorKind::failed, "docker-registry does not listen; its log: " + log()};
    port_ = static_cast<std::uint16_t>(*number);
}

std::string RegistryServer::host() const {
    return fmt::format("127.0.0.1:{}", port_);
}

void RegistryServer::push(const std::string& layout, const std::string& tag,
                          const std::string& repository) const {
    std::vector<std::string> argv{"/usr/bin/skopeo", "--insecure-policy", "copy", "--quiet",
                                  "--dest-tls-verify=false"};
    if (!options_.user.empty())
        argv.insert(argv.end(), {"--dest-creds", options_.user + ":" + options_.password});
    argv.push_back(fmt::format("oci:{}:{}", layout, tag));
    argv.push_back(fmt::format("docker://{}/{}:{}", host(), repository, tag));
    run(std::move(argv));
}

std::string RegistryServer::push_files(const std::string& repository, const std::string& tag,
                                       const std::vector<std::string>& contents) const {
    TestImage image;
    for (const std::string& content : contents)
        image.layers.push_back(tar_of_file(fmt::format("file-{}", image.layers.size()), content));
    const std::string layout = fmt::format("{}/layout-{}", folder_, random_hex(4));
    std::string digest = write_image_layout(layout, tag, image);
    push(layout, tag, repository);
    return digest;
}

std::size_t RegistryServer::requests(std::string_view text) const {
    std::size_t count = 0;
    for (const std::string& line : split(log(), '\n'))
        if (line.find(" HTTP/") != std::string::npos && line.find("level=") == std::string::npos &&
            line.find(text) != std::string::npos)
            ++count;
    return count;
}

std::string RegistryServer::log() const {
    return read_file_if_exists(folder_ + "/log").value_or("");
}

}  // namespace stack::test
