// Layer archives as an attacker would write them: every field is the test's, nothing is checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stack::test {

class HostileTar {
  public:
    HostileTar& file(std::string_view name, std::string_view content = "", unsigned mode = 0644);
    HostileTar& folder(std::string_view name, unsigned mode = 0755);
    HostileTar& symlink(std::string_view name, std::string_view target);
    HostileTar& hard_link(std::string_view name, std::string_view target);
    HostileTar& fifo(std::string_view name);
    HostileTar& device(std::string_view name, char type, unsigned major, unsigned minor);
    /// Owner of the next entry.
    HostileTar& owner(std::int64_t uid, std::int64_t gid);
    /// Time of modification of the next entry, seconds since 1970.
    HostileTar& time(std::int64_t seconds);
    /// An entry of any type with data, such as GNU's long names (`L`, `K`) or global pax records (`g`).
    HostileTar& special(char type, std::string_view name, std::string_view content,
                        std::string_view link = "");
    /// A pax record for the next entry.
    HostileTar& pax(std::string_view key, std::string_view value);
    /// A header whose size field says `declared`, followed by `content`.
    HostileTar& lying_file(std::string_view name, std::uint64_t declared, std::string_view content);
    HostileTar& raw(std::string_view bytes);

    /// With the two zero blocks at its end.
    [[nodiscard]] std::string finish() const;
    [[nodiscard]] const std::string& unfinished() const { return bytes_; }
    /// `LENGTH key=value\n`, where LENGTH counts itself.
    static std::string pax_record(std::string_view key, std::string_view value);

  private:
    HostileTar& entry(std::string_view name, char type, std::string_view link, std::uint64_t size,
                      unsigned mode, unsigned major = 0, unsigned minor = 0);
    void header(std::string_view name, char type, std::string_view link, std::uint64_t size, unsigned mode,
                unsigned major, unsigned minor);
    void content(std::string_view bytes);

    std::string bytes_, pending_pax_;
    std::int64_t uid_ = 0, gid_ = 0;
    std::int64_t time_ = kUsualTime;
    static constexpr std::int64_t kUsualTime = 1'700'000'000;
};

}  // namespace stack::test
