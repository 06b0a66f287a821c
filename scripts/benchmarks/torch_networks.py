"""The networks of `torch_baseline.py`, written as PyTorch users have them.

They are independent of this package's networks. GaitBase and DeepGaitV2 have
the same parameters as ours.
"""

import torch
from torch import nn
from torch.nn import functional as F

BINS = (1, 2, 4, 8, 16)
PARTS = 16  # horizontal strips of the residual networks
STAGES = ((64, 1), (128, 2), (256, 2), (512, 1))  # channels, stride


class GaitBase(nn.Module):
  """Residual blocks on single frames: [N, T, H, W] -> as `Parts`."""

  def __init__(self, layers=(1, 1, 1, 1), classes=74):
    super().__init__()
    self.trunk = nn.Sequential(*stem(), *stages(Basic, 64, STAGES, layers))
    self.parts = Parts(classes)

  def forward(self, x):
    maps = unfold(self.trunk(fold(x)), x)
    return self.parts(maps.amax(1))


class DeepGaitV2(nn.Module):
  """The pseudo-3D form, whose first stage sees single frames.

  [N, T, H, W] -> as `Parts`. Clips are [N, C, T, H, W] from the second stage
  on.
  """

  def __init__(self, layers=(1, 1, 1, 1), classes=74):
    super().__init__()
    first = stages(Basic, 64, STAGES[:1], layers[:1])
    self.frames = nn.Sequential(*stem(), *first)
    self.clips = nn.Sequential(*stages(Pseudo3D, 64, STAGES[1:], layers[1:]))
    self.parts = Parts(classes)

  def forward(self, x):
    maps = unfold(self.frames(fold(x)), x)
    return self.parts(self.clips(maps.transpose(1, 2)).amax(2))


class Parts(nn.Module):
  """Horizontal strips, a linear map for each, and a BNNeck.

  [N, C, H, W] -> embedding [N, P, D], cosines to the classes [N, classes, P].
  """

  def __init__(self, classes):
    super().__init__()
    self.fc = PartLinear(PARTS, 512, 256)
    self.bn = nn.BatchNorm1d(256 * PARTS)
    self.w = nn.Parameter(
      nn.init.xavier_uniform_(torch.zeros(PARTS, 256, classes))
    )

  def forward(self, maps):
    e = self.fc(horizontal_pyramid(maps, (PARTS,)))
    b = self.bn(e.reshape(len(e), -1)).reshape(e.shape)
    b = F.normalize(b, dim=-1)
    return e, torch.einsum('npd,pdk->nkp', b, F.normalize(self.w, dim=1))


