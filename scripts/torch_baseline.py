"""Times the same training steps in PyTorch, for comparison.

These are independent implementations of what a PyTorch user would run.
`scripts/benchmark.py step` and `embed` time them with the option `--beside`:

  selfgait    two views, symmetric cosine loss, EMA target, SGD; temporal
              convolutions part by part, as PyTorch users have them
  gaitbase    ResNet-9, horizontal pooling and BNNeck; triplet loss and
              cross-entropy; SGD
  deepgaitv2  the same with pseudo-3D blocks; --layers 1 4 4 1 makes it deep, as
              --setting='layers=(1,4,4,1)' does in benchmark.py
  embed       only the forward pass of the selfgait encoder

Prints one JSON line with the median seconds per step and frames per second (a
frame counts once per view). Needs only torch (requirements-convert.txt).
"""

import argparse
import json
import statistics
import time

import torch
from benchmarks import torch_networks as networks
from torch import nn
from torch.nn import functional as F

SUPERVISED = {
  'gaitbase': networks.GaitBase,
  'deepgaitv2': networks.DeepGaitV2,
}


def build(step, n, t, device, amp, layers):
  """(function that runs one step, number of frames that it sees)."""
  cast = lambda: torch.autocast(
    device, torch.bfloat16 if device == 'cpu' else torch.float16, enabled=amp
  )
  clips = lambda: (torch.rand(n, t, 64, 44, device=device) > 0.5).float()
  if step == 'embed':
    return embed(clips(), cast), n * t
  scaler = torch.amp.GradScaler(device, enabled=amp and device == 'cuda')
  if step == 'selfgait':
    return two_views([clips(), clips()], cast, scaler), 2 * n * t
  net = SUPERVISED[step](layers).to(device)
  labels = torch.arange(n, device=device) // max(n // 8, 1)
  return supervised(net, clips(), labels, cast, scaler), n * t


def embed(clips, cast):
  net = networks.SetEncoder().to(clips.device).eval()

  def run():
    with torch.no_grad(), cast():
      net(clips)

  return run


def supervised(net, clips, labels, cast, scaler):
  opt = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4)

  def run():
    with cast():
      e, logits = net(clips)
    loss = triplet(e.float().permute(1, 0, 2), labels)
    loss = loss + F.cross_entropy(
      16 * logits.float(),
      labels[:, None].expand(*e.shape[:2]),
      label_smoothing=0.1,
    )
    update(opt, scaler, loss)

  return run


def two_views(views, cast, scaler):
  device = views[0].device
  online = nn.ModuleDict(
    dict(
      encoder=networks.SetEncoder(),
      motion=networks.MicroMotion(),
      fc=networks.PartLinear(31, 128, 128),
      projector=networks.Head(),
      predictor=networks.Head(),
    )
  ).to(device)
  target = nn.ModuleDict(
    dict(
      encoder=networks.SetEncoder(),
      fc=networks.PartLinear(31, 128, 128),
      projector=networks.Head(),
    )
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
    update(opt, scaler, loss)
    with torch.no_grad():
      for name, module in target.items():
        moving = zip(
          online[name].parameters(), module.parameters(), strict=True
        )
        for a, b in moving:
          b.mul_(0.996).add_(a, alpha=0.004)

  return run


def triplet(e, labels, margin=0.2):  # e [P, N, D]
  sq = (e**2).sum(-1)
  d = F.relu(sq[:, :, None] + sq[:, None] - 2 * e @ e.transpose(1, 2)).sqrt()
  same = labels[:, None] == labels[None]
  p, n = d.shape[:2]
  hinge = F.relu(
    margin + d[:, same].view(p, n, -1, 1) - d[:, ~same].view(p, n, 1, -1)
  ).view(p, -1)
  return (hinge.sum(1) / ((hinge != 0).sum(1) + 1e-9)).mean()


def update(opt, scaler, loss):
  opt.zero_grad()
  scaler.scale(loss).backward()
  scaler.step(opt)
  scaler.update()


def main():
  p = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  p.add_argument(
    '--step', choices=('selfgait', *SUPERVISED, 'embed'), default='selfgait'
  )
  p.add_argument('--sequences', type=int, default=8)
  p.add_argument('--frames', type=int, default=10)
  p.add_argument(
    '--layers',
    type=int,
    nargs=4,
    default=(1, 1, 1, 1),
    help='blocks in each stage of gaitbase and deepgaitv2',
  )
  p.add_argument('--device', default='cpu')
  p.add_argument('--amp', action='store_true')
  p.add_argument('--repeats', type=int, default=7)
  a = p.parse_args()
  torch.manual_seed(0)
  torch.backends.cudnn.benchmark = True
  run, frames = build(a.step, a.sequences, a.frames, a.device, a.amp, a.layers)
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
