#include "network/nft_apply.hpp"

#include "runtime/base/error.hpp"
#include "runtime/base/netlink.hpp"
#include "runtime/base/text.hpp"

#include <dlfcn.h>
#include <linux/netlink.h>

#include <fmt/format.h>
#include <nftables/libnftables.h>

namespace stack::network {

namespace {

template <class Function>
Function* symbol(void* library, const char* name) {
    void* address = ::dlsym(library, name);
    if (!address) throw Error{ErrorKind::not_supported, fmt::format("libnftables lacks {}", name)};
    return reinterpret_cast<Function*>(address);
}

// Never unloaded: it costs more to load again than to keep.
void* load_library() {
    if (void* library = ::dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL)) return library;
    throw Error{ErrorKind::not_supported, fmt::format("load libnftables: {}", ::dlerror())}.with_hint(
        "install the nftables library (Debian: libnftables1)");
}

// The library prints `Error: Could not process rule: File exists` and an excerpt with a caret; the first line says
// it, and the excerpt tells which of our lines it was.
Error error_of(const std::string& output, const std::string& doing) {
    const std::string_view text = trim(output);
    ErrorKind kind = ErrorKind::failed;
    if (text.find("No such file or directory") != std::string_view::npos) kind = ErrorKind::not_found;
    if (text.find("File exists") != std::string_view::npos) kind = ErrorKind::already_exists;
    if (text.find("Operation not permitted") != std::string_view::npos) kind = ErrorKind::permission;
    return Error{kind, text.empty() ? "nftables refused without a word" : std::string{text}}.add_context(
        doing);
}

}  // namespace

struct Nft::Impl {
    struct Library {
        void* handle = load_library();
        decltype(&::nft_ctx_new) create = symbol<decltype(::nft_ctx_new)>(handle, "nft_ctx_new");
        decltype(&::nft_ctx_free) destroy = symbol<decltype(::nft_ctx_free)>(handle, "nft_ctx_free");
        decltype(&::nft_ctx_buffer_output) buffer_output =
            symbol<decltype(::nft_ctx_buffer_output)>(handle, "nft_ctx_buffer_output");
        decltype(&::nft_ctx_buffer_error) buffer_error =
            symbol<decltype(::nft_ctx_buffer_error)>(handle, "nft_ctx_buffer_error");
        decltype(&::nft_ctx_get_output_buffer) output =
            symbol<decltype(::nft_ctx_get_output_buffer)>(handle, "nft_ctx_get_output_buffer");
        decltype(&::nft_ctx_get_error_buffer) error =
            symbol<decltype(::nft_ctx_get_error_buffer)>(handle, "nft_ctx_get_error_buffer");
        decltype(&::nft_ctx_output_set_flags) set_output_flags =
            symbol<decltype(::nft_ctx_output_set_flags)>(handle, "nft_ctx_output_set_flags");
        decltype(&::nft_run_cmd_from_buffer) run =
            symbol<decltype(::nft_run_cmd_from_buffer)>(handle, "nft_run_cmd_from_buffer");
    } library;
    nft_ctx* context = nullptr;

    Impl() {
        // The library ends the whole process when the kernel has no nfnetlink: ask first.
        NetlinkSocket probe{NETLINK_NETFILTER};
        context = library.create(NFT_CTX_DEFAULT);
        if (!context) throw Error{ErrorKind::failed, "create nftables context"};
        library.buffer_output(context);
        library.buffer_error(context);
        library.set_output_flags(context, NFT_CTX_OUTPUT_HANDLE | NFT_CTX_OUTPUT_NUMERIC_PROTO);
    }
    ~Impl() { library.destroy(context); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
};

Nft::Nft() : impl_{std::make_unique<Impl>()} {}
Nft::~Nft() = default;
Nft::Nft(Nft&&) noexcept = default;
Nft& Nft::operator=(Nft&&) noexcept = default;

void Nft::apply(const std::string& commands, const std::string& doing) {
    const int result = impl_->library.run(impl_->context, commands.c_str());
    // Reading a buffer empties it; the output one grows otherwise.
    const std::string error = impl_->library.error(impl_->context);
    static_cast<void>(impl_->library.output(impl_->context));
    if (result != 0) throw error_of(error, doing);
}

std::optional<std::string> Nft::list(const std::string& command) {
    const int result = impl_->library.run(impl_->context, command.c_str());
    std::string output = impl_->library.output(impl_->context);
    const std::string error = impl_->library.error(impl_->context);
    if (result == 0) return output;
    Error failure = error_of(error, command);
    if (failure.kind() == ErrorKind::not_found) return std::nullopt;
    throw failure;
}

}  // namespace stack::network
