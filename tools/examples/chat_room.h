// A chat room: a message goes out to whoever listens once it is durable, and in the order in which
// it was accepted. Nobody ever sees a message that a crash takes back.
#pragma once

#include <cairn/host.h>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace examples {

struct ChatMessage {
  std::int64_t number;
  std::string author;
  std::string text;
};

class ChatRoom : public cairn::DurableObject {
 public:
  using Listener = std::function<void(const ChatMessage&)>;

  explicit ChatRoom(cairn::DurableObjectState& state) : DurableObject(state) {
    storage().sql().exec(
        "CREATE TABLE IF NOT EXISTS messages(number INTEGER PRIMARY KEY, author TEXT, text TEXT)");
  }

  /// Gives the listener what was said since `after`, and everything from then on. It is called in
  /// any thread, one message after another.
  void join(Listener listener, std::int64_t after) {
    for (ChatMessage& message : since(after))
      ctx().output([listener, said = std::move(message)] { listener(said); });
    listeners_.push_back(std::move(listener));
  }

  std::int64_t say(const std::string& author, const std::string& text) {
    auto row =
        storage()
            .sql()
            .exec("INSERT INTO messages(author, text) VALUES (?, ?) RETURNING number", author, text)
            .toRawArray();
    std::int64_t number = std::get<std::int64_t>(row[0][0]);
    for (const Listener& listener : listeners_) {
      ctx().output([listener, said = ChatMessage{number, author, text}] { listener(said); });
    }
    return number;
  }

 private:
  std::vector<ChatMessage> since(std::int64_t after) {
    std::vector<ChatMessage> messages;
    auto rows = storage()
                    .sql()
                    .exec(
                        "SELECT number, author, text FROM messages WHERE number > ? "
                        "ORDER BY number",
                        after)
                    .toRawArray();
    for (auto& row : rows) {
      messages.push_back({std::get<std::int64_t>(row[0]), std::get<std::string>(row[1]),
                          std::get<std::string>(row[2])});
    }
    return messages;
  }

  std::vector<Listener> listeners_;
};

}  // namespace examples
