// Any bytes as config.json. Besides not crashing: what is taken means the same after it has been written and read again.
#include "runtime/base/error.hpp"
#include "runtime/oci/config_reader.hpp"
#include "runtime/oci/config_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace stack::oci;
    OciConfig config;
    try {
        config = read_config({reinterpret_cast<const char*>(data), size});
    } catch (const stack::Error&) {  // refused
        return 0;
    }
    config.warnings.clear();  // of what was left out
    if (read_config(write_config(config)) != config) std::abort();
    return 0;
}
