// What names the project's DNS knows, and what it answers to whom. Pure: no sockets, randomness comes in.
#pragma once

#include "network/dns_message.hpp"
#include "network/network_spec.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stack::network::dns {

/// Who asks: the networks it sits on, and whether unknown names may leave the project.
struct Asker {
    std::vector<std::string> networks;
    bool may_forward = true;  ///< false when it is on internal networks only
    bool operator==(const Asker&) const = default;
};

/// `below(n)` gives a number in [0, n).
using Random = std::function<std::size_t(std::size_t)>;

class Zone {
  public:
    /// Replaces everything that `owner` (a container id) had.
    void set(const std::string& owner, const std::vector<EndpointSpec>& seats);
    /// Its names are known to be ours from then on, and absent.
    void remove(const std::string& owner);
    /// Names that are ours whether or not anybody has them now: never asked elsewhere.
    void reserve(const std::vector<std::string>& names);

    /// The answer of the project itself; nullopt when the name is not ours and may be asked elsewhere.
    /// A known name gives its addresses on every network of the asker, shuffled; other types of it an empty
    /// answer.
    [[nodiscard]] std::optional<Response> answer(const Query& query, const Asker& asker,
                                                 const Random& random) const;

  private:
    struct Seat {
        std::string owner;
        Ipv4 address;
    };
    struct Network {
        std::multimap<std::string, Seat> by_name;     // lower case
        std::map<Ipv4, std::string> name_by_address;  // first name of the seat
    };
    [[nodiscard]] std::vector<Ipv4> addresses(const std::string& name, const Asker& asker) const;
    [[nodiscard]] std::optional<Response> answer_pointer(const Query& query, const Asker& asker) const;
    std::map<std::string, Network> networks_;
    std::set<std::string> own_names_;  // lower case
};

}  // namespace stack::network::dns
