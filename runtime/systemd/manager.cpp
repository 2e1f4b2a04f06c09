#include "runtime/systemd/manager.hpp"

#include "runtime/base/error.hpp"
#include "runtime/systemd/sd_bus_library.hpp"

#include <errno.h>

#include <chrono>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace stack::systemd {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLimit{30};
constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kObject = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";

/// Throws unless an sd-bus call went well; these return a negative errno.
void check(int result, const std::string& doing) {
    if (result < 0) throw Error::from_errno(-result, doing);
}

/// One method call under construction: arguments are appended in the order of the method's signature.
class MethodCall {
  public:
    MethodCall(const SdBusLibrary& library, sd_bus* bus, const char* method)
        : library_{library}, method_{method} {
        check(library_.sd_bus_message_new_method_call(bus, &message_, kService, kObject, kInterface, method),
              fmt::format("make a D-Bus call {}", method));
    }
    MethodCall(const MethodCall&) = delete;
    MethodCall& operator=(const MethodCall&) = delete;
    ~MethodCall() { library_.sd_bus_message_unref(message_); }

    [[nodiscard]] sd_bus_message* message() const { return message_; }
    void text(const std::string& value) { basic('s', value.c_str()); }
    /// Booleans are ints in this interface.
    void basic(char type, const void* value) {
        append(library_.sd_bus_message_append_basic(message_, type, value));
    }
    template <class T>
    void array(char type, const std::vector<T>& values) {
        append(
            library_.sd_bus_message_append_array(message_, type, values.data(), values.size() * sizeof(T)));
    }
    void open(char type, const char* contents) {
        append(library_.sd_bus_message_open_container(message_, type, contents));
    }
    void close() { append(library_.sd_bus_message_close_container(message_)); }

    /// An array of (name, variant).
    void properties(const std::vector<Property>& list);

  private:
    void append(int result) const {
        check(result, fmt::format("write the arguments of D-Bus call {}", method_));
    }
    const SdBusLibrary& library_;
    const char* method_;
    sd_bus_message* message_ = nullptr;
};

struct AppendValue {
    MethodCall& call;
    void operator()(bool value) const {
        const int number = value ? 1 : 0;
        call.basic('b', &number);
    }
    void operator()(std::int32_t value) const { call.basic('i', &value); }
    void operator()(std::uint64_t value) const { call.basic('t', &value); }
    void operator()(const std::string& value) const { call.text(value); }
    void operator()(const Property::Bytes& value) const { call.array('y', value); }
    void operator()(const Property::Numbers& value) const { call.array('u', value); }
    void operator()(const Property::Texts& value) const {
        call.open('a', "s");
        for (const std::string& text : value) call.text(text);
        call.close();
    }
    void operator()(const Property::Pairs& value) const {
        call.open('a', "(ss)");
        for (const auto& [first, second] : value) {
            call.open('r', "ss");
            call.text(first);
            call.text(second);
            call.close();
        }
        call.close();
    }
};

void MethodCall::properties(const std::vector<Property>& list) {
    open('a', "(sv)");
    for (const Property& property : list) {
        open('r', "sv");
        text(property.name);
        open('v', signature_of(property.value));
        std::visit(AppendValue{*this}, property.value);
        close();
        close();
    }
    close();
}

}  // namespace

struct Manager::Impl {
    SdBusLibrary library;
    sd_bus* bus = nullptr;
    sd_bus_slot* job_removed = nullptr;
    std::map<std::string, std::string> finished_jobs;  // object path -> result, of those told so far

