#include "tests/kernel/image_hostile_cases.hpp"

#include "tests/kernel/image_tar.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace stack::test {

namespace {

using image::UnpackLimits;
using Tar = HostileTar;

std::string gzip(const std::string& bytes) {
    z_stream stream{};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error{"deflateInit2"};
    std::string result(deflateBound(&stream, bytes.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(result.size());
    const int end = deflate(&stream, Z_FINISH);
    result.resize(stream.total_out);
    deflateEnd(&stream);
    if (end != Z_STREAM_END) throw std::runtime_error{"deflate"};
    return result;
}

std::string zstd(const std::string& bytes, int window_log = 0) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    if (window_log > 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    std::string result(ZSTD_compressBound(bytes.size()), '\0');
    ZSTD_outBuffer out{result.data(), result.size(), 0};
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    // Without the size known beforehand, so that the window is what was asked for.
    while (in.pos < in.size) ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
    while (ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) != 0) {
    }
    ZSTD_freeCCtx(context);
    result.resize(out.pos);
    return result;
}

std::string repeated(const std::string& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
}

UnpackLimits at_most(std::uint64_t entries, std::uint64_t bytes, std::uint64_t remembered = 1u << 20) {
    UnpackLimits limits;
    limits.entries = entries;
    limits.bytes = bytes;
    limits.remembered_bytes = remembered;
    return limits;
}

HostileCase plain(std::string name, const Tar& tar) {
    return {std::move(name), [bytes = tar.finish()] { return bytes; }};
}
HostileCase raw(std::string name, std::string bytes, UnpackLimits limits = {}) {
    return {std::move(name), [bytes = std::move(bytes)] { return bytes; }, limits};
}

// The directive bytes of a file capability (linux/capability.h), revision 2: cap_net_bind_service, effective.
const std::string kCapability{"\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20};

void names_that_leave(std::vector<HostileCase>& cases) {
    const std::string canary = "../outside/canary";
    cases.push_back(plain("dot dot", Tar{}.file(canary, "dead")));
    cases.push_back(plain("dot dot alone", Tar{}.folder("..", 0777)));
    cases.push_back(plain("dot dot at the end", Tar{}.folder("a").folder("a/..", 0777)));
    cases.push_back(plain("dot dot inside", Tar{}.file("a/../../outside/canary", "dead")));
    cases.push_back(plain("dot dot as folder", Tar{}.folder("../outside/folder", 0777)));
    cases.push_back(plain("dot dot as link", Tar{}.symlink("../outside/canary", "/x")));
    cases.push_back(plain("dot dot as fifo", Tar{}.fifo("../outside/pipe")));
    cases.push_back(plain("dot dot in a whiteout", Tar{}.file("../outside/.wh.canary")));
    cases.push_back(plain("dot dot by pax", Tar{}.pax("path", canary).file("x", "dead")));
    cases.push_back(plain("dot dot by a global pax header",
                          Tar{}.special('g', "g", Tar::pax_record("path", canary)).file("x", "alive")));
    cases.push_back(plain("dot dot by a GNU long name",
                          Tar{}.special('L', "././@LongLink", canary + '\0').file("x", "dead")));
    cases.push_back(
        plain("pax and GNU long name that differ",
              Tar{}.special('L', "././@LongLink", canary + '\0').pax("path", "inside").file("x", "dead")));
    cases.push_back(plain("an absolute name", Tar{}.file("/etc/passwd", "inside")));
    cases.push_back(plain("many slashes and dots", Tar{}.file("//././a//./b/.//c", "inside")));
    cases.push_back(plain("three dots are a name", Tar{}.file(".../x", "inside")));
    cases.push_back(plain("an empty name", Tar{}.file("", "x")));
    cases.push_back(
        plain("a NUL in a pax name", Tar{}.pax("path", std::string{"a\0../../x", 9}).file("x", "y")));
    cases.push_back(plain("control characters", Tar{}.file("a\n\x1b[31mb", "x")));
    cases.push_back(plain("bytes that are no UTF-8", Tar{}.file("caf\xe9", "x")));
    cases.push_back(
        plain("hdrcharset BINARY", Tar{}.pax("hdrcharset", "BINARY").pax("path", "caf\xe9").file("x", "y")));
    cases.push_back(plain("hdrcharset BINARY and dot dot",
                          Tar{}.pax("hdrcharset", "BINARY").pax("path", canary).file("x", "dead")));
}

void links_that_leave(std::vector<HostileCase>& cases) {
    cases.push_back(plain("write through a link", Tar{}.symlink("l", "../outside").file("l/canary", "dead")));
    cases.push_back(plain("write through an absolute link",
                          Tar{}.folder("outside").symlink("l", "/outside").file("l/canary", "inside")));
    cases.push_back(
        plain("write through links in a row",
              Tar{}.symlink("a", "b/..").folder("b").symlink("c", "a/../..").file("c/file", "inside")));
    cases.push_back(
        plain("write onto a link", Tar{}.symlink("x", "../outside/canary").file("x", "inside", 0777)));
    cases.push_back(
        plain("folder onto a link", Tar{}.symlink("x", "../outside/folder").owner(7, 7).folder("x", 0777)));
    cases.push_back(
        plain("owner and mode through a link",
              Tar{}.symlink("x", "../outside/canary").owner(7, 7).symlink("x", "../outside/canary")));
    cases.push_back(plain("fifo onto a link", Tar{}.symlink("x", "../outside/canary").owner(7, 7).fifo("x")));
    cases.push_back(plain("hard link out", Tar{}.hard_link("x", "../outside/canary")));
    cases.push_back(
        plain("hard link out by pax", Tar{}.pax("linkpath", "../outside/canary").hard_link("x", "y")));
    cases.push_back(plain(
        "hard link out by a GNU long name",
        Tar{}.special('K', "././@LongLink", std::string{"../outside/canary\0", 18}).hard_link("x", "y")));
    cases.push_back(
        plain("hard link out through a link", Tar{}.symlink("l", "../outside").hard_link("x", "l/canary")));
    cases.push_back(plain("hard link to a link, then written",
                          Tar{}.symlink("l", "../outside/canary").hard_link("h", "l").file("h", "inside")));
    cases.push_back(
        plain("hard link to an absolute name", Tar{}.file("etc/x", "inside").hard_link("h", "/etc/x")));
    cases.push_back(plain("hard link with data", Tar{}.file("x", "first").special('1', "h", "second", "x")));
    cases.push_back(plain("hard link to a later entry", Tar{}.hard_link("x", "y").file("y", "late")));
    cases.push_back(plain("hard link to itself", Tar{}.hard_link("x", "x")));
    cases.push_back(
        plain("hard link to itself, which is there", Tar{}.file("x", "kept").hard_link("x", "./x")));
    cases.push_back(plain("hard link to a folder", Tar{}.folder("d").hard_link("x", "d")));
    cases.push_back(plain("hard link to the root", Tar{}.hard_link("x", "/")));
    cases.push_back(plain("hard link onto its own other name",
                          Tar{}.file("x", "kept").hard_link("y", "x").hard_link("y", "x")));
    cases.push_back(plain("hard link to a whiteout", Tar{}.file(".wh.x").hard_link("y", ".wh.x")));
    cases.push_back(plain("a loop of links", Tar{}.symlink("a", "b").symlink("b", "a").file("a/x", "y")));
    cases.push_back(plain("a link to itself", Tar{}.symlink("a", "a").file("a/x", "y")));
    cases.push_back(plain("below a link to nothing", Tar{}.symlink("a", "nowhere").file("a/x", "y")));
    cases.push_back(plain("a link to an empty name", Tar{}.symlink("a", "")));
    cases.push_back(plain("dev, proc and etc are links", Tar{}
                                                             .folder("elsewhere")
                                                             .symlink("dev", "elsewhere")
                                                             .symlink("proc", "/elsewhere")
                                                             .symlink("etc", "/proc/self/cwd")
                                                             .file("dev/null", "a")
                                                             .file("proc/self", "b")
                                                             .file("etc/passwd", "c")));
}

void objects_that_change(std::vector<HostileCase>& cases) {
    cases.push_back(
        plain("one name three times", Tar{}.file("x", "1").file("x", "2", 0600).file("x", "3", 04755)));
    cases.push_back(plain("one name, every type", Tar{}
                                                      .file("x", "1")
                                                      .symlink("x", "../outside/canary")
                                                      .fifo("x")
                                                      .folder("x")
                                                      .file("x/y", "2")
                                                      .file("x", "3")));
    cases.push_back(
        plain("folder, link, folder",
              Tar{}.file("d/one", "1").symlink("d", "../outside/folder").folder("d").file("d/file", "2")));
    cases.push_back(plain("file becomes folder", Tar{}.file("x", "1").folder("x").file("x/y", "2")));
    cases.push_back(plain("folder becomes file", Tar{}.file("x/y/z", "1").file("x", "2")));
    cases.push_back(
        plain("a parent swapped for a link between entries",
              Tar{}.file("a/b/one", "1").symlink("a", "../outside").folder("a/b").file("a/b/two", "2")));
    cases.push_back(plain("below a file", Tar{}.file("a", "x").file("a/b", "y")));
    cases.push_back(plain("below a fifo", Tar{}.fifo("a").file("a/b", "y")));
    cases.push_back(plain("file in place of a fifo", Tar{}.fifo("a").file("a", "does not wait")));
    cases.push_back(plain("the root as file", Tar{}.file(".", "x")));
    cases.push_back(plain("the root as link", Tar{}.symlink("./", "../outside")));
    cases.push_back(plain("the root as hard link", Tar{}.hard_link("/", "x")));
    cases.push_back(plain("a folder that nobody may enter", Tar{}.folder("d", 0).file("d/x", "y")));
    cases.push_back(plain("device nodes", Tar{}.device("dev/sda", '4', 8, 0).device("dev/mem", '3', 1, 1)));
    cases.push_back(plain("a forged whiteout", Tar{}.device("x", '3', 0, 0)));
    cases.push_back(plain("a device in place of a file", Tar{}.file("x", "kept").device("x", '4', 8, 0)));
    cases.push_back(
        plain("set-id bits", Tar{}.file("su", "x", 04755).file("sg", "x", 02755).folder("d", 03777)));
    cases.push_back(plain("unknown types", Tar{}.special('Z', "x", "data").special('7', "y", "data")));
    cases.push_back(plain("a volume label and a continued file",
                          Tar{}.special('V', "../outside", "").special('M', "x", "data").file("y", "z")));
}

void whiteouts(std::vector<HostileCase>& cases) {
    cases.push_back(plain("whiteout of the parent", Tar{}.file("a/.wh...")));
    cases.push_back(plain("whiteout of the root", Tar{}.file(".wh..")));
    cases.push_back(plain("whiteout of nothing", Tar{}.file("a/.wh.")));
    cases.push_back(plain("whiteout as folder", Tar{}.file(".wh.a/b")));
    cases.push_back(plain("whiteout with a slash and dot dot", Tar{}.file(".wh./../../outside/canary")));
    cases.push_back(plain("whiteout of a file of this layer", Tar{}.file("a/x", "kept").file("a/.wh.x")));
    cases.push_back(plain("whiteout of a folder of this layer", Tar{}.file("a/x", "kept").file(".wh.a")));
    cases.push_back(plain("whiteout through a link",
                          Tar{}.symlink("l", "../outside").folder("outside").file("l/.wh.canary")));
    cases.push_back(plain("whiteout that is a link", Tar{}.symlink(".wh.x", "../outside/canary")));
    cases.push_back(plain("opaque below nothing", Tar{}.file("a/b/c/.wh..wh..opq")));
    cases.push_back(plain("opaque root", Tar{}.file("x", "1").file(".wh..wh..opq")));
    cases.push_back(
        plain("opaque through a link", Tar{}.symlink("l", "../outside/folder").file("l/.wh..wh..opq")));
    cases.push_back(plain("opaque, then replaced", Tar{}.file("a/.wh..wh..opq").file("a", "a file")));
    cases.push_back(
        plain("bookkeeping of aufs", Tar{}.file(".wh..wh.plnk/5.6", "x").file(".wh..wh.aufs", "x")));
}

void attributes(std::vector<HostileCase>& cases) {
    const std::string xattr = "SCHILY.xattr.";
    cases.push_back(plain("attributes that mean something to the host",
                          Tar{}
                              .pax(xattr + "trusted.overlay.opaque", "y")
                              .pax(xattr + "trusted.overlay.redirect", "/..")
                              .pax(xattr + "user.overlay.opaque", "y")
                              .pax(xattr + "security.selinux", "label")
                              .pax(xattr + "security.ima", "x")
                              .pax(xattr + "system.posix_acl_access", "x")
                              .folder("d")));
    cases.push_back(plain("attributes in libarchive's own form",
                          Tar{}.pax("LIBARCHIVE.xattr.trusted.x", "eA==").file("x")));
    cases.push_back(plain("an attribute that is kept", Tar{}.pax(xattr + "user.note", "text").file("x")));
    cases.push_back(
        plain("an attribute of 70 KB", Tar{}.pax(xattr + "user.big", std::string(70'000, 'v')).file("x")));
    cases.push_back(plain("an attribute with a long name",
                          Tar{}.pax(xattr + "user." + std::string(300, 'n'), "v").file("x")));
    cases.push_back(plain("an attribute without a name", Tar{}.pax(xattr, "v").file("x")));
    cases.push_back(
        plain("attributes on a link", Tar{}.pax(xattr + "user.note", "v").symlink("x", "../outside/canary")));
    cases.push_back(
        plain("a file capability", Tar{}.pax(xattr + "security.capability", kCapability).file("x")));
    cases.push_back(
        plain("a file capability that is none", Tar{}.pax(xattr + "security.capability", "junk").file("x")));
    cases.push_back(plain("an owner beyond 32 bits", Tar{}.owner(std::int64_t{1} << 32, 0).file("x")));
    cases.push_back(plain("owner minus one", Tar{}.owner(0xffffffff, 0).file("x")));
    cases.push_back(plain("a negative group", Tar{}.owner(0, -2).file("x")));
    cases.push_back(plain("a negative owner by pax", Tar{}.pax("uid", "-1").file("x")));
    cases.push_back(plain("an owner that is no number", Tar{}.pax("uid", "root").file("x")));
    cases.push_back(plain("the largest owner", Tar{}.owner(0xfffffffe, 0xfffffffe).file("x")));
    cases.push_back(plain("a time before 1970", Tar{}.time(-86400).file("x").time(-86400).folder("d")));
    cases.push_back(plain("a time in the far future", Tar{}.pax("mtime", "99999999999999").file("x")));
    cases.push_back(plain("a time that is no number", Tar{}.pax("mtime", "soon.-5").file("x")));
}

void sizes(std::vector<HostileCase>& cases) {
    cases.push_back(
        plain("a petabyte that is not there", Tar{}.lying_file("x", std::uint64_t{1} << 50, "short")));
    cases.push_back(
        plain("eight exabytes by pax", Tar{}.pax("size", "9000000000000000000").file("x", "short")));
    cases.push_back(plain("a negative size by pax", Tar{}.pax("size", "-1").file("x", "short")));
    cases.push_back(plain(
        "a pax size that hides a header",
        Tar{}.pax("size", "0").special('0', "x", Tar{}.file("../outside/canary", "dead").unfinished())));
    cases.push_back(
        plain("a folder with data", Tar{}.special('5', "d", std::string(600, 'x')).file("y", "z")));
    cases.push_back(
        plain("a link with data", Tar{}.special('2', "l", std::string(600, 'x'), "target").file("y", "z")));
    cases.push_back(raw("more bytes than a layer may have",
                        Tar{}.file("x", "123456").file("y", "123456").finish(), at_most(100, 10)));
    cases.push_back(raw("more entries than a layer may have",
                        Tar{}.file("a").file("b").file("c").file("d").finish(), at_most(3, 1000)));
    Tar folders;
    for (int i = 0; i < 100; ++i) folders.folder("d" + std::to_string(i));
    cases.push_back(raw("more folders than are remembered", folders.finish(), at_most(1000, 1000, 1000)));
    Tar hidden;
    for (int i = 0; i < 100; ++i) hidden.file(".wh.d" + std::to_string(i));
    cases.push_back(raw("more whiteouts than are remembered", hidden.finish(), at_most(1000, 1000, 1000)));
    cases.push_back(plain("nested 400 deep", Tar{}.file(repeated("d/", 400) + "x")));
    cases.push_back(plain("a part of 300 bytes", Tar{}.file(std::string(300, 'n'))));
    cases.push_back(
        plain("a path of 6000 bytes", Tar{}.file(repeated(std::string(200, 'n') + "/", 30) + "x")));
    cases.push_back(plain("a link of 5000 bytes", Tar{}.symlink("x", std::string(5000, 't'))));
    cases.push_back(plain("a GNU long name of 2 MB",
                          Tar{}.special('L', "././@LongLink", std::string(2'000'000, 'n')).file("x")));
}

// GNU's three formats of sparse files (GNU tar manual, "Storing Sparse Files"), with maps that lie.
void sparse_files(std::vector<HostileCase>& cases) {
    const auto version_1 = [](const std::string& map, const std::string& real_size, const std::string& data) {
        std::string padded = map;
        padded.resize((map.size() + 511) / 512 * 512, '\0');
        return Tar{}
            .pax("GNU.sparse.major", "1")
            .pax("GNU.sparse.minor", "0")
            .pax("GNU.sparse.name", "sparse")
            .pax("GNU.sparse.realsize", real_size)
            .file("GNUSparseFile.0/sparse", padded + data);
    };
    const auto version_0 = [](const std::string& map, const std::string& size) {
        return Tar{}
            .pax("GNU.sparse.map", map)
            .pax("GNU.sparse.name", "sparse")
            .pax("GNU.sparse.size", size)
            .file("x", "0123456789");
    };
    cases.push_back(plain("sparse: a hole", version_1("1\n1048576\n3\n", "1048579", "end")));
    cases.push_back(plain("sparse: an exabyte of hole",
                          version_1("1\n1152921504606846976\n3\n", "1152921504606846979", "end")));
    cases.push_back(plain("sparse: data after its end", version_1("1\n4096\n3\n", "10", "end")));
    cases.push_back(plain("sparse: a map that goes back", version_1("2\n100\n3\n50\n3\n", "200", "onetwo")));
    cases.push_back(plain("sparse: parts that overlap", version_1("2\n0\n4\n2\n4\n", "6", "oneatwob")));
    cases.push_back(plain("sparse: a negative offset", version_1("1\n-5\n3\n", "10", "end")));
    cases.push_back(plain("sparse: a billion parts", version_1("1000000000\n0\n1\n", "10", "x")));
    cases.push_back(
        plain("sparse: a name that leaves", Tar{}
                                                .pax("GNU.sparse.major", "1")
                                                .pax("GNU.sparse.minor", "0")
                                                .pax("GNU.sparse.name", "../outside/canary")
                                                .pax("GNU.sparse.realsize", "1")
                                                .file("x", "1\n0\n1\n" + std::string(506, '\0') + "x")));
    cases.push_back(plain("sparse, old: parts that overlap", version_0("0,6,4,4", "10")));
    cases.push_back(plain("sparse, old: offset overflow", version_0("9223372036854775807,10", "10")));
    cases.push_back(plain("sparse, oldest type without a map", Tar{}.special('S', "x", "data")));
}

void streams(std::vector<HostileCase>& cases) {
    const std::string tar = Tar{}.file("x", std::string(5000, 'x')).finish();
    const std::string evil = Tar{}.file("../outside/canary", "dead").finish();
    cases.push_back(raw("an empty stream", ""));
    cases.push_back(raw("no tar at all", std::string(3000, 'q')));
    cases.push_back(raw("cut in a header", tar.substr(0, 300)));
    cases.push_back(raw("cut in the data", tar.substr(0, 2048)));
    cases.push_back(raw("without its end", tar.substr(0, tar.size() - 1024)));
    cases.push_back(raw("a wrong checksum", [&] {
        std::string bad = tar;
        bad[5] = 'y';
        return bad;
    }()));
    cases.push_back(raw("an archive after the end", tar + evil));
    cases.push_back(raw("gzip", gzip(tar)));
    cases.push_back(
        raw("gzip of several members", gzip(tar.substr(0, 700)) + gzip("") + gzip(tar.substr(700))));
    cases.push_back(raw("gzip, cut", gzip(tar).substr(0, 60)));
    cases.push_back(raw("gzip with garbage after it", gzip(tar) + "garbage"));
    cases.push_back(raw("gzip with zeros after it", gzip(tar) + std::string(600, '\0')));
    cases.push_back(raw("gzip with a wrong checksum", [&] {
        std::string bad = gzip(tar);
        bad[bad.size() - 6] ^= 1;
        return bad;
    }()));
    cases.push_back(raw("gzip in gzip", gzip(gzip(tar))));
    cases.push_back(raw("a gzip bomb", gzip(Tar{}.file("x", std::string(3'000'000, '\0')).finish()),
                        at_most(100, 100'000)));
    cases.push_back(raw("a gzip bomb after the archive", gzip(tar) + gzip(std::string(20'000'000, '\0')),
                        at_most(100, 100'000)));
    cases.push_back(raw("zstd", zstd(tar)));
    cases.push_back(raw(
        "zstd of several frames",
        zstd(tar.substr(0, 700)) + std::string{"\x50\x2a\x4d\x18\4\0\0\0skip", 12} + zstd(tar.substr(700))));
    cases.push_back(raw("zstd, cut", zstd(tar).substr(0, 30)));
    cases.push_back(raw("zstd with garbage after it", zstd(tar) + "garbage"));
    cases.push_back(raw("zstd with a huge window", zstd(tar, 31)));
    cases.push_back(raw("a zstd bomb", zstd(Tar{}.file("x", std::string(3'000'000, '\0')).finish()),
                        at_most(100, 100'000)));
    cases.push_back(raw("xz", std::string{"\xfd"
                                          "7zXZ\0",
                                          6} +
                                  std::string(100, '\0')));
}

}  // namespace

std::vector<HostileCase> hostile_cases() {
    std::vector<HostileCase> cases;
    names_that_leave(cases);
    links_that_leave(cases);
    objects_that_change(cases);
    whiteouts(cases);
    attributes(cases);
    sizes(cases);
    sparse_files(cases);
    streams(cases);
    return cases;
}

}  // namespace stack::test
