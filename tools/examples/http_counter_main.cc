// http_counter --root DIR [--port N]: serves counters kept in DIR until it is interrupted.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <future>
#include <string>

#include <CLI/CLI.hpp>
#include <asio/signal_set.hpp>

#include "tools/examples/http_counter.h"

int main(int argc, char** argv) {
  CLI::App app("Counts the requests to each path, durably");
  std::string root;
  std::uint16_t port = 8080;
  app.add_option("--root", root, "Directory of the counters; made if it is not there")->required();
  app.add_option("--port", port, "On 127.0.0.1; 0 for any")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    cairn::Host host({.root = root});
    auto counters = host.define<examples::Counter>("Counter");
    examples::HttpCounter server(host, counters, port);
    server.start();
    std::printf("http://127.0.0.1:%u\n", static_cast<unsigned>(server.port()));
    std::fflush(stdout);
    std::promise<void> interrupted;
    asio::signal_set signals(host.executor(), SIGINT, SIGTERM);
    signals.async_wait([&](const std::error_code&, int) { interrupted.set_value(); });
    interrupted.get_future().wait();
    server.stop();
    host.close();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_counter: %s\n", error.what());
    return 1;
  }
}