    explicit Impl(bool user) : library{load_sd_bus()} {
        const int opened = user ? library.sd_bus_open_user(&bus) : library.sd_bus_open_system(&bus);
        if (opened < 0) {
            const bool absent = opened == -ENOENT || opened == -ECONNREFUSED || opened == -ENOMEDIUM;
            throw Error{
                absent ? ErrorKind::not_supported : ErrorKind::failed,
                fmt::format("connect to the {} bus: {}", user ? "user's" : "system", errno_text(-opened))}
                .with_hint(
                    "systemd and a D-Bus daemon must be running; without, leave --systemd-cgroup away");
        }
        try {
            check(library.sd_bus_match_signal(bus, &job_removed, kService, kObject, kInterface, "JobRemoved",
                                              &Impl::take_job_removed, this),
                  "ask for the signals of systemd");
            MethodCall subscribe{library, bus, "Subscribe"};  // without, systemd sends none
            call(subscribe, "subscribe to the signals of systemd");
        } catch (...) {
            close();
            throw;
        }
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() { close(); }
    void close() {
        library.sd_bus_slot_unref(job_removed);
        library.sd_bus_flush_close_unref(bus);
    }

    static int take_job_removed(sd_bus_message* message, void* self_pointer, sd_bus_error*) {
        auto& self = *static_cast<Impl*>(self_pointer);
        std::uint32_t id = 0;
        const char *job = nullptr, *unit = nullptr, *result = nullptr;
        const auto read = [&](char type, void* into) {
            return self.library.sd_bus_message_read_basic(message, type, into) > 0;
        };
        if (read('u', &id) && read('o', &job) && read('s', &unit) && read('s', &result))
            self.finished_jobs[job] = result;
        return 0;
    }

    /// The reply; null when systemd answers that there is no such unit and `absent_fine`.
    struct Reply {
        const SdBusLibrary* library;
        sd_bus_message* message = nullptr;
        Reply(const SdBusLibrary* from, sd_bus_message* owned) : library{from}, message{owned} {}
        Reply(const Reply&) = delete;
        Reply& operator=(const Reply&) = delete;
        ~Reply() { library->sd_bus_message_unref(message); }
    };
    Reply call(const MethodCall& method, const std::string& doing, bool absent_fine = false) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message* reply = nullptr;
        const auto limit = static_cast<std::uint64_t>(std::chrono::microseconds{kLimit}.count());
        const int result = library.sd_bus_call(bus, method.message(), limit, &error, &reply);
        if (result >= 0) return {&library, reply};
        const bool absent = library.sd_bus_error_has_name(&error, "org.freedesktop.systemd1.NoSuchUnit") != 0;
        const bool exists = library.sd_bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists") != 0;
        const std::string words = error.message != nullptr ? error.message : errno_text(-result);
        library.sd_bus_error_free(&error);
        if (absent && absent_fine) return {&library, nullptr};
        const ErrorKind kind = absent                                  ? ErrorKind::not_found
                               : exists                                ? ErrorKind::already_exists
                               : result == -EACCES || result == -EPERM ? ErrorKind::permission
                               : result == -ETIMEDOUT                  ? ErrorKind::timeout
                                                                       : ErrorKind::failed;
        throw Error{kind, fmt::format("systemd: {}: {}", doing, words)};
    }

    /// Calls a method that returns a job, and waits until that has ended.
    void run_job(const MethodCall& method, const std::string& doing, bool absent_fine = false) {
        finished_jobs.clear();
        const Reply reply = call(method, doing, absent_fine);
        if (reply.message == nullptr) return;
        const char* job = nullptr;
        check(library.sd_bus_message_read_basic(reply.message, 'o', &job), "read systemd's answer");
        const auto end = SteadyClock::now() + kLimit;
        while (!finished_jobs.contains(job)) {
            const int done = library.sd_bus_process(bus, nullptr);
            check(done, "read systemd's signals");
            if (done > 0) continue;
            const auto left =
                std::chrono::duration_cast<std::chrono::microseconds>(end - SteadyClock::now()).count();
            if (left <= 0)
                throw Error{ErrorKind::timeout, fmt::format("systemd: {}: not done within 30 s", doing)};
            check(library.sd_bus_wait(bus, static_cast<std::uint64_t>(left)), "wait for systemd");
        }
        if (const std::string& result = finished_jobs[job]; result != "done")
            throw Error{ErrorKind::failed, fmt::format("systemd: {}: job ended with '{}'", doing, result)};
    }
};

Manager::Manager(bool user) : impl_{std::make_unique<Impl>(user)} {}
Manager::~Manager() = default;
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;

void Manager::start_transient_unit(const std::string& unit, const std::vector<Property>& properties) {
    MethodCall method{impl_->library, impl_->bus, "StartTransientUnit"};
    method.text(unit);
    method.text("fail");  // a job under way for a unit of this name is somebody else's
    method.properties(properties);
    method.open('a', "(sa(sv))");  // no further units
    method.close();
    impl_->run_job(method, fmt::format("start {}", unit));
}

void Manager::set_properties(const std::string& unit, const std::vector<Property>& properties) {
    MethodCall method{impl_->library, impl_->bus, "SetUnitProperties"};
    method.text(unit);
    const int runtime_only = 1;
    method.basic('b', &runtime_only);
    method.properties(properties);
    impl_->call(method, fmt::format("set properties of {}", unit));
}

void Manager::stop_unit(const std::string& unit) {
    MethodCall method{impl_->library, impl_->bus, "StopUnit"};
    method.text(unit);
    method.text("replace");
    impl_->run_job(method, fmt::format("stop {}", unit), true);
}

void Manager::reset_failed(const std::string& unit) {
    MethodCall method{impl_->library, impl_->bus, "ResetFailedUnit"};
    method.text(unit);
    impl_->call(method, fmt::format("reset {}", unit), true);
}

}  // namespace stack::systemd
