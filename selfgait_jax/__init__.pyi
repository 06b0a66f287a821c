"""What `import selfgait_jax` offers; `__init__.py` imports it on first use."""

from selfgait_jax import losses as losses
from selfgait_jax import protocols as protocols
from selfgait_jax import retrieval as retrieval
from selfgait_jax.clips.clip import Clip as Clip
from selfgait_jax.clips.quality import quality as quality
from selfgait_jax.clips.reading import Clips as Clips
from selfgait_jax.clips.reading import read_clips as read_clips
from selfgait_jax.embedder import Embedder as Embedder
from selfgait_jax.embedder import load_embedder as load_embedder
from selfgait_jax.gallery.gallery import Gallery as Gallery

__version__: str
