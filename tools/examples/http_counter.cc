#include "tools/examples/http_counter.h"

#include <string_view>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace examples {

namespace {

using asio::ip::tcp;

constexpr std::size_t kHeadBytesMax = 16'384;

std::string response(std::string_view status, const std::string& body, bool close) {
  std::string out = "HTTP/1.1 ";
  out.append(status).append("\r\nContent-Type: text/plain\r\nContent-Length: ");
  out.append(std::to_string(body.size()));
  if (close) out.append("\r\nConnection: close");
  return out.append("\r\n\r\n").append(body);
}

}  // namespace

HttpCounter::HttpCounter(cairn::Host& host, cairn::Namespace<Counter> counters, std::uint16_t port)
    : host_(host),
      counters_(std::move(counters)),
      acceptor_(host.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), port)) {}

void HttpCounter::start() { asio::co_spawn(host_.executor(), accept(), asio::detached); }

void HttpCounter::stop() {
  std::error_code ignored;
  acceptor_.close(ignored);
}

cairn::Task<> HttpCounter::accept() {
  for (;;) {
    tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(host_.executor(), serve(std::move(socket)), asio::detached);
  }
}

// Ends with an exception when the client hangs up; nobody needs to hear of it.
cairn::Task<> HttpCounter::serve(tcp::socket socket) {
  std::string input;
  bool close = false;
  while (!close) {
    std::size_t head = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(input, kHeadBytesMax), "\r\n\r\n", asio::use_awaitable);
    std::string_view line = std::string_view(input).substr(0, input.find("\r\n"));
    std::size_t first = line.find(' ');
    std::size_t second = line.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) {
      std::string bad = response("400 Bad Request", "not a request\n", true);
      co_await asio::async_write(socket, asio::buffer(bad), asio::use_awaitable);
      co_return;
    }
    std::string method(line.substr(0, first));
    std::string target(line.substr(first + 1, second - first - 1));
    close = input.find("Connection: close") < head || line.ends_with("HTTP/1.0");
    input.erase(0, head);
    std::string out;
    try {
      std::string body = co_await answer(method, target);
      out = response("200 OK", body, close);
    } catch (const cairn::Error& error) {
      bool busy = error.code() == cairn::ErrorCode::kOverloaded;
      bool wrong = error.code() == cairn::ErrorCode::kInvalidArgument;
      out = response(busy    ? "503 Service Unavailable"
                     : wrong ? "400 Bad Request"
                             : "500 Internal Server Error",
                     std::string(error.what()) + "\n", close);
    }
    co_await asio::async_write(socket, asio::buffer(out), asio::use_awaitable);
  }
}

cairn::Task<std::string> HttpCounter::answer(std::string method, std::string target) {
  cairn::Stub<Counter> counter = counters_.getByName(target.substr(1));
  std::int64_t value = 0;
  if (method == "POST") {
    value = co_await counter.call(&Counter::increment);
  } else {
    value = co_await counter.call(&Counter::read);
  }
  co_return std::to_string(value) + "\n";
}

}  // namespace examples
