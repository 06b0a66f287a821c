"""Self-supervised gait recognition from silhouettes, in JAX/Flax."""

__version__ = '0.1.0'

from selfgait_jax import losses, protocols, retrieval  # noqa: F401
