// One blob's file in the store's folder of downloads, and who may write it.
//
//   <root>/images/downloads/<hex>     what is there of a blob; a prefix of it after an interruption
//
// The holder of its flock writes it; the kernel lets go of that when the process ends, however it ends. Others may read
// what is there. The name goes when the blob is published (rename into blobs/) or turns out to be wrong (unlink).
#pragma once

#include "runtime/base/fd.hpp"
#include "runtime/image/manifest.hpp"

#include <cstdint>
#include <string>

namespace stack::image {

class DownloadFile {
  public:
    /// Opens the file, makes it if need be, and tries to own it. `folder` is the caller's and outlives this.
    /// Throws Error.
    DownloadFile(int folder, const Descriptor& blob);

    /// True when we hold the lock of the file under its name, or when the file is whole and has been published
    /// meanwhile. False: somebody else fills it.
    bool try_own();
    [[nodiscard]] bool owned() const { return owned_; }
    /// The same number for as long as this lives.
    [[nodiscard]] int fd() const { return file_.get(); }
    /// Its size now.
    [[nodiscard]] std::uint64_t bytes() const;

    /// Owner: throws away what is there. False when the file has lost its name: it belongs to the store now.
    [[nodiscard]] bool clear() const;
    /// Owner: takes the name away, if it still is this file's.
    void remove() const;

  private:
    void open();
    [[nodiscard]] bool has_its_name() const;

    int folder_;
    std::string name_;
    std::uint64_t size_;
    UniqueFd file_;
    bool owned_ = false;
};

/// The blob's file in the store, open for reading; invalid when the store does not have it in this size.
UniqueFd open_stored_blob(int store_blobs, const Descriptor& blob);

}  // namespace stack::image
