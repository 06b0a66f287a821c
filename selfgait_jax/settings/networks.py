"""The section `config.model` of each network, with all its settings."""

import ml_collections


def selfgait() -> ml_collections.ConfigDict:
  """Set encoder, micro-motion block and BYOL heads (EchoItLiu/SelfGait)."""
  m = _model('selfgait')
  m.widths = (32, 64, 128)  # channels of the convolution pairs
  m.bins = (1, 2, 4, 8, 16)  # horizontal strips of each pyramid level
  m.embedding_dim = 128  # features of each part
  m.embedding_norm = False  # end with a batch norm of the embedding
  m.use_motion = True  # micro-motion block in the online branch
  m.projector_hidden = 256  # of BYOL's heads
  m.projector_dim = 128
  return m


def gaitset() -> ml_collections.ConfigDict:
  """Set pooling with a global branch (arXiv:1811.06186; ShiqiYu/OpenGait)."""
  m = _model('gaitset')
  m.widths = (32, 64, 128)  # OU-MVLP and GREW: (64, 128, 256)
  m.bins = (16, 8, 4, 2, 1)  # of each of the two branches
  m.embedding_dim = 256
  m.embedding_norm = False  # end with a batch norm of the embedding
  m.projector_hidden = 0  # of BYOL's heads; 0: no such heads
  m.projector_dim = 128
  return m


def gaitpart() -> ml_collections.ConfigDict:
  """Focal convolutions and micro-motion (CVPR 2020; ShiqiYu/OpenGait)."""
  m = _model('gaitpart')
  m.widths = (32, 64, 128)  # OU-MVLP, GREW: (32, 64, 128, 256)
  m.halvings = (0, 2, 3)  # strips: 2**h for each pair; OU-MVLP: (0, 0, 3, 3)
  m.bins = (16,)
  return m


def gaitgl() -> ml_collections.ConfigDict:
  """Global and local 3D convolutions (ICCV 2021; ShiqiYu/OpenGait)."""
  m = _model('gaitgl')
  m.widths = (32, 64, 128)  # OU-MVLP and GREW: (32, 64, 128, 256), doubled
  m.halving = 3  # the local convolutions see 2**h strips; OU-MVLP: 1
  m.neck = False  # classify after a BNNeck
  m.classes = 74  # of the classifier; 0: no classifier
  return m


def gaitbase() -> ml_collections.ConfigDict:
  """ResNet-9, horizontal pooling and BNNeck (CVPR 2023; ShiqiYu/OpenGait)."""
  m = _model('gaitbase')
  m.widths = (64, 128, 256, 512)  # channels of the four residual stages
  m.layers = (1, 1, 1, 1)  # residual blocks of each stage
  m.bins = (16,)
  m.embedding_dim = 256
  m.classes = 74  # of the classifier; 0: no classifier
  m.projector_hidden = 0  # of BYOL's heads; 0: no such heads
  m.projector_dim = 128
  m.remat = False  # save memory: recompute each block for its gradient
  return m


def deepgaitv2() -> ml_collections.ConfigDict:
  """Deep residual 2D, 3D or pseudo-3D network (arXiv:2303.03301; OpenGait)."""
  m = _model('deepgaitv2')
  m.mode = 'p3d'  # kind of the convolutions; p3d: pseudo-3D
  m.widths = (64, 128, 256, 512)
  m.layers = (1, 1, 1, 1)  # Gait3D and GREW: (1, 4, 4, 1)
  m.bins = (16,)
  m.embedding_dim = 256
  m.classes = 74
  m.use_emb2 = False  # embed by the normalised feature after the BNNeck
  m.projector_hidden = 0  # of BYOL's heads; 0: no such heads
  m.projector_dim = 128
  m.remat = False  # save memory: recompute each block for its gradient
  return m


def gaitssb() -> ml_collections.ConfigDict:
  """ResNet-9, projector and predictor (TPAMI 2023; ShiqiYu/OpenGait)."""
  m = _model('gaitssb')
  m.widths = (64, 128, 256, 512)
  m.layers = (1, 1, 1, 1)
  m.bins = (16, 8, 4, 2, 1)
  m.embedding_dim = 512
  m.head = 'predictor'  # linear: for fine-tuning with labels
  m.remat = False  # save memory: recompute each block for its gradient
  return m


def _model(name):
  """The settings of every network."""
  m = ml_collections.ConfigDict()
  m.name = name
  m.dtype = 'float32'  # of the computation; parameters are float32
  m.crop_width = 44  # central columns to keep of the 64
  m.microbatches = 1  # parts of a batch, processed in turn to save memory
  return m
