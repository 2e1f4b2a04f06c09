// Where a repository is asked for.
#include "runtime/base/error.hpp"
#include "runtime/image/registry/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stack::registry {
namespace {

using testing::ElementsAre;

Endpoint only_endpoint(const std::string& registry, const EndpointRules& rules = {}) {
    const std::vector<Endpoint> endpoints = endpoints_of(registry, "team/app", rules);
    EXPECT_EQ(endpoints.size(), 1u);
    return endpoints.back();
}

TEST(Endpoints, DockerHubAnswersElsewhereAndByTlsOnly) {
    const Endpoint hub = only_endpoint("docker.io");
    EXPECT_THAT(hub.origins, ElementsAre("https://registry-1.docker.io"));
    EXPECT_EQ(hub.name, "docker.io");
    EXPECT_FALSE(hub.plain_http);
    EXPECT_TRUE(hub.tls.verify);
}

TEST(Endpoints, PlainHttpIsForLoopbackAndForWhatIsMarked) {
    for (const char* host : {"localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"}) {
        const Endpoint endpoint = only_endpoint(host);
        EXPECT_THAT(endpoint.origins,
                    ElementsAre(std::string{"http://"} + host, std::string{"https://"} + host));
        EXPECT_TRUE(endpoint.plain_http) << host;
        EXPECT_TRUE(endpoint.tls.verify) << host;
    }
    for (const char* host :
         {"registry.example", "128.0.0.1:5000", "localhost.example:80", "127.0.0.1.example", "[::2]:5000"}) {
        EXPECT_THAT(only_endpoint(host).origins, ElementsAre(std::string{"https://"} + host));
        EXPECT_FALSE(only_endpoint(host).plain_http) << host;
    }
    const EndpointRules rules{{}, {"registry.example:5000"}};
    const Endpoint insecure = only_endpoint("registry.example:5000", rules);
    EXPECT_THAT(insecure.origins,
                ElementsAre("https://registry.example:5000", "http://registry.example:5000"));
    EXPECT_TRUE(insecure.plain_http);
    EXPECT_FALSE(insecure.tls.verify);
    EXPECT_TRUE(only_endpoint("registry.example", rules).tls.verify);  // another port is another registry
}

TEST(Endpoints, MirrorsComeFirstAndMayKeepARepositoryBelowAPath) {
    EndpointRules rules;
    rules.mirrors["docker.io"] = {"https://mirror/", "http://cache.example:5000/hub/"};
    const std::vector<Endpoint> endpoints = endpoints_of("docker.io", "library/redis", rules);
    ASSERT_EQ(endpoints.size(), 3u);
    EXPECT_THAT(endpoints[0].origins, ElementsAre("https://mirror"));
    EXPECT_EQ(endpoints[0].repository, "library/redis");
    EXPECT_THAT(endpoints[1].origins, ElementsAre("http://cache.example:5000"));
    EXPECT_EQ(endpoints[1].repository, "hub/library/redis");
    EXPECT_EQ(endpoints[1].name, "cache.example:5000");
    EXPECT_TRUE(endpoints[1].plain_http);
    EXPECT_EQ(endpoints[2].name, "docker.io");
}

TEST(Endpoints, RefusesMirrorsThatAreNoUrlOfAHost) {
    for (const char* url : {"mirror.example", "ftp://mirror.example", "https://", "https:///path",
                            "https://user:secret@mirror.example", "https://mirror.example/a?b",
                            "https://mirror.example/../x", "https://mirror.example:port"}) {
        EndpointRules rules;
        rules.mirrors["docker.io"] = {url};
        EXPECT_THROW(endpoints_of("docker.io", "library/redis", rules), Error) << url;
    }
}

}  // namespace
}  // namespace stack::registry