def stem():
  return nn.Conv2d(1, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()


def stages(block, width, stages, layers):
  """All blocks in order; the first of each stage has the stage's stride."""
  blocks = []
  for (out, stride), count in zip(stages, layers, strict=True):
    for number in range(count):
      blocks.append(block(width, out, 1 if number else stride))
      width = out
  return blocks


def fold(x):
  """[N, T, H, W] -> [NT, 1, H, W]."""
  return x.flatten(0, 1)[:, None]


def unfold(maps, x):
  """[NT, C, H', W'] -> [N, T, C, H', W'] for x [N, T, H, W]."""
  return maps.reshape(*x.shape[:2], *maps.shape[1:])


class Basic(nn.Module):
  def __init__(self, cin, cout, stride):
    super().__init__()
    self.a = nn.Sequential(
      nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
    )
    self.b = nn.Sequential(
      nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
    )
    self.skip = None
    if stride != 1 or cin != cout:
      self.skip = nn.Sequential(
        nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
      )

  def forward(self, x):
    y = self.b(F.relu(self.a(x), inplace=True))
    return F.relu(y + (x if self.skip is None else self.skip(x)))


class Pseudo3D(nn.Module):
  """Two convolutions on frames with a residual one over time between them."""

  def __init__(self, cin, cout, stride):
    super().__init__()
    self.a = clip_conv(cin, cout, (1, 3, 3), stride)
    self.time = clip_conv(cout, cout, (3, 1, 1))
    self.b = clip_conv(cout, cout, (1, 3, 3))
    self.skip = nn.Identity()
    if stride != 1 or cin != cout:
      self.skip = clip_conv(cin, cout, (1, 1, 1), stride)

  def forward(self, x):
    y = F.relu(self.a(x), inplace=True)
    y = F.relu(y + self.time(y), inplace=True)
    return F.relu(self.b(y) + self.skip(x), inplace=True)


def clip_conv(cin, cout, size, stride=1):
  padding = tuple(k // 2 for k in size)
  conv = nn.Conv3d(cin, cout, size, (1, stride, stride), padding, bias=False)
  return nn.Sequential(conv, nn.BatchNorm3d(cout))


def horizontal_pyramid(maps, bins=BINS):
  """Mean plus maximum of each strip: [M, C, H, W] -> [M, C, P]."""
  m, c = maps.shape[:2]
  out = []
  for b in bins:
    strips = maps.reshape(m, c, b, -1)
    out.append(strips.mean(-1) + strips.amax(-1))
  return torch.cat(out, -1)


class SetEncoder(nn.Module):
  def __init__(self):
    super().__init__()
    widths = (
      (1, 32, 5),
      (32, 32, 3),
      (32, 64, 3),
      (64, 64, 3),
      (64, 128, 3),
      (128, 128, 3),
    )
    self.convs = nn.ModuleList(
      nn.Conv2d(i, o, k, padding=k // 2, bias=False) for i, o, k in widths
    )

  def forward(self, x):  # [N, T, H, W] -> [N, T, C, P]
    n, t, h, w = x.shape
    x = x.reshape(n * t, 1, h, w)
    for i, conv in enumerate(self.convs):
      x = F.leaky_relu(conv(x), inplace=True)
      if i in (1, 3):
        x = F.max_pool2d(x, 2)
    return horizontal_pyramid(x).reshape(n, t, 128, 31)


def pool(x, k):
  """Maximum plus mean of k neighbouring frames: [N, C, T] -> [N, C, T]."""
  return F.max_pool1d(x, k, 1, k // 2) + F.avg_pool1d(x, k, 1, k // 2)


class MicroMotion(nn.Module):
  def __init__(self, parts=31, width=128):
    super().__init__()
    conv = lambda k: nn.Sequential(
      nn.Conv1d(width, width // 4, 3, padding=1),
      nn.ReLU(),
      nn.Conv1d(width // 4, width, k, padding=k // 2),
    )
    self.short = nn.ModuleList(conv(1) for _ in range(parts))
    self.long = nn.ModuleList(conv(3) for _ in range(parts))

  def forward(self, x):  # [N, T, C, P] -> [N, T, C, P]
    out = []
    for p, (short, long) in enumerate(zip(self.short, self.long, strict=True)):
      part = x[..., p].transpose(1, 2).contiguous()
      gates = short(part).sigmoid(), long(part).sigmoid()
      out.append(gates[0] * pool(part, 3) + gates[1] * pool(part, 5))
    return torch.stack(out, -1).transpose(1, 2)


class PartLinear(nn.Module):
  def __init__(self, parts, width_in, width_out):
    super().__init__()
    self.w = nn.Parameter(
      nn.init.xavier_uniform_(torch.zeros(parts, width_in, width_out))
    )

  def forward(self, x):  # [N, C, P] -> [N, P, D]
    return x.permute(2, 0, 1).matmul(self.w).permute(1, 0, 2)


class Head(nn.Module):
  def __init__(self):
    super().__init__()
    self.net = nn.Sequential(
      nn.Conv1d(128, 256, 1),
      nn.BatchNorm1d(256),
      nn.ReLU(),
      nn.Conv1d(256, 128, 1),
    )

  def forward(self, x):  # [N, P, D]
    return self.net(x.permute(1, 2, 0)).permute(2, 0, 1)
