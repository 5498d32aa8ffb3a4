// The one abstraction every solver works on: dX = f(t, X) dt + G(t, X) dW on blocks of paths.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/block.h"
#include "expr/program.h"

namespace sde {

enum class Calculus { ito, stratonovich };

// The shape of G, from the simplest; a solver declares the most general one it is valid for.
enum class NoiseKind {
  none,         // G = 0: an ODE
  additive,     // G does not depend on the state
  scalar,       // one Brownian motion
  diagonal,     // component i is driven by its own Brownian motion and G_ii depends on x_i alone
  commutative,  // general, but L^j G^k = L^k G^j for all j, k
  general,
};

const char* to_string(Calculus calculus);
const char* to_string(NoiseKind kind);

// The time of a block: one for all lanes, or one each (adaptive steps).
struct BlockTime {
  double value = 0;  // where lanes is null
  const double* lanes = nullptr;

  double at(std::size_t lane) const { return lanes ? lanes[lane] : value; }
};

// Memory of one thread that an Sde may use while it evaluates; an Sde itself is immutable and shared by
// threads.
struct SdeWorkspace {
  expr::Workspace program;
  StateBlock<double> block;
  StateBlock<float> network;
  AlignedVector<double> values;
  AlignedVector<float> floats;
  StateBlock<double> guidance, observation;  // of score models made of others
};

class Sde {
 public:
  virtual ~Sde() = default;

  virtual std::size_t dimension() const = 0;
  virtual std::size_t noises() const = 0;  // independent Brownian motions; 0 makes an ODE
  virtual Calculus calculus() const = 0;
  virtual NoiseKind noise_kind() const = 0;

  // G is stored as its diagonal, dimension() rows, where diagonal_storage(); else dimension() * noises()
  // rows, entry (i, k) in row i * noises() + k.
  virtual bool diagonal_storage() const = 0;
  std::size_t diffusion_rows() const { return diagonal_storage() ? dimension() : dimension() * noises(); }

  virtual void drift(BlockTime t, ConstBlock x, Block f, SdeWorkspace& workspace) const = 0;
  virtual void diffusion(BlockTime t, ConstBlock x, Block g, SdeWorkspace& workspace) const = 0;
  // Both at once, where they share work.
  virtual void coefficients(BlockTime t, ConstBlock x, Block f, Block g, SdeWorkspace& workspace) const {
    drift(t, x, f, workspace);
    diffusion(t, x, g, workspace);
  }

  // For diagonal storage: row i is G_ii dG_ii/dx_i, the Milstein term. False from the query where it is not
  // known.
  virtual bool has_milstein_term() const { return false; }
  virtual void coefficients_and_milstein(BlockTime t, ConstBlock x, Block f, Block g, Block gdg,
                                         SdeWorkspace& workspace) const;

  // Moves states that left their domain back to it after a step (reflection); true states stay as they are.
  virtual bool has_domain() const { return false; }
  virtual void project(Block x) const { (void)x; }
};

}  // namespace sde
