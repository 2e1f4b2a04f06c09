#include "runtime/image/registry/url.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/entry_name.hpp"

#include <memory>

#include <curl/curl.h>
#include <fmt/format.h>

namespace stack::registry {

namespace {

struct FreeUrl {
    void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
};
using CurlUrl = std::unique_ptr<CURLU, FreeUrl>;

void set_url(const CurlUrl& url, const std::string& text) {
    if (::curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK ||
        text.find('\0') != std::string::npos)
        throw Error{ErrorKind::failed,
                    fmt::format("the registry names {}, which is no usable URL", image::shown_name(text))};
}

CurlUrl new_url() {
    CurlUrl url{::curl_url()};
    if (!url) throw std::bad_alloc{};
    return url;
}

std::string part(const CurlUrl& url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (::curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return {};
    std::string result = text;
    ::curl_free(text);
    return result;
}

CurlUrl parse(const std::string& text) {
    CurlUrl url = new_url();
    set_url(url, text);
    const std::string scheme = part(url, CURLUPART_SCHEME);
    if (scheme != "http" && scheme != "https")
        throw Error{ErrorKind::failed, fmt::format("the registry names {}, which is not http or https",
                                                   image::shown_name(text))};
    return url;
}

std::string encoded(const std::string& text) {
    char* result = ::curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
    if (result == nullptr) throw std::bad_alloc{};
    std::string copy = result;
    ::curl_free(result);
    return copy;
}

}  // namespace

std::string origin_of(const std::string& text) {
    const CurlUrl url = parse(text);
    return fmt::format("{}://{}:{}", part(url, CURLUPART_SCHEME), part(url, CURLUPART_HOST),
                       part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string host_of(const std::string& text) {
    return part(parse(text), CURLUPART_HOST);
}

std::string resolve_url(const std::string& base, const std::string& location) {
    const CurlUrl url = parse(base);
    set_url(url, location);
    std::string result = part(url, CURLUPART_URL);
    static_cast<void>(parse(result));  // the scheme may be another now
    return result;
}

std::string with_query(const std::string& text,
                       const std::vector<std::pair<std::string, std::string>>& parameters) {
    const std::size_t fragment = std::min(text.find('#'), text.size());
    std::string result = text.substr(0, fragment);
    if (parameters.empty()) return result;
    return result + (result.find('?') == std::string::npos ? '?' : '&') + form_of(parameters);
}

std::string form_of(const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::string result;
    for (const auto& [name, value] : parameters) {
        if (!result.empty()) result += '&';
        result += encoded(name) + '=' + encoded(value);
    }
    return result;
}

}  // namespace stack::registry
