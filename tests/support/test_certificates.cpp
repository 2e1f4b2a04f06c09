#include "tests/support/test_certificates.hpp"

#include "runtime/base/atomic_file.hpp"
#include "runtime/base/child_process.hpp"
#include "runtime/base/error.hpp"

#include <utility>
#include <vector>

#include <fmt/format.h>

namespace stack::test {

namespace {

void openssl(std::vector<std::string> words) {
    SpawnOptions options;
    options.argv = {"/usr/bin/openssl"};
    options.argv.insert(options.argv.end(), words.begin(), words.end());
    options.fds = {-1, -1, -1};
    const CommandResult result = run_command(options, 20000);
    if (result.exit_code != 0) throw Error{ErrorKind::failed, "openssl: " + result.err};
}

std::vector<std::string> new_key(const std::string& file) {
    return {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file};
}

std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

}  // namespace

TestCertificates::TestCertificates(std::string folder) : folder_{std::move(folder)} {
    openssl(joined({"req", "-x509", "-days", "2", "-subj", "/CN=stack test authority", "-out", authority()},
                   new_key(folder_ + "/ca.key")));
}

CertificateFiles TestCertificates::server() const {
    return issue("server", "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost\nextendedKeyUsage=serverAuth\n");
}

CertificateFiles TestCertificates::client(const std::string& name) const {
    return issue(name, "extendedKeyUsage=clientAuth\n");
}

CertificateFiles TestCertificates::issue(const std::string& name, const std::string& extensions) const {
    const std::string base = folder_ + "/" + name;
    openssl(joined({"req", "-new", "-subj", "/CN=" + name, "-out", base + ".csr"}, new_key(base + ".key")));
    write_file_atomically(base + ".ext", extensions, Durability::crash);
    openssl({"x509", "-req", "-days", "2", "-in", base + ".csr", "-CA", authority(), "-CAkey",
             folder_ + "/ca.key", "-CAcreateserial", "-extfile", base + ".ext", "-out", base + ".crt"});
    return {base + ".crt", base + ".key"};
}

}  // namespace stack::test
