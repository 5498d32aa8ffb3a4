#include "nn/packed_weights.h"

namespace sde::nn {

PackedWeights::PackedWeights(const Network& network, Precision precision)
    : network_(&network), precision_(precision), places_(network.parameters().size()) {
  const std::size_t parts = parts_of(precision);
  std::size_t size = 0;
  for (const Network::Layer& layer : network.layers_) {
    if (layer.kind != Network::Kind::linear || layer.columns == 0) continue;
    const Parameter& p = network.parameters_[layer.weight];
    weights_.push_back(layer.weight);
    places_[layer.weight].forward = size;
    size += packed_words(p.rows, p.columns, parts);
    places_[layer.weight].backward = size;
    size += packed_words(p.columns, p.rows, parts);
  }
  words_.resize(size);
  columns_.resize(size);
}

PackedLeft PackedWeights::forward(std::size_t weight) const {
  const Parameter& p = network_->parameters_[weight];
  return {words_.data() + places_[weight].forward, p.rows, p.columns};
}

PackedLeft PackedWeights::backward(std::size_t weight) const {
  const Parameter& p = network_->parameters_[weight];
  return {words_.data() + places_[weight].backward, p.columns, p.rows};
}

void PackedWeights::pack(std::size_t piece, const float* theta) {
  const std::size_t parts = parts_of(precision_);
  const Parameter& p = network_->parameters_[weights_[piece / 2]];
  const Place& place = places_[weights_[piece / 2]];
  if (piece % 2 == 0)
    return pack_rows(theta + p.offset, p.rows, p.columns, p.stride, parts, words_.data() + place.forward);
  Word* const columns = columns_.data() + place.backward;
  pack_columns(theta + p.offset, p.columns, p.rows, p.stride, parts, columns);
  transpose_tiles(columns, packed_words(p.columns, p.rows, parts) / kTileWords,
                  words_.data() + place.backward);
}

}  // namespace sde::nn
