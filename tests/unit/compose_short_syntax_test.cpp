// The short forms of values.
#include "manager/compose/short_syntax.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace stack::compose::test {
namespace {

std::string ports(std::string_view text) {
    const auto parsed = parse_ports(text);
    if (const auto* problem = std::get_if<SyntaxProblem>(&parsed)) return problem->message;
    std::string out;
    for (const Port& port : std::get<0>(parsed))
        out += fmt::format("{}[{}]{}->{}/{}", out.empty() ? "" : " ", port.host_ip, port.published,
                           port.target, port.protocol);
    return out;
}

TEST(ComposePorts, OneTwoAndThreeParts) {
    EXPECT_EQ(ports("80"), "[]->80/tcp");
    EXPECT_EQ(ports("8080:80"), "[]8080->80/tcp");
    EXPECT_EQ(ports("127.0.0.1:8080:80/UDP"), "[127.0.0.1]8080->80/udp");
    EXPECT_EQ(ports("127.0.0.1::80"), "[127.0.0.1]->80/tcp");
}

TEST(ComposePorts, Ipv6AddressesWithAndWithoutBrackets) {
    EXPECT_EQ(ports("[::1]:8080:80"), "[::1]8080->80/tcp");
    EXPECT_EQ(ports("::1:8080:80"), "[::1]8080->80/tcp");
    EXPECT_EQ(ports("2001:db8::5:8080:80/sctp"), "[2001:db8::5]8080->80/sctp");
}

TEST(ComposePorts, Ranges) {
    EXPECT_EQ(ports("8000-8001:80-81"), "[]8000->80/tcp []8001->81/tcp");
    EXPECT_EQ(ports("8000-8010:80"), "[]8000-8010->80/tcp");
    EXPECT_EQ(ports("80-81"), "[]->80/tcp []->81/tcp");
    EXPECT_EQ(ports("80-80:90-90"), "[]80->90/tcp");
}

TEST(ComposePorts, MistakesNameTheText) {
    EXPECT_EQ(ports("127.0.1:80:80"), "invalid port \"127.0.1:80:80\": \"127.0.1\" is not an IP address");
    EXPECT_EQ(ports("65536"), "invalid port \"65536\": \"65536\" is not a port from 1 to 65535");
    EXPECT_EQ(ports("0"), "invalid port \"0\": \"0\" is not a port from 1 to 65535");
    EXPECT_EQ(ports("80/icmp"), "invalid port \"80/icmp\": the protocol must be tcp, udp or sctp");
    EXPECT_EQ(ports("80:"), "invalid port \"80:\": the container port is missing");
    EXPECT_EQ(ports("80-82:90-91"), "invalid port \"80-82:90-91\": the ranges differ in length");
    EXPECT_EQ(ports("90-80"), "invalid port \"90-80\": \"90-80\" is not a port from 1 to 65535");
    EXPECT_EQ(ports(""), "invalid port \"\": the container port is missing");
    EXPECT_EQ(ports("8a:80"), "invalid port \"8a:80\": \"8a\" is not a port from 1 to 65535");
}

std::string mount(std::string_view text) {
    const auto parsed = parse_mount(text);
    if (const auto* problem = std::get_if<SyntaxProblem>(&parsed)) return problem->message;
    const ShortMount& m = std::get<0>(parsed);
    return fmt::format("{} {} -> {}{}{} {}", m.is_bind ? "bind" : "volume", m.source, m.target,
                       m.read_only ? " ro" : "", m.nocopy ? " nocopy" : "", m.propagation);
}

TEST(ComposeMounts, TheFirstCharacterTellsAPathFromAName) {
    EXPECT_EQ(mount("/data"), "volume  -> /data ");
    EXPECT_EQ(mount("data:/data"), "volume data -> /data ");
    EXPECT_EQ(mount("./x:/data/"), "bind ./x -> /data ");
    EXPECT_EQ(mount("~/x:/data"), "bind ~/x -> /data ");
    EXPECT_EQ(mount("/x:/a/../b"), "bind /x -> /b ");
    EXPECT_EQ(mount("foo/bar:/x"), "volume foo/bar -> /x ");
    EXPECT_EQ(mount("${A:-b}:/x"), "volume ${A:-b} -> /x ");
}

TEST(ComposeMounts, OptionsAreAListAndUnknownOnesAreIgnored) {
    EXPECT_EQ(mount("/x:/y:ro,rslave,z"), "bind /x -> /y ro rslave");
    EXPECT_EQ(mount("x:/y:nocopy,cached"), "volume x -> /y nocopy ");
    EXPECT_EQ(mount("/x:/y:rw"), "bind /x -> /y ");
}

TEST(ComposeMounts, MistakesNameTheText) {
    EXPECT_EQ(mount("a:b:c:d"), "invalid volume \"a:b:c:d\": too many colons");
    EXPECT_EQ(mount(":/x"), "invalid volume \":/x\": a part of it is empty");
    EXPECT_EQ(mount("C:\\x:/y"), "invalid volume \"C:\\x:/y\": Windows paths are not supported");
}

TEST(ComposeTmpfs, KnowsSizeAndModeAndKeepsTheRest) {
    const auto parsed = parse_tmpfs("/run:size=64m,mode=1777,noexec,ro");
    const VolumeMount& m = std::get<0>(parsed);
    EXPECT_EQ(m.target, "/run");
    EXPECT_EQ(m.tmpfs_size_bytes, 64u << 20);
    EXPECT_EQ(m.tmpfs_mode, 01777u);
    EXPECT_TRUE(m.read_only);
    EXPECT_EQ(m.tmpfs_options, std::vector<std::string>{"noexec"});
}

std::string words(std::string_view text) {
    const auto parsed = split_shell_words(text);
    if (const auto* problem = std::get_if<SyntaxProblem>(&parsed)) return problem->message;
    std::string out;
    for (const std::string& word : std::get<0>(parsed)) out += "<" + word + ">";
    return out;
}

TEST(ComposeShellWords, QuotesAndBackslashesButNoShell) {
    EXPECT_EQ(words("a  b\tc\n"), "<a><b><c>");
    EXPECT_EQ(words("sh -c 'echo $A && ls *'"), "<sh><-c><echo $A && ls *>");
    EXPECT_EQ(words("a\"b c\"d'e'"), "<ab cde>");
    EXPECT_EQ(words("a\\ b \"x\\\"y\" 'x\\y' \"a\\nb\""), "<a b><x\"y><x\\y><a\\nb>");
    EXPECT_EQ(words("a && b > c"), "<a><&&><b><>><c>");
    EXPECT_EQ(words("'' \"\""), "<><>");
    EXPECT_EQ(words("   "), "");
    EXPECT_EQ(words("it's"), "a ' in the command is never closed");
}

TEST(ComposeExtraHosts, EqualsColonBracketsAndLists) {
    const auto hosts = [](std::string_view text) {
        const auto parsed = parse_extra_host(text);
        if (const auto* problem = std::get_if<SyntaxProblem>(&parsed)) return problem->message;
        std::string out;
        for (const auto& [host, address] : std::get<0>(parsed)) out += fmt::format("{}={};", host, address);
        return out;
    };
    EXPECT_EQ(hosts("a=1.2.3.4"), "a=1.2.3.4;");
    EXPECT_EQ(hosts("a:1.2.3.4"), "a=1.2.3.4;");
    EXPECT_EQ(hosts("a=[::1]"), "a=::1;");
    EXPECT_EQ(hosts("a:::1"), "a=::1;");
    EXPECT_EQ(hosts("a=1.2.3.4,::1"), "a=1.2.3.4;a=::1;");
    EXPECT_EQ(hosts("a=host-gateway"), "a=host-gateway;");
    EXPECT_EQ(hosts("a"), "invalid extra host \"a\": the address is missing");
    EXPECT_EQ(hosts("=1.2.3.4"), "invalid extra host \"=1.2.3.4\": the host name is missing");
    EXPECT_EQ(hosts("a=b"), "invalid extra host \"a=b\": \"b\" is not an IP address");
}

TEST(ComposePaths, AreCleanedLexically) {
    EXPECT_EQ(clean_path("/a//b/./c/../d/"), "/a/b/d");
    EXPECT_EQ(clean_path("/../.."), "/");
    EXPECT_EQ(clean_path("a/../../b"), "../b");
    EXPECT_EQ(clean_path("./"), ".");
    EXPECT_EQ(clean_path(""), "");
}

}  // namespace
}  // namespace stack::compose::test
