// Where `save` and `export` write their archive: a descriptor that the caller of the worker has opened.
#pragma once

#include "runtime/image/byte_flow.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace stack::image {

class OutputFile {
  public:
    /// `number` is the flag's value: a descriptor of this process above standard error, or standard output's if events
    /// do not go there. Throws Error(invalid_input) when it is none that can be written.
    explicit OutputFile(const std::string& number);

    [[nodiscard]] int fd() const { return fd_; }
    /// Gathers what it is given and writes it in large pieces; call `flush` at the end. Throws Error, with a reader that
    /// went away as Error(failed).
    [[nodiscard]] ByteSink sink();
    void flush();
    [[nodiscard]] std::uint64_t written() const { return written_; }

  private:
    int fd_ = -1;
    std::uint64_t written_ = 0;
    std::vector<std::byte> pending_;
};

}  // namespace stack::image
