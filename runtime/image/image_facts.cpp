#include "runtime/image/image_facts.hpp"

#include "runtime/base/error.hpp"
#include "runtime/image/image_index.hpp"
#include "runtime/image/reference.hpp"
#include "runtime/image/time_text.hpp"

namespace stack {

namespace {

ImageFacts facts_of(const Descriptor& entry) {
    ImageFacts facts{entry.digest, parse_time_text(annotation_of(entry, kPulledAnnotation))};
    if (!facts.fetched) facts.fetched = parse_time_text(annotation_of(entry, kAddedAnnotation));
    return facts;
}

/// By its name, or by the digest that a registry calls it by.
const Descriptor* entry_of(const Index& index, const ImageReference& reference) {
    const std::string full = reference.full();
    for (const Descriptor& entry : index.manifests) {
        if (reference.digest.empty() ? name_of(entry) == full
                                     : entry.digest == reference.digest ||
                                           annotation_of(entry, kSourceAnnotation) == reference.digest)
            return &entry;
    }
    return nullptr;
}

std::optional<ImageFacts> look_up(const ImageStore& store, const Index& index, const std::string& name) {
    try {
        if (const Descriptor* entry = entry_of(index, ImageReference::parse(name))) return facts_of(*entry);
        if (const std::optional<Image> image = store.find(name))
            return ImageFacts{image->digest, {}};  // an id
    } catch (const Error&) {                       // who uses the name will say what is wrong with it
    }
    return std::nullopt;
}

}  // namespace

std::map<std::string, ImageFacts> look_up_images(const ImageStore& store,
                                                 const std::set<std::string>& names) {
    std::map<std::string, ImageFacts> result;
    const Index index = read_store_index(store.paths());
    for (const std::string& name : names)
        if (const std::optional<ImageFacts> facts = look_up(store, index, name)) result.emplace(name, *facts);
    return result;
}

}  // namespace stack
