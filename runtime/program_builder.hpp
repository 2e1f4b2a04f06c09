// Puts an InitProgram together: hands out slots, notes under which purpose steps are added. Private to the builders
// (init_program.cpp, mount_plan.cpp).
#pragma once

#include "runtime/init_program.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace stack {

class ProgramBuilder {
  public:
    explicit ProgramBuilder(const LaunchShape& shape) {
        program_.steps.reserve(kUsualSteps);
        program_.purposes.reserve(kUsualSteps);
        program_.slots = input_slots(shape);
    }

    /// What the steps added from now on are for.
    void purpose(std::string text, std::optional<SourcePosition> origin = std::nullopt,
                 std::string hint = {}) {
        program_.purposes.push_back({std::move(text), std::move(origin), std::move(hint)});
    }
    void add(step::Action action) {
        program_.steps.push_back({std::move(action), program_.purposes.size() - 1});
    }

    Slot new_slot(std::string name) {
        program_.slots.push_back(std::move(name));
        return Slot{static_cast<int>(program_.slots.size()) - 1};
    }
    /// Empty when the shape has no such input.
    [[nodiscard]] Slot input(const std::string& name) const {
        for (std::size_t i = 0; i < program_.slots.size(); ++i)
            if (program_.slots[i] == name) return Slot{static_cast<int>(i)};
        return {};
    }
    InitProgram& program() { return program_; }

  private:
    static constexpr std::size_t kUsualSteps = 160;
    InitProgram program_;
};

}  // namespace stack
