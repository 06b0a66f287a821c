"""What `import selfgait_jax` offers; `__init__.py` imports it on first use."""

from selfgait_jax import losses as losses
from selfgait_jax import protocols as protocols
from selfgait_jax import retrieval as retrieval
from selfgait_jax.embedder import Embedder as Embedder
from selfgait_jax.embedder import load_embedder as load_embedder

__version__: str
