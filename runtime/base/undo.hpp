// Undo steps of a compound operation: pushed after each step done, run in reverse unless released.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace stack {

class Undo {
  public:
    Undo() = default;
    Undo(const Undo&) = delete;
    Undo& operator=(const Undo&) = delete;
    ~Undo() {
        for (auto it = steps_.rbegin(); it != steps_.rend(); ++it) {
            try {
                (*it)();
            } catch (...) {  // a destructor has nobody to tell; the record still names what is left
            }
        }
    }
    void push(std::function<void()> step) { steps_.push_back(std::move(step)); }
    void release() { steps_.clear(); }

  private:
    std::vector<std::function<void()>> steps_;
};

}  // namespace stack
