// A bounded queue between threads that make work and one that writes it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

namespace sde::io {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity ? capacity : 1) {}

  // Waits for room. Throws the consumer's error where it failed; false, dropping the item, after close() or
  // cancel().
  bool push(T item) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return items_.size() < capacity_ || closed_ || error_; });
    if (error_) std::rethrow_exception(error_);
    if (closed_) return false;
    items_.push_back(std::move(item));
    lock.unlock();
    work_.notify_one();
    return true;
  }

  // Waits for an item; empty when the queue is closed and used up, or cancelled.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [&] { return !items_.empty() || closed_; });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

  // The producers have no more; what is queued is still consumed.
  void close() { end(nullptr, false); }
  // The producers give up; what is queued is dropped.
  void cancel() { end(nullptr, true); }
  // The consumer gives up: producers get the error from push() and rethrow().
  void fail(std::exception_ptr error) { end(std::move(error), true); }

  // Throws the consumer's error, if there is one.
  void rethrow() const {
    std::lock_guard lock(mutex_);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void end(std::exception_ptr error, bool drop) {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      if (error && !error_) error_ = std::move(error);
      if (drop) items_.clear();
    }
    room_.notify_all();
    work_.notify_all();
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable room_, work_;
  std::deque<T> items_;
  bool closed_ = false;
  std::exception_ptr error_;
};

}  // namespace sde::io
