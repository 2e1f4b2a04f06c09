// The copying between a command's terminal and a container's pipes: end of file and closed readers are passed on,
// a slow reader never blocks the loop.
#include "manager/cli/copy_stream.hpp"
#include "runtime/base/fd.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace stack::cli {
namespace {

TEST(CopyStream, PassesBytesAndTheEndOn) {
    Pipe in = make_pipe(), out = make_pipe();
    CopyStream copy{in.read.get(), std::move(out.write)};
    write_all(in.write.get(), "hello", "pipe");
    copy.step();
    in.write.reset();
    copy.step();
    EXPECT_TRUE(copy.ended());
    EXPECT_EQ(read_all(out.read.get(), "pipe"), "hello");  // ends, so the writing side was closed
}

TEST(CopyStream, WithoutASourceTheEndComesAtOnce) {
    Pipe out = make_pipe();
    const CopyStream copy{-1, std::move(out.write)};
    EXPECT_TRUE(copy.ended());
    EXPECT_EQ(read_all(out.read.get(), "pipe"), "");
}

TEST(CopyStream, WaitsForASlowReaderWithoutBlocking) {
    Pipe in = make_pipe(), out = make_pipe();
    const auto capacity = static_cast<std::size_t>(::fcntl(out.write.get(), F_SETPIPE_SZ, 4096));
    const int reader = out.read.get();
    CopyStream copy{in.read.get(), std::move(out.write)};
    const std::string text(capacity * 3, 'x');
    write_all(in.write.get(), text, "pipe");
    in.write.reset();
    copy.step();
    EXPECT_EQ(copy.wait_to_read().fd, -1);  // nothing is read while something waits to be written
    EXPECT_GE(copy.wait_to_write().fd, 0);
    std::string received;
    std::string piece(capacity, '\0');
    for (int rounds = 0; !copy.ended() && rounds < 100; ++rounds) {
        const ssize_t got = ::read(reader, piece.data(), piece.size());
        ASSERT_GT(got, 0);
        received.append(piece, 0, static_cast<std::size_t>(got));
        copy.step();
    }
    received += read_all(reader, "pipe");
    EXPECT_EQ(received, text);
}

TEST(CopyStream, AClosedReaderClosesTheSource) {
    ::signal(SIGPIPE, SIG_IGN);
    Pipe in = make_pipe(), out = make_pipe();
    CopyStream copy{std::move(in.read), out.write.get()};
    out.read.reset();
    write_all(in.write.get(), "x", "pipe");
    copy.step();
    EXPECT_TRUE(copy.ended());
    EXPECT_LT(::write(in.write.get(), "x", 1), 0);
    EXPECT_EQ(errno, EPIPE);
}

TEST(CopyStream, DrainTakesWhatIsThereAndDoesNotWait) {
    Pipe in = make_pipe(), out = make_pipe();
    CopyStream copy{in.read.get(), out.write.get(), false};
    write_all(in.write.get(), "last words", "pipe");
    copy.drain();  // the writing side of `in` is still open: somebody else may hold it
    out.write.reset();
    EXPECT_EQ(read_all(out.read.get(), "pipe"), "last words");
}

}  // namespace
}  // namespace stack::cli
