"""What a user would run instead: the same training steps in PyTorch.

An independent PyTorch writing of two training steps, to be timed beside
`scripts/benchmark.py step` and `embed` by their option `--beside`:

  selfgait   two views, symmetric cosine loss, EMA target, SGD; temporal
             convolutions part by part, as PyTorch users have them
  gaitbase   ResNet-9, horizontal pooling and BNNeck; both losses; SGD
  embed      the selfgait encoder's forward pass alone

Prints one JSON line: median seconds a step and frames a second (a frame counts
once per view). Needs torch alone (requirements-convert.txt).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

BINS = (1, 2, 4, 8, 16)


def horizontal_pyramid(maps, bins=BINS):
  """[M, C, H, W] -> [M, C, P], mean + max of every strip."""
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
  """Maximum plus mean over k frames: [N, C, T] -> [N, C, T]."""
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


class GaitBase(nn.Module):
  def __init__(self, classes=74):
    super().__init__()
    self.trunk = nn.Sequential(
      nn.Conv2d(1, 64, 3, 1, 1, bias=False),
      nn.BatchNorm2d(64),
      nn.ReLU(),
      Basic(64, 64, 1),
      Basic(64, 128, 2),
      Basic(128, 256, 2),
      Basic(256, 512, 1),
    )
    self.fc = PartLinear(16, 512, 256)
    self.bn = nn.BatchNorm1d(256 * 16)
    self.w = nn.Parameter(
      nn.init.xavier_uniform_(torch.zeros(16, 256, classes))
    )

  def forward(self, x):
    n, t, h, w = x.shape
    maps = self.trunk(x.reshape(n * t, 1, h, w))
    maps = maps.reshape(n, t, *maps.shape[1:]).amax(1)
    e = self.fc(horizontal_pyramid(maps, (16,)))  # [N, P, D]
    b = F.normalize(self.bn(e.reshape(n, -1)).reshape(e.shape), dim=-1)
    return e, torch.einsum('npd,pdk->nkp', b, F.normalize(self.w, dim=1))


def triplet(e, labels, margin=0.2):  # e [P, N, D]
  sq = (e**2).sum(-1)
  d = F.relu(sq[:, :, None] + sq[:, None] - 2 * e @ e.transpose(1, 2)).sqrt()
  same = labels[:, None] == labels[None]
  p, n = d.shape[:2]
  hinge = F.relu(
    margin + d[:, same].view(p, n, -1, 1) - d[:, ~same].view(p, n, 1, -1)
  ).view(p, -1)
  return (hinge.sum(1) / ((hinge != 0).sum(1) + 1e-9)).mean()


def build(step, n, t, device, amp):
  cast = lambda: torch.autocast(
    device, torch.bfloat16 if device == 'cpu' else torch.float16, enabled=amp
  )
  views = [
    (torch.rand(n, t, 64, 44, device=device) > 0.5).float() for _ in range(2)
  ]
  labels = torch.arange(n, device=device) // max(n // 8, 1)
  scaler = torch.amp.GradScaler(device, enabled=amp and device == 'cuda')
  if step == 'embed':
    net = SetEncoder().to(device).eval()

    def run():
      with torch.no_grad(), cast():
        net(views[0])

    return run, n * t
  if step == 'gaitbase':
    net = GaitBase().to(device)
    opt = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4)

    def run():
      with cast():
        e, logits = net(views[0])
      loss = triplet(e.float().permute(1, 0, 2), labels)
      loss = loss + F.cross_entropy(
        16 * logits.float(), labels[:, None].expand(n, 16), label_smoothing=0.1
      )
      opt.zero_grad()
      scaler.scale(loss).backward()
      scaler.step(opt)
      scaler.update()

    return run, n * t
  online = nn.ModuleDict(
    dict(
      encoder=SetEncoder(),
      motion=MicroMotion(),
      fc=PartLinear(31, 128, 128),
      projector=Head(),
      predictor=Head(),
    )
  ).to(device)
  target = nn.ModuleDict(
    dict(encoder=SetEncoder(), fc=PartLinear(31, 128, 128), projector=Head())
  ).to(device)
  opt = torch.optim.SGD(online.parameters(), 0.03, 0.9, weight_decay=4e-4)

  def run():
    with cast():
      q = [
        online.predictor(
          online.projector(online.fc(online.motion(online.encoder(v)).amax(1)))
        )
        for v in views
      ]
      with torch.no_grad():
        k = [
          target.projector(target.fc(target.encoder(v).amax(1))) for v in views
        ]
    loss = sum(
      (1 - F.cosine_similarity(a.float(), b.float(), dim=-1)).mean()
      for a, b in zip(q, k[::-1], strict=True)
    )
    opt.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()
    with torch.no_grad():
      for name, module in target.items():
        moving = zip(
          online[name].parameters(), module.parameters(), strict=True
        )
        for a, b in moving:
          b.mul_(0.996).add_(a, alpha=0.004)

  return run, 2 * n * t


def main():
  p = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  p.add_argument(
    '--step', choices=('selfgait', 'gaitbase', 'embed'), default='selfgait'
  )
  p.add_argument('--sequences', type=int, default=8)
  p.add_argument('--frames', type=int, default=10)
  p.add_argument('--device', default='cpu')
  p.add_argument('--amp', action='store_true')
  p.add_argument('--repeats', type=int, default=7)
  a = p.parse_args()
  torch.manual_seed(0)
  torch.backends.cudnn.benchmark = True
  run, frames = build(a.step, a.sequences, a.frames, a.device, a.amp)
  wait = torch.cuda.synchronize if a.device == 'cuda' else lambda: None
  for _ in range(3):
    run()
  wait()
  seconds = []
  for _ in range(a.repeats):
    start = time.perf_counter()
    run()
    wait()
    seconds.append(time.perf_counter() - start)
  median = statistics.median(seconds)
  print(
    json.dumps(
      dict(
        framework='torch ' + torch.__version__,
        step=a.step,
        device=a.device,
        amp=a.amp,
        sequences=a.sequences,
        frames=a.frames,
        seconds=round(median, 5),
        frames_per_second=round(frames / median, 1),
      )
    )
  )


if __name__ == '__main__':
  main()
