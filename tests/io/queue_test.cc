#include "io/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sde::io {
namespace {

TEST(BoundedQueue, KeepsOrderAndDrainsAfterClose) {
  BoundedQueue<int> queue(2);
  std::vector<int> got;
  std::thread consumer([&] {
    while (auto item = queue.pop()) got.push_back(*item);
  });
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.push(i));
  queue.close();
  consumer.join();
  ASSERT_EQ(got.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(got[i], i);
  EXPECT_FALSE(queue.push(1));
}

TEST(BoundedQueue, HoldsNoMoreThanItsCapacity) {
  BoundedQueue<int> queue(3);
  std::atomic<int> pushed{0};
  std::thread producer([&] {
    for (int i = 0; i < 10; ++i) {
      queue.push(i);
      ++pushed;
    }
    queue.close();
  });
  while (pushed < 3) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(pushed, 3);  // the fourth waits
  int seen = 0;
  while (queue.pop()) ++seen;
  EXPECT_EQ(seen, 10);
  producer.join();
}

TEST(BoundedQueue, ProducersSeeTheConsumersError) {
  BoundedQueue<int> queue(1);
  std::thread consumer([&] {
    (void)queue.pop();
    try {
      throw std::runtime_error("disk full");
    } catch (...) {
      queue.fail(std::current_exception());
    }
  });
  std::atomic<int> told{0};
  std::vector<std::thread> producers;
  for (int p = 0; p < 4; ++p) {
    producers.emplace_back([&] {
      try {
        for (;;) queue.push(1);
      } catch (const std::runtime_error& e) {
        if (std::string(e.what()) == "disk full") ++told;
      }
    });
  }
  consumer.join();
  for (auto& p : producers) p.join();
  EXPECT_EQ(told, 4);
  EXPECT_THROW(queue.rethrow(), std::runtime_error);
}

TEST(BoundedQueue, CancelWakesEveryone) {
  BoundedQueue<int> queue(1);
  ASSERT_TRUE(queue.push(1));
  std::thread producer([&] { EXPECT_FALSE(queue.push(2)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  queue.cancel();
  producer.join();
  EXPECT_FALSE(queue.pop().has_value());
}

TEST(BoundedQueue, ManyProducersLoseNothing) {
  BoundedQueue<std::unique_ptr<int>> queue(4);
  std::vector<std::thread> producers;
  for (int p = 0; p < 4; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < 500; ++i) queue.push(std::make_unique<int>(p * 500 + i));
    });
  }
  std::vector<bool> seen(2000, false);
  for (int i = 0; i < 2000; ++i) {
    auto item = queue.pop();
    ASSERT_TRUE(item.has_value());
    EXPECT_FALSE(seen[**item]);
    seen[**item] = true;
  }
  for (auto& p : producers) p.join();
}

}  // namespace
}  // namespace sde::io
