// What stack-systemd is asked and answers, there and back.
#include "runtime/systemd/request.hpp"

#include <gtest/gtest.h>

namespace stack::systemd {
namespace {

TEST(SystemdRequest, CarriesEveryTypeOfProperty) {
    const Request request{Request::Action::set,
                          "a.scope",
                          true,
                          {{"Delegate", true},
                           {"Nice", std::int32_t{-5}},
                           {"MemoryMax", kInfinity},
                           {"Description", std::string{"caf\u00e9 \"1\""}},
                           {"AllowedCPUs", Property::Bytes{0, 255}},
                           {"PIDs", Property::Numbers{1, 4294967295u}},
                           {"Wants", Property::Texts{"a", ""}},
                           {"DeviceAllow", Property::Pairs{{"/dev/null", "rwm"}, {"char-pts", "rw"}}}}};
    EXPECT_EQ(parse_request(request_text(request)), request);
}

TEST(SystemdRequest, RefusesWhatIsNone) {
    for (const char* text : {"", "{}", "[]", R"({"action":"dance","unit":"a","user":false,"properties":[]})",
                             R"({"action":"start","unit":"a","user":false,"properties":[["A","zz",1]]})",
                             R"({"action":"start","unit":"a","user":false,"properties":[["A","as",1]]})"})
        EXPECT_THROW(parse_request(text), Error) << text;
    EXPECT_THROW(request_text({Request::Action::start, "\xff", false, {}}), Error);
}

TEST(SystemdRequest, FailuresComeBackAsTheyWere) {
    const Error error = parse_failure(failure_text(
        Error{ErrorKind::already_exists, "systemd: start a.scope: exists \xff"}.with_hint("stop it")));
    EXPECT_EQ(error.kind(), ErrorKind::already_exists);
    EXPECT_EQ(error.message(), "systemd: start a.scope: exists \xEF\xBF\xBD");
    EXPECT_EQ(error.hint(), "stop it");
    EXPECT_THROW(parse_failure("core dumped"), Error);
}

}  // namespace
}  // namespace stack::systemd
