// A small HTTP server in front of counters. The answer to `POST /NAME` leaves when the increment is
// durable; `GET /NAME` reads. Keep-alive and pipelining as HTTP/1.1 has them; no bodies.
#pragma once

#include <cairn/host.h>
#include <cstdint>
#include <string>

#include <asio/ip/tcp.hpp>

#include "tools/examples/counter.h"

namespace examples {

class HttpCounter {
 public:
  /// Listens on the loopback interface; port 0 takes a free one.
  HttpCounter(cairn::Host& host, cairn::Namespace<Counter> counters, std::uint16_t port);

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void start();
  /// No new connections from here on.
  void stop();

 private:
  cairn::Task<> accept();
  cairn::Task<> serve(asio::ip::tcp::socket socket);
  cairn::Task<std::string> answer(std::string method, std::string target);

  cairn::Host& host_;
  cairn::Namespace<Counter> counters_;
  asio::ip::tcp::acceptor acceptor_;
};

}  // namespace examples
