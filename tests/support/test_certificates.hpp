// A certificate authority for one test: server certificates for loopback, client certificates. Made by the openssl
// command, so that our own TLS code is not its own witness.
#pragma once

#include <string>

namespace stack::test {

struct CertificateFiles {
    std::string certificate, key;  ///< PEM files
};

class TestCertificates {
  public:
    /// Files go to `folder`, which must exist. Throws Error.
    explicit TestCertificates(std::string folder);
    [[nodiscard]] std::string authority() const { return folder_ + "/ca.crt"; }
    /// Valid for 127.0.0.1, ::1 and localhost.
    [[nodiscard]] CertificateFiles server() const;
    [[nodiscard]] CertificateFiles client(const std::string& name) const;

  private:
    [[nodiscard]] CertificateFiles issue(const std::string& name, const std::string& extensions) const;
    std::string folder_;
};

}  // namespace stack::test
